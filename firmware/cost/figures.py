"""A cost with all that one must know to read it: flow, stage, range and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: How a network becomes hardware: hls4ml's strategies; unknown if reports do not say.
Flow = Literal["latency", "resource", "distributed arithmetic", "unknown"]

#: How far on its way the figure was taken; they differ by factors of 2 to 7 for one network. In the
#: order of the way, so that what comes later is nearer to the device.
Stage = Literal[
    "estimate",
    "technology-mapped",
    "HLS report",
    "synthesised",
    "placed",
    "routed",
    "RTL simulation",
    "co-simulation",
]


@dataclass(frozen=True, slots=True)
class CostFigure(Record):
    """One number.

    Parameters
    ----------
    quantity
        What is counted: ``ebops``, ``luts``, ``ffs``, ``dsps``, ``logic_levels``, ``latency_ns``; reports
        of the vendor's tools have further ones, see `firmware.reports.Report`.
    value, low, high
        The number and the range in which the truth of this stage is expected; equal if counted.
    flow
        The way to hardware.
    stage
        Which stage's number this is, or foretells.
    source
        The program, with its version, or the fit.
    """

    quantity: str
    value: float
    low: float
    high: float
    flow: Flow
    stage: Stage
    source: str

    @classmethod
    def counted(
        cls, quantity: str, value: float, flow: Flow, stage: Stage, source: str
    ) -> CostFigure:
        """Return a figure that a program counted or measured."""
        return cls(quantity, value, value, value, flow, stage, source)

    @property
    def is_counted(self) -> bool:
        """Whether a program counted or measured it, so that it has no range."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class LutComparison(Record):
    """The LUTs of all flows at one stage.

    Parameters
    ----------
    stage
        The stage.
    luts
        The figure of each flow that has one.
    """

    stage: Stage
    luts: Mapping[Flow, CostFigure]

    @property
    def saved(self) -> float | None:
        """Part of the LUTs of the latency flow that distributed arithmetic saves; None if one is unknown."""
        latency, arithmetic = self.luts.get("latency"), self.luts.get("distributed arithmetic")
        if latency is None or arithmetic is None:
            return None
        return 1 - arithmetic.value / latency.value


def luts_by_stage(figures: Iterable[CostFigure]) -> tuple[LutComparison, ...]:
    """Put the LUTs of the flows side by side, stage by stage; what was counted wins over estimates.

    Examples
    --------
    >>> guess = CostFigure("luts", 90, 45, 180, "latency", "HLS report", "fit")
    >>> found = CostFigure.counted("luts", 100, "latency", "HLS report", "Vitis HLS")
    >>> other = CostFigure.counted("luts", 40, "distributed arithmetic", "HLS report", "Vitis HLS")
    >>> [(one.stage, one.luts["latency"].value, one.saved) for one in luts_by_stage([found, guess, other])]
    [('HLS report', 100, 0.6)]
    """
    chosen: dict[Stage, dict[Flow, CostFigure]] = {}
    # Sorting keeps the order of equals: the last one of them wins.
    for one in sorted(figures, key=lambda figure: figure.is_counted):
        if one.quantity == "luts":
            chosen.setdefault(one.stage, {})[one.flow] = one
    stages = [stage for stage in get_args(Stage) if stage in chosen]
    return tuple(LutComparison(stage, chosen[stage]) for stage in stages)
