# Logic synthesis of the Verilog that HLS wrote, and its reports. Written by l1distill.
set tcldir [file dirname [info script]]
source [file join $tcldir project.tcl]

add_files [glob ${project_name}_prj/solution1/syn/verilog/*]
synth_design -top ${project_name} -part $part -mode out_of_context
# A design of less than one clock has no port for it.
if {[llength [get_ports -quiet ap_clk]]} {
    create_clock -period $clock_period -name ap_clk [get_ports ap_clk]
}
opt_design
write_checkpoint -force vivado_synth.dcp
report_utilization -file vivado_synth.rpt
report_timing_summary -file vivado_synth_timing.rpt
