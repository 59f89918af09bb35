"""Counts of integer scores that can be added to the last bit, with their bootstrap replicas.

Everything is an integer: weights are in units of ``2**-32``, their squares are summed in 128 bits,
and the replicas are weighted sums too. So counts of the same events are equal in every bit, however
the events were split over chunks and processes and in whatever order the parts were added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.rates import kernels
from emulator.rates.blocks import (
    MOST_DRAWS,
    POISSON_STEPS,
    EventRange,
    joined,
    overlap,
    seed_key,
)
from emulator.rates.checks import checked_scores, require_replicas_fit
from emulator.rates.crossings import Crossings, Passing
from emulator.rates.errors import CountsError
from emulator.rates.exact import MAX_INT64_SUM, exact_sum
from emulator.rates.tails import LOWEST_FLOOR, Tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_UNIT_WEIGHT: Final = 1 << WEIGHT_FRACTION_BITS


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScoreCounts:
    """Weighted histogram of integer scores, one row per distinct score; make it by `from_scores`.

    With a `floor`, not everything is resolved: scores below the floor, and weight that other seeds
    accept already (`from_crossings`), count in `total` and in no row.

    The rows are int64, with sums of weights up to ``2**62`` over all of them and in any replica (1e9
    crossings of weight one, more is refused); `total` is exact whatever its size. So counts above a
    floor hold any number of crossings, as long as no more than 1e9 lie above it.

    Adding (``+``, `merge`) is associative and commutative to the last bit, replicas included. The
    replicas take ``8 * distinct scores * replicas`` bytes: 100 MB for all scores of 16 bits and 200
    replicas. More than 256 MiB is refused, never coarsened.

    Attributes
    ----------
    scores
        Distinct scores in rising order, int64, axis (row).
    entries
        Crossings with the score, int64, axis (row).
    weights
        Sum of their weights, int64, axis (row), units of ``2**-32``.
    squares
        Sum of their squared weights, uint64, axes (row, word), high word first, units of ``2**-64``.
    replicas
        Sum of weights in each bootstrap replica, int64, axes (row, replica), units of ``2**-32``.
    seed
        Seed of the bootstrap. Only counts of one seed and one number of replicas go together.
    has_pools
        Whether any crossing came with a pool id, so that crossings may depend on each other.
    ranges
        Events that were counted as blocks of their own.
    total
        Sums over all crossings, resolved or not.
    floor
        Lowest score that is resolved; None if all are.

    Examples
    --------
    >>> counts = ScoreCounts.from_scores([3, 7, 7, 9, 3, 3], pool_ids=[0, 0, 1, 1, 2, 2])
    >>> counts
    ScoreCounts(6 entries, 3 distinct scores 3 to 9, 200 replicas, seed 0)
    >>> counts.passing(7).entries, counts.passing(8).entries
    (3, 1)
    >>> first = ScoreCounts.from_scores([3, 7], pool_ids=[0, 0])
    >>> rest = ScoreCounts.from_scores([7, 9, 3, 3], pool_ids=[1, 1, 2, 2])
    >>> rest + first == counts
    True
    """

    scores: NDArray[np.int64]
    entries: NDArray[np.int64]
    weights: NDArray[np.int64]
    squares: NDArray[np.uint64]
    replicas: NDArray[np.int64]
    seed: int
    has_pools: bool
    ranges: tuple[EventRange, ...]
    total: Passing
    floor: int | None = None

    def __post_init__(self) -> None:
        for array in (self.scores, self.entries, self.weights, self.squares, self.replicas):
            array.flags.writeable = False

    @classmethod
    def from_scores(
        cls,
        scores: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        pool_ids: ArrayLike | None = None,
        stream: str = "",
        first_event: int = 0,
        replicas: int = 200,
        seed: int = 0,
    ) -> Self:
        """Count scores.

        Parameters
        ----------
        scores
            Integer (or boolean) scores, axis (crossing), ``abs(score) < 2**62``. No crossing at all
            (an empty integer array) gives the zero of the addition.
        weights
            Integer weights in units of ``2**-32``, axis (crossing), not negative; None for one each.
            One call takes a sum of up to ``2**62 / 21``, 5e7 crossings of weight one, since a replica
            may draw a crossing 21 times; for sums of counts see above.
        pool_ids
            Identity of the pool event of each crossing, axis (crossing), uint64: crossings of equal
            id are drawn together by the bootstrap. None if crossings do not depend on each other:
            each is a block of its own, known by its place in `stream`.
        stream, first_event
            Without `pool_ids`, the name of the sequence that the crossings belong to (a sample) and
            the place of the first of them in it. Counts that hold the same events of the same stream
            are not added, and no threshold of one is applied to the other.
        replicas
            Number of bootstrap replicas, at least 2.
        seed
            Seed of the bootstrap, ``0 <= seed < 2**64``.

        Raises
        ------
        CountsError
            If scores are not integers, arrays do not match, a weight or id is negative, or the
            replicas do not fit into 256 MiB.
        """
        values = checked_scores(scores)
        crossings = Crossings.of(
            values.size,
            weights=weights,
            pool_ids=pool_ids,
            stream=stream,
            first_event=first_event,
            replicas=replicas,
            seed=seed,
        )
        return cls.from_crossings(values, crossings)

    @classmethod
    def from_crossings(
        cls,
        scores: ArrayLike,
        crossings: Crossings,
        *,
        floor: int | None = None,
        kept: NDArray[np.float64] | None = None,
    ) -> Self:
        """Count scores of crossings whose weights and blocks are known.

        Parameters
        ----------
        scores
            As for `from_scores`.
        crossings
            Their weights and blocks, the same object for all models.
        floor
            Lowest score to resolve: all below share one row. A rate whose threshold would lie there is
            refused. None resolves all.
        kept
            Probability that nothing else accepts the crossing, float64, axis (crossing), 0 to 1. Rates
            and efficiencies of such counts are *pure* ones: of what the score adds to the rest.

        Raises
        ------
        CountsError
            If scores are not integers, arrays do not match, or the replicas do not fit into 256 MiB.

        Examples
        --------
        >>> crossings = Crossings.of(4, stream="zero bias")
        >>> pure = ScoreCounts.from_crossings(
        ...     [9, 7, 7, 2], crossings, kept=np.array([0.0, 1.0, 0.25, 1.0])
        ... )
        >>> pure.passing(7).weight / 2**32, pure.total.entries
        (1.25, 4)
        """
        if floor is not None or kept is not None:
            lowest = LOWEST_FLOOR if floor is None else floor
            tail = Tail.of(scores, crossings, floor=lowest, kept=kept)
            return cls.from_tail(
                tail,
                crossings.total,
                floor=lowest,
                seed=crossings.seed,
                has_pools=crossings.has_pools,
                ranges=crossings.ranges,
            )
        values = checked_scores(scores)
        distinct, rows = np.unique(values, return_inverse=True)
        require_replicas_fit(distinct.size, crossings.replicas, crossings.seed)
        counts = _zeros(distinct.size, crossings.replicas)
        kernels.fill(
            rows,
            crossings.weights,
            crossings.blocks,
            seed_key(crossings.seed),
            POISSON_STEPS,
            *counts,
        )
        return cls(
            distinct,
            *counts,
            seed=crossings.seed,
            has_pools=crossings.has_pools,
            ranges=crossings.ranges,
            # All crossings stand in rows: summing these spares drawing every block's replicas again.
            total=Passing.of_rows(*counts),
        )

    @classmethod
    def from_tail(
        cls,
        tail: Tail,
        total: Passing,
        *,
        floor: int,
        seed: int,
        has_pools: bool,
        ranges: tuple[EventRange, ...],
    ) -> Self:
        """Count what lies at or above a floor, given the sums over all crossings.

        Parameters
        ----------
        tail
            Every score at or above the floor.
        total
            Sums over all crossings, those below the floor included.
        floor, seed, has_pools, ranges
            As the attributes.

        Raises
        ------
        CountsError
            If the weights of the tail sum to more than one call takes, see `from_scores`.
        """
        distinct, rows = np.unique(tail.scores, return_inverse=True)
        n_replicas = len(total.replicas)
        require_replicas_fit(distinct.size + 1, n_replicas, seed)
        if (weight := exact_sum(tail.weights)) * MOST_DRAWS > MAX_INT64_SUM:
            msg = (
                f"the weights above the floor sum to {weight / _UNIT_WEIGHT:.3g}, at most "
                f"{MAX_INT64_SUM / MOST_DRAWS / _UNIT_WEIGHT:.3g} are counted in one call; count smaller "
                "parts and add their counts"
            )
            raise CountsError(msg)
        counts = _zeros(distinct.size, n_replicas)
        kernels.fill(rows, tail.weights, tail.blocks, seed_key(seed), POISSON_STEPS, *counts)
        return cls(
            distinct,
            *counts,
            seed=seed,
            has_pools=has_pools,
            ranges=ranges,
            total=total,
            floor=floor,
        )

    def completed(self) -> ScoreCounts:
        """Return the counts without a floor, if all that is not resolved has the score ``floor - 1``.

        Where it is too much for a row, see above, the floor stays.
        """
        rest = self.rest
        if (
            self.floor is None
            or rest.replicas.dtype == object
            or self._largest(rest) > MAX_INT64_SUM
        ):
            return self
        if rest.entries == 0:
            return replace(self, floor=None)
        square = [[rest.weight_squared >> 64, rest.weight_squared & (2**64 - 1)]]
        return ScoreCounts(
            np.concatenate(([self.floor - 1], self.scores)).astype(np.int64),
            np.concatenate(([rest.entries], self.entries)).astype(np.int64),
            np.concatenate(([rest.weight], self.weights)).astype(np.int64),
            np.concatenate((np.array(square, dtype=np.uint64), self.squares)),
            np.concatenate((rest.replicas[np.newaxis], self.replicas)),
            seed=self.seed,
            has_pools=self.has_pools,
            ranges=self.ranges,
            total=self.total,
        )

    @property
    def rest(self) -> Passing:
        """Sums over all that is not resolved."""
        resolved, total = self._sums(0), self.total
        return Passing(
            total.entries - resolved.entries,
            total.weight - resolved.weight,
            total.weight_squared - resolved.weight_squared,
            total.replicas - resolved.replicas,
        )

    @property
    def n_replicas(self) -> int:
        """Number of bootstrap replicas."""
        return int(self.replicas.shape[1])

    def passing(self, threshold: int) -> Passing:
        """Return the sums over all crossings that fire: ``score >= threshold``."""
        return self._sums(int(self.rows_at(np.array([threshold]))[0]))

    def passing_weights(self, thresholds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sum of weights at or above each threshold, int64, axis (threshold)."""
        above = np.concatenate(([0], self.weights[::-1].cumsum()))
        return np.asarray(above[self.scores.size - self.rows_at(thresholds)], dtype=np.int64)

    def passing_replicas(self, thresholds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return each replica's sum of weights at or above its own threshold, int64, axis (replica)."""
        out = np.zeros(self.n_replicas, dtype=np.int64)
        kernels.sum_from_rows(self.replicas, self.rows_at(thresholds), out)
        return out

    def rows_at(self, thresholds: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the first row at or above each threshold.

        Raises
        ------
        CountsError
            If a threshold lies below the floor.
        """
        if self.floor is not None and thresholds.size and int(thresholds.min()) < self.floor:
            msg = (
                f"scores below {self.floor} were counted together, so that nothing is known of the "
                f"threshold {thresholds.min()}; count again with a lower floor"
            )
            raise CountsError(msg)
        return np.asarray(np.searchsorted(self.scores, thresholds, side="left"))

    def merge(self, other: ScoreCounts) -> ScoreCounts:
        """Return the counts of both sets of events together.

        Raises
        ------
        CountsError
            If the bootstraps differ, an event is in both, or the sum does not fit.
        """
        require_one_bootstrap(self, other)
        if self.floor != other.floor:
            msg = f"counts above the floors {self.floor} and {other.floor} do not go together"
            raise CountsError(msg)
        if shared := overlap(self.ranges, other.ranges):
            msg = f"both counts hold events {shared}; name another stream or first_event"
            raise CountsError(msg)
        self._require_sum_fits(other)
        scores = self.scores
        if not np.array_equal(scores, other.scores):
            scores = np.union1d(scores, other.scores)
        require_replicas_fit(scores.size, self.n_replicas, self.seed)
        counts = _zeros(scores.size, self.n_replicas)
        for part in (self, other):
            rows = np.searchsorted(scores, part.scores)
            whole = slice(None) if rows.size == scores.size else rows
            entries, sums, squares, replicas = counts
            entries[whole] += part.entries
            sums[whole] += part.weights
            replicas[whole] += part.replicas
            low = squares[whole, 1] + part.squares[:, 1]
            squares[whole, 0] += part.squares[:, 0] + (low < part.squares[:, 1])
            squares[whole, 1] = low
        return ScoreCounts(
            scores,
            *counts,
            seed=self.seed,
            has_pools=self.has_pools or other.has_pools,
            ranges=joined(self.ranges, other.ranges),
            total=self.total + other.total,
            floor=self.floor,
        )

    __add__ = merge

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ScoreCounts):
            return NotImplemented
        return (self.seed, self.has_pools, self.ranges, self.floor, self.total) == (
            other.seed,
            other.has_pools,
            other.ranges,
            other.floor,
            other.total,
        ) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("scores", "entries", "weights", "squares", "replicas")
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def __repr__(self) -> str:
        span = f" {self.scores[0]} to {self.scores[-1]}" if self.scores.size else ""
        return (
            f"ScoreCounts({self.total.entries} entries, {self.scores.size} distinct scores{span}, "
            f"{self.n_replicas} replicas, seed {self.seed})"
        )

    def _sums(self, row: int) -> Passing:
        return Passing.of_rows(
            self.entries[row:], self.weights[row:], self.squares[row:], self.replicas[row:]
        )

    def _largest(self, more: Passing) -> int:
        """Return the largest sum of weights of all rows or a replica, with some more."""
        ours = self._sums(0)
        return max(ours.weight + more.weight, int((ours.replicas + more.replicas).max()))

    def _require_sum_fits(self, other: ScoreCounts) -> None:
        # Each sum is at most 2**62, so that of two cannot wrap before it is checked.
        largest = self._largest(other._sums(0))
        if largest > MAX_INT64_SUM:
            what = "summed weights" if self.floor is None else "summed weights above the floor"
            msg = (
                f"the {what} reach {largest / _UNIT_WEIGHT:.3g} crossings of weight one; "
                f"at most {MAX_INT64_SUM / _UNIT_WEIGHT:.3g} are counted exactly"
            )
            raise CountsError(msg)


def merge_all(parts: Any) -> ScoreCounts:
    """Return the sum of an iterable of counts, of which there is at least one."""
    iterator = iter(parts)
    try:
        result: ScoreCounts = next(iterator)
    except StopIteration:
        msg = "there are no counts to add"
        raise CountsError(msg) from None
    for part in iterator:
        result += part
    return result


def require_one_bootstrap(*counts: ScoreCounts) -> None:
    """Refuse counts whose replicas do not belong together."""
    found = sorted({(one.n_replicas, one.seed) for one in counts})
    if len(found) > 1:
        text = " and ".join(f"{replicas} replicas of seed {seed}" for replicas, seed in found)
        msg = f"counts of different bootstraps do not go together: {text}"
        raise CountsError(msg)


def _zeros(rows: int, replicas: int) -> tuple[Any, Any, Any, Any]:
    return (
        np.zeros(rows, dtype=np.int64),
        np.zeros(rows, dtype=np.int64),
        np.zeros((rows, 2), dtype=np.uint64),
        np.zeros((rows, replicas), dtype=np.int64),
    )
