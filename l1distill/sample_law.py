"""How the error of a threshold rate falls with the size of a sample: measured, beside what a plan predicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.rates.blocks import multiplicities
from emulator.results import Record
from emulator.samples.planning import ErrorBudget, error_budget, rate_of_crossings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.samples import GeneratorSettings, SampleFile

_REPLICAS: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class ScoredFile:
    """Scores of the crossings of a file or of several: integer weights, strata, pool ids, scores."""

    weight: NDArray[np.int64]
    stratum: NDArray[np.integer]
    pool_id: NDArray[np.uint64]
    score: NDArray[np.int64]
    record: SampleFile

    def threshold(self, share: float) -> int:
        """Lowest threshold that does not exceed a share of all weight; the highest score at least."""
        values, place = np.unique(self.score, return_inverse=True)
        sums = np.zeros(len(values), np.int64)
        np.add.at(sums, place, self.weight)
        above = np.cumsum(sums[::-1])[::-1]
        allowed = np.flatnonzero(above <= share * int(self.weight.sum()))
        return int(values[allowed[0]] if len(allowed) else values[-1])

    def budget(self, threshold: int, generator: GeneratorSettings, total_khz: float) -> ErrorBudget:
        """Return where the error of the rate above a threshold comes from."""
        return error_budget(
            self.weight,
            self.stratum,
            self.pool_id,
            self.score >= threshold,
            self.record,
            generator,
            total_khz,
        )

    def rate_khz(self, threshold: int, total_khz: float) -> float:
        """Return the rate above a threshold."""
        return float(rate_of_crossings(self.weight, total_khz)[self.score >= threshold].sum())

    def bootstrap_khz(self, threshold: int, total_khz: float) -> float:
        """Return the standard deviation of the rate over replicas that draw pool events anew."""
        fires = self.score >= threshold
        ids, block = np.unique(self.pool_id[fires], return_inverse=True)
        khz = np.bincount(block, rate_of_crossings(self.weight, total_khz)[fires], len(ids))
        return float((khz @ multiplicities(ids, _REPLICAS)).std(ddof=1))


def joined(files: Sequence[ScoredFile]) -> ScoredFile:
    """Return the crossings of files of one kind as one."""
    records = [file.record for file in files]
    pools = {name: sum(record.pools[name] for record in records) for name in records[0].pools}
    return ScoredFile(
        weight=np.concatenate([file.weight for file in files]),
        stratum=np.concatenate([file.stratum for file in files]),
        pool_id=np.concatenate([file.pool_id for file in files]),
        score=np.concatenate([file.score for file in files]),
        record=replace(
            records[0], crossings=sum(record.crossings for record in records), pools=pools
        ),
    )


@dataclass(frozen=True, slots=True)
class LawPoint(Record):
    """Error of the rate in sets of some units, in percent.

    Attributes
    ----------
    scale
        Of the tier that has as many units.
    sets
        Disjoint sets of so many units; figures are root mean squares over them.
    bootstrap_percent
        Measured by the block bootstrap over pool events.
    budget_percent
        Sum of the terms of the plan.
    predicted_percent
        What the plan predicts from sets of one unit.
    spread_percent
        Standard deviation of the rate between the sets above a common threshold; None with fewer than three.
    """

    scale: float
    units: int
    sets: int
    bootstrap_percent: float
    budget_percent: float
    predicted_percent: float
    spread_percent: float | None


def scaling_law(
    units: Sequence[ScoredFile],
    share: float,
    generator: GeneratorSettings,
    total_khz: float,
    units_of_tier: int,
) -> tuple[LawPoint, ...]:
    """Measure the error in sets of one, two, four ... units.

    Parameters
    ----------
    units
        Files of one size and of disjoint pools.
    share
        Rate of the threshold over that of all crossings.
    generator, total_khz
        Processes, and rate of all crossings.
    units_of_tier
        Units of the tier at scale 1.
    """
    common = joined(units).threshold(share)
    points: list[LawPoint] = []
    size = 1
    while size <= len(units):
        sets = [
            joined(units[first : first + size]) for first in range(0, len(units) - size + 1, size)
        ]
        thresholds = [each.threshold(share) for each in sets]
        rates = [each.rate_khz(t, total_khz) for each, t in zip(sets, thresholds, strict=True)]
        bootstrap = [
            each.bootstrap_khz(t, total_khz) for each, t in zip(sets, thresholds, strict=True)
        ]
        budget = [
            each.budget(t, generator, total_khz).error_khz
            for each, t in zip(sets, thresholds, strict=True)
        ]
        at_common = np.array([each.rate_khz(common, total_khz) for each in sets])
        own = _percent(budget, rates)
        points.append(
            LawPoint(
                scale=size / units_of_tier,
                units=size,
                sets=len(sets),
                bootstrap_percent=_percent(bootstrap, rates),
                budget_percent=own,
                predicted_percent=points[0].budget_percent / size**0.5 if points else own,
                spread_percent=(
                    float(100.0 * at_common.std(ddof=1) / at_common.mean())
                    if len(sets) > 2
                    else None
                ),
            )
        )
        size *= 2
    return tuple(points)


def _percent(errors: Sequence[float], rates: Sequence[float]) -> float:
    return float(100.0 * np.sqrt(np.mean(np.square(np.divide(errors, rates)))))
