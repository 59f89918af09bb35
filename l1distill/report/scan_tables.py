"""Tables of what a scan found: working points, efficiencies, comparisons, samples, networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.model import model_from_text
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import khz, number, percent, span, with_error

if TYPE_CHECKING:
    from emulator.scan import Scan


def working_points(done: Scan) -> Table | None:
    """Return the working points of all scorers."""
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


def efficiencies(done: Scan) -> Table | None:
    """Return the efficiencies for all signals."""
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


def comparisons(done: Scan) -> Table | None:
    """Return the ratios to the reference."""
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


def samples(done: Scan) -> Table | None:
    """Return what was read of each sample."""
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


def scenarios(done: Scan) -> Table | None:
    """Return the rate scenario of each condition."""
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


def networks(done: Scan) -> Table | None:
    """Return the hashes of the networks."""
    rows = []
    for name, text in done.plan.counting.models.items():
        model = model_from_text(text, where=name)
        rows.append([Cell(name), Cell(model.network_sha256, look="hash")])
    return make_table(
        "Networks, and the hashes of what they compute.", ("Network", "SHA-256"), rows
    )
