# Place and route of what vivado_synth.tcl left, and its reports. Written by l1distill.
open_checkpoint vivado_synth.dcp
place_design
phys_opt_design
route_design
report_utilization -file vivado_impl.rpt
report_timing_summary -file vivado_impl_timing.rpt
