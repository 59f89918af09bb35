"""RTL of a graph: pipelined Verilog written by alkaid, simulated with Verilator."""

from __future__ import annotations

from firmware.rtl.settings import RtlSettings
from firmware.rtl.simulation import RtlEstimate, RtlSimulation

__all__ = ["RtlEstimate", "RtlSettings", "RtlSimulation"]
