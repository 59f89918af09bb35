"""Differences between arms over paired seeds, with what the training and the crossings leave open.

The networks of one seed share teacher, order of crossings and crossings that measure, so differences are
taken seed by seed. Two errors remain, and are added in quadrature: that of the mean over few seeds
(Student's t), and that of the crossings, which all seeds share (paired bootstrap replicas).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Plain = Mapping[str, Any]

#: A signal counts in a geometric mean if the teacher accepts so many of its crossings.
LEAST_ACCEPTED = 100
# Nothing accepted in a replica: as if half a crossing were, of the 3,000 of a quick signal.
_SMALLEST = 1.0 / 6000.0


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """How much more or less of the signals one arm keeps than another, as a ratio of efficiencies.

    Parameters
    ----------
    what
        ``geometric mean`` over the signals that count, or one signal.
    first, second
        The arms; the ratio is that of the first over the second.
    limit
        Limit that both were chosen within, in words.
    target_khz
        Target rate.
    n_seeds
        Seeds in which both have a network within the limit.
    ratio, low, high
        Geometric mean over the seeds with its 68 % interval; no interval with a single seed.
    low_95, high_95
        95 % interval.
    spread
        Standard deviation over the seeds, relative.
    """

    what: str
    first: str
    second: str
    limit: str
    target_khz: float
    n_seeds: int
    ratio: float
    low: float | None
    high: float | None
    low_95: float | None
    high_95: float | None
    spread: float | None

    @property
    def verdict(self) -> str:
        """Return which keeps more, ``open`` if 1 lies in the 95 % interval, ``untold`` without one."""
        if self.low_95 is None or self.high_95 is None:
            return "untold"
        if self.low_95 <= 1.0 <= self.high_95:
            return "open"
        return "first" if self.ratio > 1.0 else "second"


class Results:
    """What was found by all units, by arm and seed.

    Parameters
    ----------
    units
        As `l1distill.orders.run.run_orders` returns them.
    """

    def __init__(self, units: Sequence[Plain]) -> None:
        self.units = {(int(one["seed"]), str(one["arm"])): one for one in units}
        self.seeds = sorted({seed for seed, _ in self.units})

    def kept(
        self, arm: str, seed: int, limit: tuple[str, float | None]
    ) -> dict[tuple[str, float], Plain] | None:
        """Return the efficiencies of what an arm chose within a limit, by signal and target rate.

        ``teacher`` is the teacher of the seed; an arm with one network has it within every limit.
        """
        unit = self.units.get((seed, arm))
        if unit is None:
            return None
        if arm == "teacher":
            found = unit["teacher"]
        else:
            chosen = self.choice(arm, seed, limit)
            if chosen is None:
                return None
            found = chosen["efficiencies"]
        return {(str(one["signal"]), float(one["target_khz"])): one for one in found}

    def choice(self, arm: str, seed: int, limit: tuple[str, float | None]) -> Plain | None:
        """Return what an arm chose within a limit."""
        unit = self.units.get((seed, arm))
        for one in unit["choices"] if unit is not None else ():
            if one["limit"] == "only" or (one["limit"], one["value"]) == limit:
                found: Plain = one
                return found
        return None

    def counting(self, target_khz: float) -> tuple[str, ...]:
        """Return the signals of which the teacher of every seed accepts enough at a rate."""
        names: set[str] | None = None
        for seed in self.seeds:
            kept = self.kept("teacher", seed, ("luts", None)) or {}
            enough = {
                signal
                for (signal, target), one in kept.items()
                if target == target_khz and one["n_accepted"] >= LEAST_ACCEPTED
            }
            names = enough if names is None else names & enough
        return tuple(sorted(names or ()))

    def level(self, arm: str, limit: tuple[str, float | None], target_khz: float) -> float:
        """Return the geometric mean of what an arm keeps, over signals that count and seeds; 0 if it has nothing."""
        logs = [
            float(np.log(max(kept[signal, target_khz]["efficiency"], _SMALLEST)))
            for seed in self.seeds
            if (kept := self.kept(arm, seed, limit)) is not None
            for signal in self.counting(target_khz)
        ]
        return float(np.exp(np.mean(logs))) if logs else 0.0

    def difference(
        self,
        first: str,
        second: str,
        limit: tuple[str, float | None],
        target_khz: float,
        *,
        signal: str | None = None,
        second_limit: tuple[str, float | None] | None = None,
    ) -> Difference | None:
        """Return the ratio of what two arms keep, paired by seeds; None if no seed has both.

        Parameters
        ----------
        first, second
            Arms.
        limit, second_limit
            What they were chosen within; by default the same.
        target_khz
            Target rate.
        signal
            One signal; by default the geometric mean over those of which the teacher accepts enough.
        """
        signals = (signal,) if signal is not None else self.counting(target_khz)
        values, replicas = [], []
        for seed in self.seeds:
            ours = self.kept(first, seed, limit)
            theirs = self.kept(second, seed, second_limit or limit)
            if ours is None or theirs is None or not signals:
                continue
            each = [_log_ratio(ours[one, target_khz], theirs[one, target_khz]) for one in signals]
            values.append(float(np.mean([value for value, _ in each])))
            replicas.append(np.mean([replica for _, replica in each], axis=0))
        if not values:
            return None
        what = signal if signal is not None else "geometric mean"
        within = _words(limit)
        if second_limit is not None and second_limit[1] is not None and second_limit != limit:
            within += f" (the second within {_words(second_limit).removesuffix(' of the LUTs')})"
        return _difference(what, first, second, within, target_khz, values, replicas)


def _words(limit: tuple[str, float | None]) -> str:
    quantity, value = limit
    if value is None:
        return "none"
    return f"{100 * value:g} % of the LUTs" if quantity == "luts" else f"{value:g} ns"


def _log_ratio(ours: Plain, theirs: Plain) -> tuple[float, NDArray[np.float64]]:
    """Return the logarithm of a ratio of efficiencies, and that of each replica."""

    def log(values: Any) -> NDArray[np.float64]:
        known = np.nan_to_num(np.asarray(values, dtype=np.float64))
        return np.log(np.maximum(known, _SMALLEST))

    value = float(log(ours["efficiency"]) - log(theirs["efficiency"]))
    return value, log(ours["replicas"]) - log(theirs["replicas"])


def _difference(
    what: str,
    first: str,
    second: str,
    limit: str,
    target_khz: float,
    values: list[float],
    replicas: list[NDArray[np.float64]],
) -> Difference:
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Difference(
            *(what, first, second, limit, target_khz),
            n_seeds=1,
            ratio=float(np.exp(mean)),
            low=None,
            high=None,
            low_95=None,
            high_95=None,
            spread=None,
        )
    deviation = float(np.std(values, ddof=1))
    sampling = float(np.std(np.mean(replicas, axis=0), ddof=1))

    def bounds(level: float) -> tuple[float, float]:
        training = stats.t.ppf((1 + level) / 2, n - 1) * deviation / np.sqrt(n)
        half = float(np.hypot(training, stats.norm.ppf((1 + level) / 2) * sampling))
        return float(np.exp(mean - half)), float(np.exp(mean + half))

    (low, high), (low_95, high_95) = bounds(0.683), bounds(0.95)
    return Difference(
        *(what, first, second, limit, target_khz),
        n_seeds=n,
        ratio=float(np.exp(mean)),
        low=low,
        high=high,
        low_95=low_95,
        high_95=high_95,
        spread=float(np.expm1(deviation)),
    )
