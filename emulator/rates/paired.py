"""Differences between two models on the same crossings, with a paired bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.rates.efficiency import efficiency_at, replica_efficiencies
from emulator.rates.errors import CountsError
from emulator.rates.intervals import percentile_interval
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.rates.counts import ScoreCounts
    from emulator.rates.scenario import RateScenario


@dataclass(frozen=True, slots=True)
class ModelScores:
    """Scores of one model: on the zero-bias crossings that set its threshold, and on a signal."""

    name: str
    setting: ScoreCounts
    signal: ScoreCounts


@dataclass(frozen=True, slots=True)
class PairedComparison(Record):
    """Efficiencies of a model and a reference at the same rate on the same crossings.

    Parameters
    ----------
    signal, model, reference
        Names.
    target_khz
        Target rate of both thresholds, kHz.
    difference
        Efficiency of the model minus that of the reference.
    difference_low, difference_high
        Its 68 % paired bootstrap interval, the errors of both thresholds included; None if neither
        accepts anything, since the replicas then say nothing.
    ratio
        Efficiency of the model over that of the reference; None if the reference accepts nothing.
    ratio_low, ratio_high
        Its 68 % paired bootstrap interval; None where it has no bound or cannot be told.
    """

    signal: str
    model: str
    reference: str
    target_khz: float
    difference: float
    difference_low: float | None
    difference_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


def compare_paired(
    model: ModelScores,
    reference: ModelScores,
    *,
    signal: str,
    target_khz: float,
    scenario: RateScenario,
) -> PairedComparison:
    """Compare two models' efficiencies at a fixed rate on the same crossings.

    Both models see the same replicas: what they have in common cancels in the difference. Between
    models that nearly agree the interval is conservative if few crossings set the threshold: in toys
    with 95 crossings above it, it covered 84 % where the models differed little and 73 % where they
    differed much; with 950, 72 %.

    Parameters
    ----------
    model, reference
        Scores of the two models on the same signal and the same zero-bias crossings.
    signal
        Name of the signal.
    target_khz
        Target rate, kHz.
    scenario
        Turns fractions of zero-bias crossings into rates.

    Raises
    ------
    CountsError
        If the counts are not of the same crossings with the same bootstrap, or one is empty.
    SettingsError
        If the target is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> rng = np.random.default_rng(1)
    >>> background, signal = rng.geometric(0.02, 100_000), rng.geometric(0.004, 2_000)
    >>> def scores(name, noise):
    ...     return ModelScores(
    ...         name,
    ...         ScoreCounts.from_scores(background + noise, stream="zero bias"),
    ...         ScoreCounts.from_scores(signal + noise, stream="A4l"),
    ...     )
    >>> same = compare_paired(
    ...     scores("student", 5), scores("teacher", 0), signal="A4l", target_khz=10,
    ...     scenario=load_scenario("run3"),
    ... )
    >>> same.difference, same.difference_low, same.difference_high, same.ratio
    (0.0, 0.0, 0.0, 1.0)
    """
    _require_same(model.setting, reference.setting, "zero-bias crossings", model, reference)
    _require_same(model.signal, reference.signal, f"crossings of {signal!r}", model, reference)
    first, second = (
        efficiency_at(
            one.signal,
            one.setting,
            signal=signal,
            model=one.name,
            target_khz=target_khz,
            scenario=scenario,
        ).efficiency
        for one in (model, reference)
    )
    ours, theirs = (
        replica_efficiencies(one.signal, one.setting, target_khz, scenario)
        for one in (model, reference)
    )
    difference_bounds: tuple[float | None, float | None] = (None, None)
    if first > 0 or second > 0:
        difference_bounds = percentile_interval(ours - theirs)
    ratio_low, ratio_high = _ratio_bounds(ours, theirs) if second > 0 else (None, None)
    return PairedComparison(
        signal=signal,
        model=model.name,
        reference=reference.name,
        target_khz=float(target_khz),
        difference=first - second,
        difference_low=difference_bounds[0],
        difference_high=difference_bounds[1],
        ratio=first / second if second > 0 else None,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
    )


def _ratio_bounds(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """Percentiles of the ratio; replicas in which neither accepts anything tell nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = ours / theirs
    low, high = percentile_interval(ratios)
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)


def _require_same(
    first: ScoreCounts, second: ScoreCounts, what: str, model: ModelScores, reference: ModelScores
) -> None:
    """Refuse counts of different crossings: their numbers, weights and all replicas must agree."""
    same = (
        first.total.entries == second.total.entries
        and first.total.weight_squared == second.total.weight_squared
        and first.seed == second.seed
        and np.array_equal(first.total.replicas, second.total.replicas)
    )
    if not same:
        msg = (
            f"{model.name!r} and {reference.name!r} were not counted on the same {what} with the "
            "same bootstrap, so they cannot be compared pair by pair"
        )
        raise CountsError(msg)
