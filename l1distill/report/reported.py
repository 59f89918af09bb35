"""What the vendor's tools reported of a student, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from firmware.cost import CostFigure
from firmware.cost.figures import Stage
from l1distill.report.words import listing, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.report.run_folder import Plain, RunResults


def reported_lines(run: RunResults) -> list[str]:
    """Return a sentence for each project whose reports were brought back."""
    return [_reported(one) for one in run.records("reports")]


def complaints(run: RunResults) -> list[str]:
    """Return what the vendor's tools are not content with."""
    return [str(text) for one in run.records("reports") for text in one["complaints"]]


def _reported(record: Plain) -> str:
    figures = [CostFigure(**figure) for figure in record["figures"]]
    said = [
        f"{number(last.value)} {unit} ({last.stage})"
        for quantity, unit in (("luts", "LUTs"), ("latency_ns", "ns"))
        if (last := _last([one for one in figures if one.quantity == quantity])) is not None
    ]
    clock = record["clock_period_ns"]
    at = "" if clock is None else f", {clock:g} ns clock"
    ends = "".join(f"; {text}" for text in record["complaints"])
    return f"Reported by the vendor's tools ({record['flow']}{at}): {listing(said) or 'no area'}{ends}."


def _last(figures: Sequence[CostFigure]) -> CostFigure | None:
    """Return the figure that was taken furthest on the way to the device."""
    stages = get_args(Stage)
    return max(figures, key=lambda one: stages.index(one.stage), default=None)
