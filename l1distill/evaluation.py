"""Rates, working points and efficiencies of several models on the same crossings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.rates import (
    CountsError,
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
    require_other_pools,
    working_point,
)
from emulator.rates.efficiency import ALL_GENERATED
from emulator.rates.paired import ModelScores
from emulator.rates.tails import floor_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from emulator.rates import PrescaleColumn
    from l1distill.score_table import ScoreTable


#: Zero bias that sets thresholds, and other zero bias that measures rates.
SETTING: Final = "setting"
MEASURING: Final = "measuring"


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


def require_independent(setting: ScoreTable, measuring: ScoreTable) -> None:
    """Refuse sets that set and measure with crossings of the same pool events.

    Raises
    ------
    CountsError
        If they share any.
    """
    if setting.pool_ids is None or measuring.pool_ids is None:
        return
    require_other_pools(len(np.intersect1d(setting.pool_ids, measuring.pool_ids)))


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
    floor: int | None = None,
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
    floor
        Lowest score to resolve; all if None.
    """
    crossings = crossings_of(table, bootstrap, stream)
    kept = _kept(table, on_top_of)
    return ScoreCounts.from_crossings(table.scores[model], crossings, floor=floor, kept=kept)


def _kept(table: ScoreTable, on_top_of: PrescaleColumn | None) -> NDArray[np.float64] | None:
    if on_top_of is None or table.decisions is None:
        return None
    return on_top_of.none_accepts(table.decisions)


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
    curves: bool = True,
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
    curves
        Whether curves are made, which take most of the time.

    Returns
    -------
    Results for every model or baseline that all tables have.

    Raises
    ------
    L1Error
        If a set is empty or its crossings cannot be told apart from another's, or if the sets that set
        and measure share pool events.
    """
    require_independent(setting, measuring)
    task = _Evaluator(
        setting,
        measuring,
        signals,
        scenario,
        tuple(targets_khz),
        bootstrap or Bootstrap(),
        denominators or {},
        on_top_of,
    )
    points: list[WorkingPoint] = []
    efficiencies: list[Efficiency] = []
    rates: dict[str, pd.DataFrame] = {}
    kept: dict[tuple[str, str], pd.DataFrame] = {}
    for model in measuring.scores:
        if curves:
            counts = task.counts(model)
            rates[model] = rate_curve(counts[MEASURING], scenario)
            kept |= task.efficiency_curves(model, counts)
            found = task.rated(model, counts)
        else:
            found = task.rated_by_tail(model)
        points += found[0]
        efficiencies += found[1]
    return Evaluation(scenario, tuple(points), tuple(efficiencies), rates, kept)


@dataclass(frozen=True)
class _Evaluator:
    """What `evaluate` is given, and its steps for one model."""

    setting: ScoreTable
    measuring: ScoreTable
    signals: Mapping[str, ScoreTable]
    scenario: RateScenario
    targets_khz: tuple[float, ...]
    bootstrap: Bootstrap
    denominators: Mapping[str, str]
    on_top_of: PrescaleColumn | None

    def counts(self, model: str, floor: int | None = None) -> dict[str, ScoreCounts]:
        """Return the counts of all samples by their names."""
        tables = {SETTING: self.setting, MEASURING: self.measuring, **self.signals}
        return {
            name: count_scores(
                table, model, self.bootstrap, name, on_top_of=self.on_top_of, floor=floor
            )
            for name, table in tables.items()
        }

    def rated(
        self, model: str, counts: Mapping[str, ScoreCounts]
    ) -> tuple[list[WorkingPoint], list[Efficiency]]:
        """Return working points, and efficiencies of all signals there."""
        points = [
            working_point(
                counts[SETTING],
                counts[MEASURING],
                model=model,
                target_khz=target,
                scenario=self.scenario,
            )
            for target in self.targets_khz
        ]
        efficiencies = [
            efficiency_at(
                counts[signal],
                counts[SETTING],
                signal=signal,
                model=model,
                target_khz=target,
                scenario=self.scenario,
                denominator=self.denominators.get(signal, ALL_GENERATED),
            )
            for signal in self.signals
            for target in self.targets_khz
        ]
        return points, efficiencies

    def rated_by_tail(self, model: str) -> tuple[list[WorkingPoint], list[Efficiency]]:
        """Return the same from the highest scores alone, which is quicker; from all if they do not do."""
        weights = crossings_of(self.setting, self.bootstrap, SETTING).weights
        fraction = max(self.targets_khz) / self.scenario.crossing_rate_khz
        floor = floor_for(
            self.setting.scores[model], weights, fraction, _kept(self.setting, self.on_top_of)
        )
        try:
            return self.rated(model, self.counts(model, floor))
        except CountsError:
            return self.rated(model, self.counts(model))

    def efficiency_curves(
        self, model: str, counts: Mapping[str, ScoreCounts]
    ) -> dict[tuple[str, str], pd.DataFrame]:
        """Return efficiency against rate for all signals."""
        return {
            (signal, model): efficiency_curve(
                counts[signal],
                counts[SETTING],
                signal=signal,
                model=model,
                scenario=self.scenario,
                targets_khz=_curve_targets(self.scenario),
            )
            for signal in self.signals
        }


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
