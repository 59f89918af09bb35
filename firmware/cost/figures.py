"""A cost with all that one must know to read it: flow, stage, range and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from emulator.results import Record

#: How a network becomes hardware: hls4ml's Latency strategy, or shifts and additions.
Flow = Literal["latency", "distributed arithmetic"]

#: How far on its way the figure was taken; they differ by factors of 2 to 7 for one network.
Stage = Literal["estimate", "technology-mapped", "HLS report", "routed", "RTL simulation"]

Quantity = Literal["ebops", "luts", "ffs", "dsps", "logic_levels", "latency_ns"]


@dataclass(frozen=True, slots=True)
class CostFigure(Record):
    """One number.

    Parameters
    ----------
    quantity
        What is counted.
    value, low, high
        The number and the range in which the truth of this stage is expected; equal if counted.
    flow
        The way to hardware.
    stage
        Which stage's number this is, or foretells.
    source
        The program, with its version, or the fit.
    """

    quantity: Quantity
    value: float
    low: float
    high: float
    flow: Flow
    stage: Stage
    source: str

    @classmethod
    def counted(
        cls, quantity: Quantity, value: float, flow: Flow, stage: Stage, source: str
    ) -> CostFigure:
        """Return a figure that a program counted or measured."""
        return cls(quantity, value, value, value, flow, stage, source)
