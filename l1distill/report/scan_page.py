"""The report of a scan: Pareto fronts of efficiency against cost, and all its tables, in one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l1distill.report import menu_tables, scan_tables
from l1distill.report.dependence_parts import dependence_plots, group_table, turn_on_table
from l1distill.report.figures import Plot, plot_style, save_plot, slug
from l1distill.report.page import Section, render
from l1distill.report.scan_front import candidates, front_plots, front_table
from l1distill.report.summary import NOT_COMPARED, Statement
from l1distill.report.words import count, khz, listing, number, percent, with_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emulator.scan import Scan
    from l1distill.report.figures import SavedPlot
    from l1distill.report.scan_front import Groups
    from l1distill.report.tables import Table


#: Lines of a statement of the summary; tables have the rest.
_MOST_LINES = 12


def write_scan_report(
    done: Scan, folder: Path, title: str, caveats: Sequence[str] = ()
) -> list[Path]:
    """Write ``report.html`` of a scan, and the plots in it, into its run folder."""
    groups = candidates(done)
    with plot_style():
        saved, depending = (
            [save_plot(plot, folder / "plots") for plot in plots]
            for plots in (front_plots(done, groups), _dependence_plots(done))
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
                _present([front_table(groups)]),
                () if groups else ("No signal was scanned with a network.",),
            ),
            Section("rates", "Working points", tables=_present([scan_tables.working_points(done)])),
            Section(
                "efficiencies", "Efficiencies", tables=_present([scan_tables.efficiencies(done)])
            ),
            Section("pairs", "Pair by pair", tables=_present([scan_tables.comparisons(done)])),
            *_menu_section(done),
            *_dependence_section(done, depending),
            Section(
                "samples",
                "Samples",
                tables=_present([scan_tables.samples(done), scan_tables.scenarios(done)]),
            ),
            Section("networks", "Networks", tables=_present([scan_tables.networks(done)])),
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


def _said(caveats: Sequence[str]) -> list[Statement]:
    lines = tuple(f"{one}." for one in caveats)
    return [Statement("What do the samples say?", lines, "open")] if lines else []


def _present(tables: Iterable[Table | None]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)


def _summary(done: Scan, groups: Groups) -> list[Statement]:
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
