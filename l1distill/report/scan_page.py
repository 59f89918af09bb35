"""The report of a scan: Pareto fronts of efficiency against cost, and all its tables, in one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.model import model_from_text
from firmware.cost import analytic_figures
from l1distill.report import menu_tables
from l1distill.report.dependence_parts import dependence_plots, group_table, turn_on_table
from l1distill.report.figures import (
    Plot,
    label_log_axis,
    new_figure,
    plain,
    plot_style,
    save_plot,
    slug,
)
from l1distill.report.page import Section, render
from l1distill.report.summary import NOT_COMPARED, Statement
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import count, khz, listing, number, percent, span, with_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emulator.rates import Efficiency
    from emulator.scan import Scan
    from l1distill.report.figures import SavedPlot


#: Lines of a statement of the summary; tables have the rest.
_MOST_LINES = 12


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


def candidates(done: Scan) -> dict[tuple[str, str, float], list[Candidate]]:
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


def write_scan_report(
    done: Scan, folder: Path, title: str, caveats: Sequence[str] = ()
) -> list[Path]:
    """Write ``report.html`` of a scan, and the plots in it, into its run folder."""
    groups = candidates(done)
    with plot_style():
        saved, depending = (
            [save_plot(plot, folder / "plots") for plot in plots]
            for plots in (_plots(done, groups), _dependence_plots(done))
        )
    first = done.plan.conditions[0].scenario
    page = render(
        folder / "report.html",
        study=title,
        simulation=False,
        scenario={**first.as_dict(), "crossing_rate_khz": first.crossing_rate_khz},
        summary=[*_summary(done, groups), *_said(caveats)],
        sections=[
            Section(
                "pareto",
                "Efficiency against cost",
                tuple(saved),
                _present([_front_table(groups)]),
                () if groups else ("No signal was scanned with a network.",),
            ),
            Section("rates", "Working points", tables=_present([_points(done)])),
            Section("efficiencies", "Efficiencies", tables=_present([_efficiencies(done)])),
            Section("pairs", "Pair by pair", tables=_present([_comparisons(done)])),
            *_menu_section(done),
            *_dependence_section(done, depending),
            Section("samples", "Samples", tables=_present([_samples(done), _scenarios(done)])),
            Section("networks", "Networks", tables=_present([_networks(done)])),
        ],
    )
    return [page, *(file for plot in (*saved, *depending) for file in plot.files)]


def _menu_of(done: Scan, condition: str) -> dict[str, Any]:
    """Return a condition's menu as a study's results have it."""
    found = done.result.conditions[condition]
    overlap: dict[str, dict[str, float]] = {}
    for pair in found.overlaps:
        overlap.setdefault(pair.other, {})[pair.seed] = pair.rate_khz
    return {
        "seeds": [each.as_dict() for each in found.seeds],
        "overlap_khz": overlap,
        "signals": [each.as_dict() for each in found.menu_efficiencies],
        "pure_working_points": [each.as_dict() for each in found.pure_working_points],
        "pure_efficiencies": [each.as_dict() for each in found.pure_efficiencies],
    }


def _menu_section(done: Scan) -> list[Section]:
    """Return the section if a menu was scanned."""
    if done.plan.counting.menu is None:
        return []
    tables: list[Table | None] = []
    targets = sorted(done.plan.targets_khz)
    for name in done.result.conditions:
        menu = _menu_of(done, name)
        tables += [
            menu_tables.menu_signal_table(menu, done.plan.counting.scorers, targets, name),
            menu_tables.menu_table(menu, name),
            menu_tables.overlap_table(menu, name),
        ]
    notes = tuple(f"{note}." for each in done.result.conditions.values() for note in each.notes)
    title = "The menu, and what each adds to it"
    return [Section("menu", title, tables=_present(tables), missing=notes)]


def _dependence_plots(done: Scan) -> list[Plot]:
    models = list(done.plan.counting.models)
    return [
        plot
        for name, found in done.result.conditions.items()
        for plot in dependence_plots(
            found.rates_in_groups, found.turn_ons, prefix=slug(name), models=models
        )
    ]


def _dependence_section(done: Scan, plots: list[SavedPlot]) -> list[Section]:
    """Return the section if quantities were asked for."""
    tables: list[Table | None] = []
    for found in done.result.conditions.values():
        tables += [group_table(found.rates_in_groups), turn_on_table(found.turn_ons)]
    present = _present(tables)
    title = "Runs, pile-up and turn-on curves"
    return [Section("dependence", title, tuple(plots), present)] if present else []


def _networks(done: Scan) -> Table | None:
    rows = []
    for name, text in done.plan.counting.models.items():
        model = model_from_text(text, where=name)
        rows.append([Cell(name), Cell(model.network_sha256, look="hash")])
    return make_table(
        "Networks, and the hashes of what they compute.", ("Network", "SHA-256"), rows
    )


def _said(caveats: Sequence[str]) -> list[Statement]:
    lines = tuple(f"{one}." for one in caveats)
    return [Statement("What do the samples say?", lines, "open")] if lines else []


def _present(tables: Iterable[Table | None]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)


def _plots(done: Scan, groups: dict[tuple[str, str, float], list[Candidate]]) -> list[Plot]:
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


def _summary(done: Scan, groups: dict[tuple[str, str, float], list[Candidate]]) -> list[Statement]:
    result = done.result
    crossings = sum(each.n_events for each in result.samples)
    what = (
        f"{count(len(done.plan.counting.models), 'network')} and "
        f"{count(len(done.plan.counting.objects), 'object')} in "
        f"{count(len(done.plan.conditions), 'condition')}, {count(crossings, 'crossing')}."
    )
    statements = [Statement("What was scanned?", (what,))]
    top = max(done.plan.targets_khz)
    lines = [
        f"{signal} ({condition}): "
        + listing(
            f"{one.efficiency.model} ({number(one.luts)} LUTs, {percent(one.efficiency.efficiency)} %)"
            for one in members
            if one.on_front
        )
        for (condition, signal, target), members in groups.items()
        if target == top
    ]
    if lines:
        statements.append(Statement(f"Which are worth their LUTs at {khz(top)}?", tuple(lines)))
    statements += [_rated(done), *_menu_statement(done), NOT_COMPARED]
    lost = [f"{each.condition}/{each.sample}: {each.problem}" for each in result.lost]
    lost += [
        f"{each.condition}/{each.sample}: {each.n_events} crossings come more than once"
        for each in result.duplicates
    ]
    if lost:
        statements.append(Statement("What is missing, or twice?", tuple(lost), "open"))
    return statements


def _rated(done: Scan) -> Statement:
    """Say how often each network fires, at the highest target."""
    top = max(done.plan.targets_khz)
    lines = [
        f"{point.model} ({condition}): threshold {point.threshold:,}, "
        f"{with_error(point.rate_khz, point.error_khz)} kHz"
        f"{'' if point.for_ranking else '; not for ranking'}."
        for condition, point in done.result.working_points
        if point.target_khz == top and point.model in done.plan.counting.models
    ]
    more = len(lines) - _MOST_LINES
    if more > 0:
        lines = [*lines[:_MOST_LINES], f"{count(more, 'working point')} more are in the table."]
    return Statement(f"How often do they fire, at {khz(top)}?", tuple(lines))


def _menu_statement(done: Scan) -> list[Statement]:
    """Say which network and which object add most to the menu, at the highest pure rate."""
    top = max(done.plan.targets_khz)
    lines = []
    for name, found in done.result.conditions.items():
        if not found.seeds:
            continue
        whole = found.seeds[-1]
        lines.append(
            f"The menu ({name}) accepts {with_error(whole.rate_khz, whole.error_khz)} kHz."
        )
        ranked = {
            one.model
            for one in found.pure_working_points
            if one.target_khz == top and one.for_ranking
        }
        for kept in found.menu_efficiencies:
            gains = [
                one
                for one in found.pure_efficiencies
                if (one.signal, one.target_khz) == (kept.signal, top) and one.model in ranked
            ]
            best = [
                max(some, key=lambda one: one.efficiency)
                for some in (
                    [one for one in gains if one.model in done.plan.counting.models],
                    [one for one in gains if one.model in done.plan.counting.objects],
                )
                if some
            ]
            more = listing(f"{percent(one.efficiency)} % more by {one.model}" for one in best)
            lines.append(
                f"{kept.signal} ({name}): {percent(kept.efficiency)} % by the menu"
                f"{', and ' if more else ''}{more}."
            )
    title = f"What is gained on top of the menu, at a pure rate of {khz(top)}?"
    return [Statement(title, tuple(lines))] if lines else []


def _front_table(groups: dict[tuple[str, str, float], list[Candidate]]) -> Table | None:
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


def _points(done: Scan) -> Table | None:
    rows = [
        [
            Cell(point.model),
            Cell(condition),
            Cell(khz(point.target_khz)),
            number_cell(f"{point.threshold:,}"),
            number_cell(with_error(point.rate_khz, point.error_khz)),
            number_cell(span(point.low_khz, point.high_khz)),
            Cell("yes") if point.for_ranking else Cell("not for ranking", look="open"),
        ]
        for condition, point in done.result.working_points
    ]
    return make_table(
        "Thresholds set on the setting crossings, rates measured on others; bootstrap errors.",
        ("Scorer", "Condition", "Target", "Threshold", "Rate (kHz)", "68 % (kHz)", "Ranking"),
        rows,
    )


def _efficiencies(done: Scan) -> Table | None:
    rows = [
        [
            Cell(one.signal),
            Cell(condition),
            Cell(khz(one.target_khz)),
            Cell(one.model),
            number_cell(percent(one.efficiency)),
            number_cell(span(one.low_total, one.high_total, scale=100)),
        ]
        for condition, one in done.result.efficiencies
    ]
    return make_table(
        "Efficiencies in per cent at fixed rates; intervals with the error of the threshold.",
        ("Signal", "Condition", "Rate", "Scorer", "Efficiency (%)", "68 %"),
        rows,
    )


def _comparisons(done: Scan) -> Table | None:
    rows = [
        [
            Cell(one.signal),
            Cell(condition),
            Cell(khz(one.target_khz)),
            Cell(f"{one.model} / {one.reference}"),
            number_cell("–" if one.ratio is None else number(one.ratio)),
            number_cell("–" if one.ratio is None else span(one.ratio_low, one.ratio_high)),
        ]
        for condition, one in done.result.comparisons
    ]
    return make_table(
        "Ratios of efficiencies on the same crossings, paired bootstrap.",
        ("Signal", "Condition", "Rate", "Models", "Ratio", "68 %"),
        rows,
    )


def _samples(done: Scan) -> Table | None:
    rows = [
        [
            Cell(each.sample),
            Cell(each.condition),
            number_cell(f"{each.n_files:,}"),
            Cell(f"{each.n_files_lost:,}", look="number bad" if each.n_files_lost else "number"),
            number_cell(f"{each.n_events:,}"),
            number_cell(number(each.weight, 6)),
        ]
        for each in done.result.samples
    ]
    return make_table(
        "What was read; lost files are in no numerator and no denominator.",
        ("Sample", "Condition", "Files", "Lost", "Crossings", "Weight"),
        rows,
    )


def _scenarios(done: Scan) -> Table | None:
    rows: list[list[Cell]] = []
    for each in done.plan.conditions:
        values: dict[str, Any] = each.scenario.as_dict()
        rows.append(
            [
                Cell(each.name),
                Cell(each.scenario.name),
                number_cell(f"{values['sqrt_s_tev']:g}"),
                number_cell(f"{values['n_bunches']:,}"),
                number_cell(f"{values['pileup']:g}"),
                number_cell(number(each.scenario.crossing_rate_khz, 6)),
            ]
        )
    return make_table(
        "Rate scenarios of the conditions.",
        ("Condition", "Scenario", "TeV", "Bunches", "Pile-up", "Crossings (kHz)"),
        rows,
    )
