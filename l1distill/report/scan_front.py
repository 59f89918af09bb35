"""Models of a scan as compromises of cost and efficiency, and the front of those that no other beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.model import model_from_text
from firmware.cost import analytic_figures
from l1distill.report.figures import Plot, label_log_axis, new_figure, plain, slug
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import count, khz, number, percent, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.rates import Efficiency
    from emulator.scan import Scan

    # Models by condition, signal and target rate.
    Groups = dict[tuple[str, str, float], list["Candidate"]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model as a compromise of cost and efficiency, for one signal at one rate.

    Attributes
    ----------
    efficiency
        What it keeps.
    luts, luts_low, luts_high
        Estimated LUTs, and the range that the estimate promises.
    on_front
        Whether no other model keeps at least as much for at most as many LUTs, and is better in one.
    """

    efficiency: Efficiency
    luts: float
    luts_low: float
    luts_high: float
    on_front: bool


def pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Tell which points of (cost, gain) no other dominates.

    Examples
    --------
    >>> pareto_front([(100, 0.2), (200, 0.3), (300, 0.25), (100, 0.1)])
    [True, True, False, False]
    """
    return [
        not any(
            other_cost <= cost and other_gain >= gain and (other_cost, other_gain) != (cost, gain)
            for other_cost, other_gain in points
        )
        for cost, gain in points
    ]


def candidates(done: Scan) -> Groups:
    """Return the models of a scan by condition, signal and target rate, cheapest first."""
    luts = {}
    for name, text in done.plan.counting.models.items():
        figures = analytic_figures(model_from_text(text, where=name).graph)
        luts[name] = next(
            each
            for each in figures
            if (each.quantity, each.flow, each.stage) == ("luts", "latency", "HLS report")
        )
    groups: dict[tuple[str, str, float], list[Efficiency]] = {}
    for condition, each in done.result.efficiencies:
        if each.model in luts:
            groups.setdefault((condition, each.signal, each.target_khz), []).append(each)
    found = {}
    for key, members in groups.items():
        front = pareto_front([(luts[one.model].value, one.efficiency) for one in members])
        made = [
            Candidate(one, cost.value, cost.low, cost.high, on_front)
            for one, on_front in zip(members, front, strict=True)
            for cost in (luts[one.model],)
        ]
        found[key] = sorted(made, key=lambda each: each.luts)
    return found


def front_plots(done: Scan, groups: Groups) -> list[Plot]:
    """Return one front for each condition and signal, at the highest target rate."""
    top = max(done.plan.targets_khz)
    return [
        _front_plot(condition, signal, target, members)
        for (condition, signal, target), members in groups.items()
        if target == top and len(members) > 1
    ]


def _front_plot(condition: str, signal: str, target: float, members: list[Candidate]) -> Plot:
    figure = new_figure(8.4)
    axes = figure.add_subplot()
    front = [one for one in members if one.on_front]
    axes.step(
        [one.luts for one in front],
        [100 * one.efficiency.efficiency for one in front],
        where="post",
        color="#bd1f01",
        linewidth=2,
        label="Pareto front",
    )
    for place, one in enumerate(members):
        value = one.efficiency.efficiency
        axes.errorbar(
            one.luts,
            100 * value,
            yerr=[
                [100 * max(value - one.efficiency.low_total, 0)],
                [100 * max(one.efficiency.high_total - value, 0)],
            ],
            marker="o",
            markersize=10,
            color="#bd1f01" if one.on_front else "#717581",
            capsize=4,
            linestyle="none",
        )
        axes.annotate(
            plain(one.efficiency.model), (one.luts, 100 * value), (10, 12 - 24 * (place % 3)),
            textcoords="offset points", size=16,
        )  # fmt: skip
    low, high = members[0].luts, members[-1].luts
    axes.set_xscale("log")
    axes.set_xlim(low / 1.5, high * 2.2)
    axes.margins(y=0.25)
    label_log_axis(axes.xaxis)
    axes.set_xlabel("LUTs (estimate)")
    axes.set_ylabel(f"Efficiency at {khz(target)} (%)")
    axes.set_title(f"{plain(signal)}, {plain(condition)}", size=20, loc="left")
    figure.legend(loc="outside lower center")
    return Plot(
        name=f"pareto_{slug(condition)}_{slug(signal)}",
        title=f"{signal} ({condition})",
        alt=f"Efficiency of {signal} against estimated LUTs of {count(len(members), 'model')}",
        caption=(
            "Bars: 68 % with the error of the threshold; a step smaller than they are is none. LUT "
            "estimates are good to a factor of two, but rank models of one kind better than that."
        ),
        figure=figure,
        points={
            "condition": condition,
            "signal": signal,
            "target_khz": target,
            "points": [
                {
                    **one.efficiency.as_dict(),
                    "luts": one.luts,
                    "luts_low": one.luts_low,
                    "luts_high": one.luts_high,
                    "on_front": one.on_front,
                }
                for one in members
            ],
        },
    )


def front_table(groups: Groups) -> Table | None:
    """Return what each model costs and keeps."""
    rows = [
        [
            Cell(signal),
            Cell(condition),
            Cell(khz(target)),
            Cell(one.efficiency.model),
            number_cell(number(one.luts)),
            number_cell(span(one.luts_low, one.luts_high)),
            Cell(
                percent(one.efficiency.efficiency),
                (span(one.efficiency.low_total, one.efficiency.high_total, scale=100),),
                "number best" if one.on_front else "number",
            ),
        ]
        for (condition, signal, target), members in groups.items()
        for one in members
    ]
    return make_table(
        "Models on the Pareto front are marked: no other keeps as much for as few LUTs.",
        ("Signal", "Condition", "Rate", "Model", "LUTs (estimate)", "Range", "Efficiency (%)"),
        rows,
        heads=2,
    )
