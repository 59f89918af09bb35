"""Integer thresholds at a target rate, and the rate that they give on other crossings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import SettingsError
from emulator.rates import kernels
from emulator.rates.counts import require_one_bootstrap
from emulator.rates.errors import CountsError
from emulator.rates.exact import MAX_INT64_SUM
from emulator.rates.independence import require_apart
from emulator.rates.intervals import garwood, spread
from emulator.rates.tails import LOWEST_FLOOR
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.rates.counts import ScoreCounts
    from emulator.rates.crossings import Passing
    from emulator.rates.scenario import RateScenario

#: Largest relative error of a working point at which models may be ranked by it.
MAX_ERROR_FOR_RANKING: Final = 0.2


@dataclass(frozen=True, slots=True)
class RateThreshold(Record):
    """The lowest threshold whose rate does not exceed a target; fires if ``score >= threshold``.

    Parameters
    ----------
    target_khz
        The rate asked for, kHz.
    threshold
        Integer threshold.
    rate_khz
        Rate that it gives on the crossings it was set on, kHz, at most `target_khz`.
    next_rate_khz
        Rate of the next lower threshold, above `target_khz` because scores tie; None if every
        crossing fires already.
    reached
        False if even the highest score (of a weight above zero) alone exceeds the target: then
        `threshold` is one above it and the rate is 0.
    """

    target_khz: float
    threshold: int
    rate_khz: float
    next_rate_khz: float | None
    reached: bool


@dataclass(frozen=True, slots=True)
class WorkingPoint(Record):
    """A model's threshold at a target rate, set on some crossings and measured on others.

    Parameters
    ----------
    model
        Name of the model.
    target_khz
        The rate asked for, kHz.
    threshold
        Integer threshold: the lowest whose rate on the *setting* crossings does not exceed the
        target. Fires if ``score >= threshold``.
    rate_khz
        Rate at this threshold on the *measuring* crossings, kHz; may lie on either side of the target.
    error_naive_khz
        Its error if all crossings were independent, from effective numbers, kHz. Too small where
        crossings share pool events.
    error_khz
        Its error at this fixed threshold, kHz: standard deviation over the bootstrap replicas of the
        measuring crossings. The error to be quoted. The threshold's own error is not in it.
    error_setting_khz
        How uncertain the rate is because the threshold was set on finitely many crossings, kHz:
        standard deviation of the rate on the measuring crossings at the thresholds that the
        replicas of the setting crossings give.
    low_khz, high_khz
        68 % Garwood interval of the rate, kHz (`garwood_khz`): exact for independent crossings of one
        weight, else on effective numbers. The only error that means something if nothing fires.
    n_effective
        Naive effective number of measuring crossings that fire.
    entries_passing
        Number of measuring crossings that fire, whatever their weight.
    setting_rate_khz
        Rate at this threshold on the setting crossings, kHz, at most the target.
    reached
        False if even the highest score of the setting crossings alone exceeds the target.
    for_ranking
        Whether models may be ranked at this point: the threshold exists, something fires, and neither
        `error_khz` nor `error_setting_khz` is more than 20 % of the rate.
    """

    model: str
    target_khz: float
    threshold: int
    rate_khz: float
    error_naive_khz: float
    error_khz: float
    error_setting_khz: float
    low_khz: float
    high_khz: float
    n_effective: float
    entries_passing: int
    setting_rate_khz: float
    reached: bool
    for_ranking: bool


def threshold_at(counts: ScoreCounts, target_khz: float, scenario: RateScenario) -> RateThreshold:
    """Find the largest rate that does not exceed a target, and its threshold.

    Parameters
    ----------
    counts
        Scores of zero-bias crossings, all of them, also those that will never fire.
    target_khz
        Target rate, kHz, above zero and at most the crossing rate.
    scenario
        Turns fractions of crossings into rates.

    Raises
    ------
    CountsError
        If the counts hold no crossing of a weight above zero.
    SettingsError
        If the target is impossible.

    Examples
    --------
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> run3 = load_scenario("run3")
    >>> counts = ScoreCounts.from_scores([0] * 26_310 + [5] * 3 + [8] * 2)
    >>> found = threshold_at(counts, 4.5, run3)
    >>> found.threshold, round(found.rate_khz, 2), round(found.next_rate_khz, 2), found.reached
    (8, 2.0, 5.0, True)
    >>> threshold_at(counts, 1.0, run3).reached
    False
    """
    total = counts.total.weight
    most = _most_passing(total, target_khz, scenario)
    _require_weight(counts, "to set a threshold on")
    occupied = counts.weights > 0
    _require_resolved(counts, occupied)
    scores = counts.scores[occupied][::-1]
    passing = counts.weights[occupied][::-1].cumsum()
    n_rows = int(np.searchsorted(passing, most, side="right"))
    if n_rows == len(scores):
        _require_above_floor(counts, target_khz)
    following = int(passing[n_rows]) if n_rows < passing.size else None
    return RateThreshold(
        target_khz=float(target_khz),
        threshold=int(scores[n_rows - 1]) if n_rows else int(scores[0]) + 1,
        rate_khz=scenario.rate_khz(int(passing[n_rows - 1]), total) if n_rows else 0.0,
        next_rate_khz=None if following is None else scenario.rate_khz(following, total),
        reached=n_rows > 0,
    )


def replica_thresholds(
    counts: ScoreCounts, target_khz: float, scenario: RateScenario
) -> NDArray[np.int64]:
    """Return the threshold that each bootstrap replica gives, by the rule of `threshold_at`.

    Replicas that drew no crossing have no threshold; theirs is one above the highest score, and
    ``counts.total.replicas == 0`` tells them.

    Returns
    -------
    int64, axis (replica).
    """
    _require_weight(counts, "to set a threshold on")
    totals = counts.total.replicas
    most = np.array(
        [_most_passing(int(total), target_khz, scenario) for total in totals], dtype=np.int64
    )
    _require_resolved(counts, counts.weights > 0)
    if (counts.replicas.sum(axis=0) <= most)[totals > 0].any():
        _require_above_floor(counts, target_khz)
    out = np.empty(counts.n_replicas, dtype=np.int64)
    kernels.walk_thresholds(counts.scores, counts.replicas, most, out)
    return out


def working_point(
    setting: ScoreCounts,
    measuring: ScoreCounts,
    *,
    model: str,
    target_khz: float,
    scenario: RateScenario,
) -> WorkingPoint:
    """Set a model's threshold on one set of crossings and measure its rate on another.

    Parameters
    ----------
    setting, measuring
        Scores of the model on two disjoint sets of zero-bias crossings, with one bootstrap (same
        seed and number of replicas).
    model
        Name of the model.
    target_khz
        Target rate, kHz.
    scenario
        Turns fractions of crossings into rates.

    Raises
    ------
    CountsError
        If one of the sets is empty, they hold the same events, or have different bootstraps.
    SettingsError
        If the target is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> scores = np.random.default_rng(1).geometric(0.02, size=200_000)
    >>> setting = ScoreCounts.from_scores(scores[:100_000], stream="zero bias")
    >>> measuring = ScoreCounts.from_scores(
    ...     scores[100_000:], stream="zero bias", first_event=100_000
    ... )
    >>> point = working_point(
    ...     setting, measuring, model="student", target_khz=10, scenario=load_scenario("run3")
    ... )
    >>> point.threshold, point.entries_passing, point.setting_rate_khz <= 10
    (390, 36, True)
    """
    require_one_bootstrap(setting, measuring)
    require_apart(setting, measuring, "crossings that set a threshold and that measure its rate")
    chosen = threshold_at(setting, target_khz, scenario)
    _require_weight(measuring, "to measure a rate on")
    total = measuring.total
    passing = measuring.passing(chosen.threshold)
    rate = scenario.rate_khz(passing.weight, total.weight)
    crossing_rate = scenario.crossing_rate_khz
    error = crossing_rate * spread(fractions(passing.replicas, total.replicas))
    at_replicas = measuring.passing_weights(replica_thresholds(setting, target_khz, scenario))
    # A setting replica that drew nothing has no threshold.
    rates = np.where(setting.total.replicas > 0, at_replicas / float(total.weight), np.nan)
    error_setting = crossing_rate * spread(rates)
    low, high = garwood_khz(passing, total, scenario, has_pools=measuring.has_pools)
    largest_error = max(error, error_setting)
    return WorkingPoint(
        model=model,
        target_khz=chosen.target_khz,
        threshold=chosen.threshold,
        rate_khz=rate,
        error_naive_khz=crossing_rate * naive_error(passing, total),
        error_khz=error,
        error_setting_khz=error_setting,
        low_khz=low,
        high_khz=high,
        n_effective=passing.n_effective,
        entries_passing=passing.entries,
        setting_rate_khz=chosen.rate_khz,
        reached=chosen.reached,
        for_ranking=chosen.reached and rate > 0 and largest_error <= MAX_ERROR_FOR_RANKING * rate,
    )


def fractions(passing: NDArray[Any], totals: NDArray[Any]) -> NDArray[np.float64]:
    """Return the passing fraction of each replica, NaN where the replica drew nothing."""
    whole = totals.astype(np.float64)
    return np.where(whole > 0, passing.astype(np.float64) / np.maximum(whole, 1.0), np.nan)


def naive_error(passing: Passing, total: Passing) -> float:
    """Error of the passing fraction if crossings were independent.

    ``sqrt((1 - p)**2 * sum_passing(w**2) + p**2 * sum_failing(w**2)) / sum(w)``: binomial for equal
    weights, and ``p / sqrt(n_effective)`` for small fractions ``p``.
    """
    p = passing.weight / total.weight
    failing_squared = total.weight_squared - passing.weight_squared
    variance = (1 - p) ** 2 * passing.weight_squared + p**2 * failing_squared
    return math.sqrt(variance) / total.weight


def garwood_khz(
    passing: Passing, total: Passing, scenario: RateScenario, *, has_pools: bool
) -> tuple[float, float]:
    """Return the 68 % Garwood interval of a rate, kHz.

    On the number of entries where crossings are independent and weigh the same: then it covers with at
    least 68 %. Else on the effective number of independent entries, the smaller one of the weights' and
    the bootstrap's, which is an approximation. Where nothing passes, an entry counts for a crossing of
    mean weight.

    Parameters
    ----------
    passing, total
        Sums over the accepted crossings and over all.
    scenario
        Turns fractions of crossings into rates.
    has_pools
        Whether crossings may depend on each other.
    """
    rate = scenario.rate_khz(passing.weight, total.weight)
    if passing.weight == 0:
        unit = total.weight_squared / total.weight**2
        count, khz_per_count = 0.0, scenario.crossing_rate_khz * unit
    else:
        count = passing.n_effective
        if has_pools or not counts_whole(passing, total):
            error = scenario.crossing_rate_khz * spread(fractions(passing.replicas, total.replicas))
            count = min(count, (rate / error) ** 2) if error > 0 else count
        khz_per_count = rate / count
    low, high = garwood(count)
    return low * khz_per_count, min(high * khz_per_count, scenario.crossing_rate_khz)


def counts_whole(passing: Passing, total: Passing) -> bool:
    """Return whether sums are plain numbers of crossings: of one weight, accepted whole or not at all.

    Under a prescale, parts of crossings are accepted, which are no counts of anything.
    """
    return total.is_unweighted and passing.weight * total.entries == passing.entries * total.weight


def _most_passing(total: int, target_khz: float, scenario: RateScenario) -> int:
    """Largest sum of weights whose rate does not exceed the target, exactly; no rows hold more."""
    if not (math.isfinite(target_khz) and 0 < target_khz <= scenario.crossing_rate_khz):
        msg = (
            f"the target rate must be above 0 and at most the {scenario.crossing_rate_khz:.1f} kHz "
            f"of crossings in scenario {scenario.name!r}, got {target_khz} kHz"
        )
        raise SettingsError(msg)
    most = math.floor(Fraction(target_khz) / Fraction(scenario.crossing_rate_khz) * total)
    return min(most, MAX_INT64_SUM)


def _require_resolved(counts: ScoreCounts, occupied: NDArray[np.bool_]) -> None:
    if not occupied.any():
        msg = (
            f"of {counts.total.entries} crossings none is at or above the floor of the scores, or other "
            "seeds accept all of them; there is nothing to set a threshold on"
        )
        raise CountsError(msg)


def _require_above_floor(counts: ScoreCounts, target_khz: float) -> None:
    """Refuse to answer where the threshold could lie among the scores below the floor."""
    if counts.floor is not None and counts.floor > LOWEST_FLOOR and counts.rest.weight > 0:
        msg = (
            f"all scores of {counts.floor} and more give less than {target_khz:g} kHz, in all crossings "
            "or in a bootstrap replica; count again with a lower floor"
        )
        raise CountsError(msg)


def _require_weight(counts: ScoreCounts, purpose: str) -> None:
    if counts.total.weight == 0:
        entries = counts.total.entries
        msg = f"{entries} crossings with no weight in total are too few {purpose}"
        raise CountsError(msg)
