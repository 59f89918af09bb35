"""What the networks cost: every figure with flow, stage and source, and the flows side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware.cost import CostFigure, luts_by_stage
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import UNKNOWN, number, percent

if TYPE_CHECKING:
    from l1distill.report.run_folder import Plain, RunResults


def cost_table(run: RunResults) -> Table | None:
    """Return the costs of the networks: estimates, what was simulated, and what was reported."""
    rows = [
        [
            Cell(str(model["name"])),
            Cell(figure.quantity.replace("_", " ")),
            number_cell(number(figure.value)),
            Cell("counted" if figure.is_counted else _range(figure)),
            Cell(figure.flow),
            Cell(figure.stage),
            Cell(figure.source),
        ]
        for model in run.records("models")
        for figure in _figures(model)
    ]
    return make_table(
        "What the networks cost, flow by flow. For one network the figures of two stages differ by "
        "factors of 2 to 7; the range is what the estimate promises.",
        ("Network", "Quantity", "Value", "Range", "Flow", "Stage", "Source"),
        rows,
        heads=2,
    )


def flow_table(run: RunResults) -> Table | None:
    """Return the LUTs of the networks, the flows side by side, stage by stage."""
    compared = [
        (str(model["name"]), row)
        for model in run.records("models")
        for row in luts_by_stage(_figures(model))
    ]
    flows = list(dict.fromkeys(flow for _, row in compared for flow in row.luts))
    rows = [
        [
            Cell(name),
            Cell(row.stage),
            *(_luts(row.luts.get(flow)) for flow in flows),
            number_cell(UNKNOWN if row.saved is None else f"{percent(row.saved)} %"),
        ]
        for name, row in compared
    ]
    return make_table(
        "LUTs, the flows side by side; only figures of one stage compare. What was counted stands in "
        "place of its estimate.",
        ("Network", "Stage", *flows, "Distributed arithmetic saves"),
        rows,
        heads=2,
    )


def _figures(model: Plain) -> list[CostFigure]:
    return [CostFigure(**figure) for figure in model.get("costs") or ()]


def _range(figure: CostFigure) -> str:
    return f"{number(figure.low)} to {number(figure.high)}"


def _luts(figure: CostFigure | None) -> Cell:
    if figure is None:
        return number_cell(UNKNOWN)
    return Cell(
        number(figure.value), ("counted" if figure.is_counted else _range(figure),), look="number"
    )
