"""Rates, working points and efficiencies of several models on the same crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.rates import (
    Crossings,
    Efficiency,
    PairedComparison,
    RateScenario,
    ScoreCounts,
    WorkingPoint,
    compare_paired,
    efficiency_at,
    efficiency_curve,
    rate_curve,
    working_point,
)
from emulator.rates.paired import ModelScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from emulator.rates import PrescaleColumn
    from l1distill.score_table import ScoreTable


@dataclass(frozen=True)
class Bootstrap:
    """Replicas and seed that all counts of one evaluation share."""

    replicas: int = 200
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What fires, at what rate, and what is kept.

    Parameters
    ----------
    scenario
        Turns fractions of crossings into rates.
    working_points
        One for each model and target rate.
    efficiencies
        One for each signal, model and target rate.
    rate_curves
        For each model, rate against threshold on the measuring crossings.
    efficiency_curves
        For each signal and model, efficiency against rate.
    """

    scenario: RateScenario
    working_points: tuple[WorkingPoint, ...]
    efficiencies: tuple[Efficiency, ...]
    rate_curves: Mapping[str, pd.DataFrame]
    efficiency_curves: Mapping[tuple[str, str], pd.DataFrame]


def crossings_of(table: ScoreTable, bootstrap: Bootstrap, stream: str) -> Crossings:
    """Return weights and blocks of a table's crossings; ``stream`` names the sample."""
    return Crossings.of(
        len(table),
        weights=table.weights,
        pool_ids=table.pool_ids,
        stream=stream,
        replicas=bootstrap.replicas,
        seed=bootstrap.seed,
    )


def count_scores(
    table: ScoreTable,
    model: str,
    bootstrap: Bootstrap,
    stream: str,
    *,
    on_top_of: PrescaleColumn | None = None,
) -> ScoreCounts:
    """Count one model's scores of a table.

    Parameters
    ----------
    table, model
        The crossings, and whose scores.
    bootstrap, stream
        Replicas and seed, and the name of the sample.
    on_top_of
        Seeds and prescales of the table's decisions: count only what they leave.
    """
    kept = None
    if on_top_of is not None and table.decisions is not None:
        kept = on_top_of.none_accepts(table.decisions)
    crossings = crossings_of(table, bootstrap, stream)
    return ScoreCounts.from_crossings(table.scores[model], crossings, kept=kept)


def evaluate(
    setting: ScoreTable,
    measuring: ScoreTable,
    signals: Mapping[str, ScoreTable],
    *,
    scenario: RateScenario,
    targets_khz: Sequence[float],
    bootstrap: Bootstrap | None = None,
    denominators: Mapping[str, str] | None = None,
    on_top_of: PrescaleColumn | None = None,
) -> Evaluation:
    """Set thresholds at fixed rates, measure the rates elsewhere, and take the efficiencies there.

    Parameters
    ----------
    setting, measuring
        Zero-bias crossings that set the thresholds, and others that measure the rates.
    signals
        Crossings of each signal.
    scenario
        Turns fractions of zero-bias crossings into rates.
    targets_khz
        Target rates, kHz.
    bootstrap
        Replicas and seed.
    denominators
        For each signal, what its efficiency is a fraction of.
    on_top_of
        Seeds and prescales of the tables' decisions. All rates and efficiencies are then *pure* ones: of
        crossings that the menu does not accept.

    Returns
    -------
    Results for every model or baseline that all tables have.

    Raises
    ------
    L1Error
        If a set is empty or its crossings cannot be told apart from another's.
    """
    drawn = bootstrap or Bootstrap()
    named = denominators or {}
    points: list[WorkingPoint] = []
    efficiencies: list[Efficiency] = []
    rates: dict[str, pd.DataFrame] = {}
    kept: dict[tuple[str, str], pd.DataFrame] = {}
    for model in measuring.scores:
        background = count_scores(setting, model, drawn, "setting", on_top_of=on_top_of)
        independent = count_scores(measuring, model, drawn, "measuring", on_top_of=on_top_of)
        rates[model] = rate_curve(independent, scenario)
        points += [
            working_point(
                background, independent, model=model, target_khz=target, scenario=scenario
            )
            for target in targets_khz
        ]
        for signal, table in signals.items():
            counts = count_scores(table, model, drawn, signal, on_top_of=on_top_of)
            options = {"denominator": named[signal]} if signal in named else {}
            efficiencies += [
                efficiency_at(
                    counts,
                    background,
                    signal=signal,
                    model=model,
                    target_khz=target,
                    scenario=scenario,
                    **options,
                )
                for target in targets_khz
            ]
            kept[signal, model] = efficiency_curve(
                counts,
                background,
                signal=signal,
                model=model,
                scenario=scenario,
                targets_khz=_curve_targets(scenario),
            )
    return Evaluation(scenario, tuple(points), tuple(efficiencies), rates, kept)


def _curve_targets(scenario: RateScenario) -> list[float]:
    """Return 0.1 to 1000 kHz in equal steps of the logarithm, as far as crossings are so frequent."""
    targets = np.geomspace(0.1, 1000.0, 41)
    return [float(target) for target in targets if target < scenario.crossing_rate_khz]


def compare_models(
    setting: ScoreTable,
    signals: Mapping[str, ScoreTable],
    *,
    model: str,
    reference: str,
    scenario: RateScenario,
    targets_khz: Sequence[float],
    bootstrap: Bootstrap | None = None,
) -> tuple[PairedComparison, ...]:
    """Compare the efficiencies of two models at fixed rates on the same crossings, paired."""
    drawn = bootstrap or Bootstrap()
    backgrounds = {
        name: count_scores(setting, name, drawn, "setting") for name in (model, reference)
    }
    results = []
    for signal, table in signals.items():
        first, second = (
            ModelScores(name, background, count_scores(table, name, drawn, signal))
            for name, background in backgrounds.items()
        )
        results += [
            compare_paired(first, second, signal=signal, target_khz=target, scenario=scenario)
            for target in targets_khz
        ]
    return tuple(results)
