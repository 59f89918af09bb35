"""Efficiencies of signals at the thresholds that fixed background rates give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.rates.counts import require_one_bootstrap
from emulator.rates.errors import CountsError
from emulator.rates.independence import require_apart
from emulator.rates.intervals import clopper_pearson, percentile_interval, spread
from emulator.rates.working_points import (
    counts_whole,
    fractions,
    replica_thresholds,
    threshold_at,
)
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.rates.counts import ScoreCounts
    from emulator.rates.crossings import Passing
    from emulator.rates.scenario import RateScenario

ALL_GENERATED = "all generated events"


@dataclass(frozen=True, slots=True)
class Efficiency(Record):
    """Fraction of a signal that a model keeps at a target rate.

    Parameters
    ----------
    signal, model
        Names.
    target_khz
        Target rate of the threshold, kHz.
    threshold
        Integer threshold; fires if ``score >= threshold``.
    efficiency
        Weight of the accepted crossings over that of all.
    low, high
        68 % interval at the fixed threshold. `interval` names its kind.
    low_total, high_total
        68 % interval with the error of the threshold: replica by replica, the threshold of the
        background's replica is applied to the signal's replica. Never narrower than `low` to `high`.
    interval
        ``clopper-pearson`` for unweighted crossings that share no pool events, else ``bootstrap``
        (percentiles), or ``clopper-pearson-effective`` where all replicas agree (nothing or
        everything is accepted), on the effective number of independent crossings.
    n_accepted, n_total
        Numbers of crossings, whatever their weight.
    denominator
        What the efficiency is a fraction of, in words.
    """

    signal: str
    model: str
    target_khz: float
    threshold: int
    efficiency: float
    low: float
    high: float
    low_total: float
    high_total: float
    interval: str
    n_accepted: int
    n_total: int
    denominator: str


def efficiency_at(
    counts: ScoreCounts,
    setting: ScoreCounts,
    *,
    signal: str,
    model: str,
    target_khz: float,
    scenario: RateScenario,
    denominator: str = ALL_GENERATED,
) -> Efficiency:
    """Measure a signal's efficiency at the threshold that zero-bias crossings give.

    Parameters
    ----------
    counts
        Scores of the model on the signal's crossings, all that the denominator names.
    setting
        Scores of the model on the zero-bias crossings that set the threshold.
    signal, model
        Names.
    target_khz
        Target rate, kHz.
    scenario
        Turns fractions of zero-bias crossings into rates.
    denominator
        What the efficiency is a fraction of: all generated events, or a generator filter.

    Raises
    ------
    CountsError
        If a set is empty, both hold the same events, or they have different bootstraps.
    SettingsError
        If the target is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> rng = np.random.default_rng(1)
    >>> setting = ScoreCounts.from_scores(rng.geometric(0.02, 100_000), stream="zero bias")
    >>> signal = ScoreCounts.from_scores(rng.geometric(0.004, 2_000), stream="A4l")
    >>> found = efficiency_at(
    ...     signal, setting, signal="A4l", model="student", target_khz=10,
    ...     scenario=load_scenario("run3"),
    ... )
    >>> found.n_accepted, round(found.efficiency, 4), round(found.low, 4), round(found.high, 4)
    (419, 0.2095, 0.2003, 0.219)
    """
    _require_usable(counts, setting, signal)
    chosen = threshold_at(setting, target_khz, scenario)
    passing, total = counts.passing(chosen.threshold), counts.total
    low, high, kind = efficiency_interval(passing, total, has_pools=counts.has_pools)
    with_threshold = replica_efficiencies(counts, setting, target_khz, scenario)
    low_total, high_total = percentile_interval(with_threshold)
    return Efficiency(
        signal=signal,
        model=model,
        target_khz=chosen.target_khz,
        threshold=chosen.threshold,
        efficiency=passing.weight / total.weight,
        low=low,
        high=high,
        low_total=min(low, low_total),
        high_total=max(high, high_total),
        interval=kind,
        n_accepted=passing.entries,
        n_total=total.entries,
        denominator=denominator,
    )


def replica_efficiencies(
    counts: ScoreCounts, setting: ScoreCounts, target_khz: float, scenario: RateScenario
) -> NDArray[np.float64]:
    """Return each replica's efficiency at its own threshold.

    Returns
    -------
    float64, axis (replica); NaN where the replica drew no signal or no background.
    """
    thresholds = replica_thresholds(setting, target_khz, scenario)
    values = fractions(counts.passing_replicas(thresholds), counts.total.replicas)
    return np.where(setting.total.replicas > 0, values, np.nan)


def efficiency_interval(
    passing: Passing, total: Passing, *, has_pools: bool
) -> tuple[float, float, str]:
    """Return the 68 % interval of an efficiency at a fixed threshold, and its kind.

    Parameters
    ----------
    passing, total
        Sums over the accepted crossings and over all.
    has_pools
        Whether crossings may depend on each other.
    """
    if counts_whole(passing, total) and not has_pools:
        return *clopper_pearson(passing.entries, total.entries), "clopper-pearson"
    values = fractions(passing.replicas, total.replicas)
    if spread(values) > 0:
        p = passing.weight / total.weight
        low, high = percentile_interval(values)
        return min(low, p), max(high, p), "bootstrap"
    # Equal replicas do not mean certainty: fall back on how many crossings were independent, which
    # the spread of the replicas' totals tells, var(total) = sum over blocks of their weight squared.
    variance = float(np.var(total.replicas.astype(np.float64), ddof=1))
    blocks = float(total.weight) ** 2 / variance if variance > 0 else 1.0
    n = min(total.n_effective, blocks)
    accepted = passing.weight / total.weight * n
    return *clopper_pearson(accepted, n), "clopper-pearson-effective"


def _require_usable(counts: ScoreCounts, setting: ScoreCounts, signal: str) -> None:
    require_one_bootstrap(counts, setting)
    require_apart(counts, setting, "signal and zero-bias crossings")
    if counts.total.weight == 0:
        msg = f"signal {signal!r} has {counts.total.entries} crossings and no weight in total"
        raise CountsError(msg)
