"""What a student costs: estimates, what was simulated, and what the vendor's tools reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.graph import total_ebops
from firmware.cost import CostFigure, analytic_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.model import Model

    Plain = dict[str, Any]


def comparisons_of(records: Sequence[Plain], name: str | None = None) -> list[Plain]:
    """Return the comparisons of one of the models beside the student, or without a name the student's."""
    return [one for one in records if one.get("model") == name]


def model_costs(
    model: Model,
    comparisons: Sequence[Plain],
    *,
    estimates: Sequence[Plain] = (),
    reports: Sequence[Plain] = (),
) -> Plain:
    """Return the costs of a model; ``costs`` holds all of them with ranges and sources.

    Parameters
    ----------
    model
        The model.
    comparisons
        Records of `firmware.compare.Comparison`; the RTL's have the latency that was measured.
    estimates
        Records of `CostFigure` beside those of the quick estimate.
    reports
        Records of `firmware.reports.ReportSet` of this network.
    """
    simulated = [CostFigure(**one["latency"]) for one in comparisons if one.get("latency")]
    figures = (
        *analytic_figures(model.graph),
        *(CostFigure(**figure) for figure in estimates),
        *simulated,
        *(CostFigure(**figure) for one in reports for figure in one["figures"]),
    )

    def chosen(quantity: str, flow: str, stage: str) -> CostFigure:
        key = (quantity, flow, stage)
        return next(one for one in figures if (one.quantity, one.flow, one.stage) == key)

    # The first of its kind is the quick estimate, whatever was reported.
    luts = chosen("luts", "latency", "HLS report")
    latency = (
        simulated[0] if simulated else chosen("latency_ns", "distributed arithmetic", "estimate")
    )
    return {
        "ebops": total_ebops(model.graph),
        "luts_estimate": round(luts.value),
        "luts_flow": luts.flow,
        "luts_stage": luts.stage,
        "latency_ns_estimate": round(latency.value, 1),
        "latency_flow": latency.flow,
        "latency_stage": latency.stage,
        "latency_source": latency.source,
        "costs": [figure.as_dict() for figure in figures],
    }
