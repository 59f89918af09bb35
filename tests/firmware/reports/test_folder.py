"""Reports written by hand after the documented formats: read, and told of when they are damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import InputFileError
from firmware.reports import read_reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CSYNTH = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion><Version>2023.1</Version></ReportVersion>
<UserAssignments>
<unit>ns</unit><ProductFamily>virtexuplus</ProductFamily><Part>xcvu13p-flga2577-2-e</Part>
<TopModelName>l1network</TopModelName>
<TargetClockPeriod>5.00</TargetClockPeriod><ClockUncertainty>1.35</ClockUncertainty>
<FlowTarget>vivado</FlowTarget>
</UserAssignments>
<PerformanceEstimates>
<PipelineType>yes</PipelineType>
<SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>3.512</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>8</Best-caseLatency><Average-caseLatency>8</Average-caseLatency>
<Worst-caseLatency>9</Worst-caseLatency>
<PipelineInitiationInterval>1</PipelineInitiationInterval><PipelineDepth>9</PipelineDepth>
<Interval-min>1</Interval-min><Interval-max>1</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources><DSP>12</DSP><FF>4521</FF><LUT>32110</LUT><BRAM_18K>0</BRAM_18K><URAM>0</URAM></Resources>
<AvailableResources><BRAM_18K>5376</BRAM_18K><DSP>12288</DSP><FF>3456000</FF><LUT>1728000</LUT></AvailableResources>
</AreaEstimates>
</profile>
"""
VIVADO_CSYNTH = CSYNTH.replace("<DSP>12</DSP>", "<DSP48E>12</DSP48E>").replace("2023.1", "2019.2")

COSIM = """
================================================================
== Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v2023.1
================================================================
Report time       : Thu 01 Jan 2026 10:00:00 AM UTC.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+
|          |          |            Latency(Clock Cycles)              |           Interval(Clock Cycles)              | Total Execution Time |
+    RTL   +  Status  +-----------------------------------------------+-----------------------------------------------+    (Clock Cycles)    +
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |                      |
+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+
|      VHDL|        NA|             NA|             NA|             NA|             NA|             NA|             NA|                    NA|
|   Verilog|      Pass|              8|              8|              9|              1|              1|              2|                  1008|
+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+
"""
HEADER = """Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
---------------------------------------------------------------------------
| Tool Version : Vivado v.2023.1 (lin64) Build 3865809 Sun May  7 15:04:56 MDT 2023
| Date         : Thu Jan  1 10:00:00 2026
| Command      : {command}
| Design       : l1network
| Device       : xcvu13p-flga2577-2-e
| Speed File   : -2
| Design State : {state}
---------------------------------------------------------------------------
"""
UTILISATION = """
Utilization Design Information

Table of Contents
-----------------
1. CLB Logic
2. BLOCKRAM

1. CLB Logic
------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs*                  | 15011 |     0 |          0 |   1728000 |  0.87 |
|   LUT as Logic             | 14900 |     0 |          0 |   1728000 |  0.86 |
| CLB Registers              |  3899 |     0 |          0 |   3456000 |  0.11 |
+----------------------------+-------+-------+------------+-----------+-------+
* Warning! The Final LUT count, after physical optimizations and full implementation, is typically lower.

2. BLOCKRAM
-----------

| Block RAM Tile |  1.5 |     0 |          0 |      2688 |  0.06 |
| URAM           |    0 |     0 |          0 |      1280 |  0.00 |

3. ARITHMETIC
-------------

| DSPs      |    7 |     0 |          0 |     12288 |  0.06 |
"""
TIMING = """
Timing Summary Report

------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
      0.417        0.000                      0                10321        0.011        0.000                      0                10321        2.225        0.000                       0                  4521


All user specified timing constraints are met.
"""
SUMMARY = {
    "name": "student",
    "network_sha256": "abc",
    "project_name": "l1network",
    "strategy": "distributed_arithmetic",
    "clock_period_ns": 5.0,
}


def utilisation(state: str) -> str:
    return (
        HEADER.format(command="report_utilization -file vivado_impl.rpt", state=state) + UTILISATION
    )


def timing(state: str) -> str:
    command = "report_timing_summary -file vivado_impl_timing.rpt"
    return HEADER.format(command=command, state=state) + TIMING


FILES: dict[str, str] = {
    "l1distill.json": json.dumps(SUMMARY),
    "l1network_prj/solution1/syn/report/l1network_csynth.xml": CSYNTH,
    "l1network_prj/solution1/syn/report/csynth.xml": CSYNTH.replace("32110", "1"),
    "l1network_prj/solution1/syn/report/dense_latency_csynth.xml": CSYNTH.replace("32110", "2"),
    "l1network_prj/solution1/syn/report/l1network_csynth.rpt": "Utilization Estimates",
    "l1network_prj/solution1/sim/report/l1network_cosim.rpt": COSIM,
    "vivado_synth.rpt": utilisation("Synthesized"),
    "vivado_impl.rpt": utilisation("Routed").replace("15011", "14002"),
    "vivado_impl_timing.rpt": timing("Routed"),
    "notes.rpt": "nothing of ours",
}


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Writes a project's reports; keywords of the call change or, with None, leave out a file."""

    def write(changes: dict[str, str | None] | None = None) -> Path:
        for name, text in {**FILES, **(changes or {})}.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is not None:
                path.write_text(text)
        return tmp_path / "project"

    return write


def by_stage(found: dict[str, object]) -> dict[tuple[str, str], float]:
    figures = found["figures"]
    assert isinstance(figures, list)
    return {(one["stage"], one["quantity"]): one["value"] for one in figures}


def test_every_report_of_a_project_is_read(project: Callable[..., Path]) -> None:
    found = read_reports(project())
    assert (found.network, found.network_sha256, found.flow) == (
        "student",
        "abc",
        "distributed arithmetic",
    )
    assert [report.stage for _, report in found.reports] == [
        "HLS report",
        "co-simulation",
        "synthesised",
        "routed",
        "routed",
    ]
    values = by_stage(found.as_dict())
    assert values == {
        ("HLS report", "luts"): 32_110,
        ("HLS report", "ffs"): 4_521,
        ("HLS report", "dsps"): 12,
        ("HLS report", "brams"): 0,
        ("HLS report", "urams"): 0,
        ("HLS report", "latency_clocks"): 8,
        ("HLS report", "latency_clocks_max"): 9,
        ("HLS report", "interval_clocks"): 1,
        ("HLS report", "interval_clocks_max"): 1,
        ("HLS report", "clock_target_ns"): 5.0,
        ("HLS report", "clock_estimated_ns"): 3.512,
        ("HLS report", "latency_ns"): 45.0,
        ("co-simulation", "latency_clocks"): 8,
        ("co-simulation", "latency_clocks_max"): 9,
        ("co-simulation", "interval_clocks"): 1,
        ("co-simulation", "interval_clocks_max"): 2,
        ("co-simulation", "latency_ns"): 45.0,
        ("synthesised", "luts"): 15_011,
        ("synthesised", "ffs"): 3_899,
        ("synthesised", "dsps"): 7,
        ("synthesised", "brams"): 1.5,
        ("synthesised", "urams"): 0,
        ("routed", "luts"): 14_002,
        ("routed", "ffs"): 3_899,
        ("routed", "dsps"): 7,
        ("routed", "brams"): 1.5,
        ("routed", "urams"): 0,
        ("routed", "wns_ns"): 0.417,
        ("routed", "tns_ns"): 0.0,
        ("routed", "whs_ns"): 0.011,
        ("routed", "ths_ns"): 0.0,
    }
    sources = {one["stage"]: one["source"] for one in found.as_dict()["figures"]}
    assert sources["HLS report"].startswith(
        "Vitis HLS 2023.1, xcvu13p-flga2577-2-e, l1network_prj/"
    )
    assert sources["routed"] == "Vivado 2023.1, xcvu13p-flga2577-2-e, vivado_impl_timing.rpt"
    assert all(report.passed is not False for _, report in found.reports)


def test_copies_without_a_project_do(tmp_path: Path) -> None:
    (tmp_path / "csynth.xml").write_text(VIVADO_CSYNTH)
    (tmp_path / "a.rpt").write_text(
        utilisation("Fully Placed")
        .replace("CLB LUTs*", "Slice LUTs")
        .replace("CLB Reg", "Slice Reg")
    )
    found = read_reports(tmp_path)
    assert (found.flow, found.clock_period_ns) == ("unknown", 5.0)
    values = by_stage(found.as_dict())
    assert values["HLS report", "dsps"] == 12
    assert values["placed", "luts"] == 15_011
    assert found.reports[0][1].tool == "Vivado HLS 2019.2"
    (tmp_path / "csynth.xml").rename(tmp_path / "a_csynth.xml")
    assert by_stage(read_reports(tmp_path).as_dict())["HLS report", "luts"] == 32_110
    (tmp_path / "b_csynth.xml").write_text(CSYNTH)
    with pytest.raises(InputFileError, match=r"several functions \(a_csynth.xml, b_csynth.xml\)"):
        read_reports(tmp_path)


def test_what_failed_is_told(project: Callable[..., Path]) -> None:
    failed = COSIM.replace("Pass", "Fail").replace("|              8|              8|", "|NA|NA|")
    late = (
        timing("Routed").replace("0.417 ", "-0.210").replace("constraints are met", "are not met")
    )
    root = project(
        {
            "l1network_prj/solution1/sim/report/l1network_cosim.rpt": failed,
            "vivado_impl_timing.rpt": late,
        }
    )
    found = {report.kind: report for _, report in read_reports(root).reports}
    assert found["co-simulation"].passed is False
    assert "latency_clocks" not in found["co-simulation"].figures
    assert found["timing"].passed is False
    assert found["timing"].figures["wns_ns"] == -0.21


HLS = "l1network_prj/solution1/syn/report/l1network_csynth.xml"
SIM = "l1network_prj/solution1/sim/report/l1network_cosim.rpt"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (HLS, CSYNTH[: len(CSYNTH) // 2], "it is no XML"),
        (HLS, "", "it is no XML"),
        (HLS, CSYNTH.replace("<LUT>32110</LUT>", ""), "has no LUT and FF"),
        (HLS, CSYNTH.replace("32110", "many"), "LUT is 'many', no number"),
        (HLS, CSYNTH.replace("EstimatedClockPeriod", "Clock"), "it has no PerformanceEstimates/"),
        (HLS, CSYNTH.replace("<profile>", "<!DOCTYPE x><profile>"), "defines no entities"),
        (SIM, COSIM[: COSIM.index("|   Verilog")], "no row of Verilog or VHDL with a result"),
        (SIM, COSIM[: COSIM.index("Pass") + 30], "the row of Verilog has 3 of 8 columns"),
        (SIM, COSIM.replace("|              9|", "|   nine|"), "column 5 of Verilog is 'nine'"),
        (SIM, "\x00\x01garbage", "no row of Verilog"),
        ("vivado_impl.rpt", utilisation("Routed")[:700], "no row of luts and ffs and dsps"),
        ("vivado_impl.rpt", utilisation("Routed").partition("3. ARITH")[0], "no row of dsps"),
        ("vivado_impl.rpt", utilisation("Routed").replace("15011", "-"), "luts is '-', no number"),
        ("vivado_impl.rpt", utilisation("Molten"), "its design state is 'molten'"),
        (
            "vivado_impl_timing.rpt",
            timing("Routed").partition("WNS")[0],
            "no Design Timing Summary",
        ),
        (
            "vivado_impl_timing.rpt",
            timing("Routed").partition("0.417")[0] + "0.417 0.000",
            "the row of its Design Timing Summary is not whole",
        ),
        ("vivado_impl_timing.rpt", timing("Routed").replace("0.417", "fast"), "WNS(ns) is 'fast'"),
    ],
)
def test_damaged_reports_are_told_in_one_sentence(
    project: Callable[..., Path], name: str, text: str, sentence: str
) -> None:
    root = project({name: text})
    with pytest.raises(InputFileError) as caught:
        read_reports(root)
    said = str(caught.value)
    assert sentence in said
    assert said.startswith(str(root / name))
    assert "is cut short or damaged" in said
    assert "\n" not in said


def test_no_damage_ends_otherwise(project: Callable[..., Path]) -> None:
    rng = np.random.default_rng(5)
    root = project()
    for name in (HLS, SIM, "vivado_impl.rpt", "vivado_impl_timing.rpt", "l1distill.json"):
        whole = (root / name).read_bytes()
        outcomes = set()
        for _ in range(150):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), rng.integers(1, 30)):
                damaged[place] = rng.integers(0, 256)
            cut = int(rng.integers(0, len(whole))) if rng.random() < 0.5 else len(whole)
            (root / name).write_bytes(bytes(damaged[:cut]))
            try:
                json.dumps(read_reports(root).as_dict(), allow_nan=False)
                outcomes.add("read")
            except InputFileError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is good
                outcomes.add("refused")
        (root / name).write_bytes(whole)
        assert "refused" in outcomes


def test_missing_reports_are_told(project: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="there is no such folder"):
        read_reports(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputFileError, match=r"has no report: .*run `make synthesis`"):
        read_reports(empty)
    root = project({"l1distill.json": "{"})
    with pytest.raises(InputFileError, match=r"l1distill.json.*cannot be read as JSON"):
        read_reports(root)
    (root / "l1distill.json").write_text("[]")
    with pytest.raises(InputFileError, match="is not what `firmware build` writes"):
        read_reports(root)
