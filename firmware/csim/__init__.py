"""C-simulation of a graph through hls4ml and g++."""

from __future__ import annotations

from firmware.csim.simulation import CSimulation

__all__ = ["CSimulation"]
