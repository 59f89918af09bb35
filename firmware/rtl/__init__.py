"""RTL of a graph: pipelined Verilog written by alkaid, simulated with Verilator."""

from __future__ import annotations

from firmware.rtl.project import RtlEstimate, RtlProject, build_project, load_project
from firmware.rtl.settings import RtlSettings
from firmware.rtl.simulation import RtlSimulation
from firmware.rtl.timing import RtlTiming

__all__ = [
    "RtlEstimate",
    "RtlProject",
    "RtlSettings",
    "RtlSimulation",
    "RtlTiming",
    "build_project",
    "load_project",
]
