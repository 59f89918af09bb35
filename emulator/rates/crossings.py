"""What all scores of the same crossings share: weights, blocks of the bootstrap, and their sums.

Many models are counted on the same crossings. Their replicas are the same, so what does not depend on
a score is computed once, here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from emulator.rates import kernels
from emulator.rates.blocks import (
    MOST_DRAWS,
    POISSON_STEPS,
    EventRange,
    seed_key,
    stream_blocks,
)
from emulator.rates.checks import checked_blocks, checked_weights, require_replicas_fit
from emulator.rates.errors import CountsError
from emulator.rates.exact import added, exact_sum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """Sums over crossings, of all or of those at or above a threshold.

    Parameters
    ----------
    entries
        Number of crossings, whatever their weight.
    weight
        Sum of their weights, units of ``2**-32``.
    weight_squared
        Sum of their squared weights, units of ``2**-64``.
    replicas
        Sum of weights in each bootstrap replica, axis (replica), units of ``2**-32``: int64, or Python
        integers where one is above ``2**62`` (see `emulator.rates.exact.added`).
    """

    entries: int
    weight: int
    weight_squared: int
    replicas: NDArray[Any]

    @classmethod
    def nothing(cls, replicas: int) -> Self:
        """Return the sums over no crossing."""
        return cls(0, 0, 0, np.zeros(replicas, dtype=np.int64))

    @classmethod
    def of_rows(
        cls,
        entries: NDArray[np.int64],
        weights: NDArray[np.int64],
        squares: NDArray[np.uint64],
        replicas: NDArray[np.int64],
    ) -> Self:
        """Sum rows, axis (row) first, which hold no more than an int64 takes; squares are two words."""
        return cls(
            entries=int(entries.sum()),
            weight=int(weights.sum()),
            weight_squared=(exact_sum(squares[:, 0]) << 64) + exact_sum(squares[:, 1]),
            replicas=replicas.sum(axis=0, dtype=np.int64),
        )

    @property
    def is_unweighted(self) -> bool:
        """Whether all weights are equal."""
        return self.weight**2 == self.entries * self.weight_squared

    @property
    def n_effective(self) -> float:
        """Effective number of entries, (sum of weights) squared over sum of squared weights."""
        return self.weight**2 / self.weight_squared if self.weight_squared else 0.0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Passing):
            return NotImplemented
        ours, theirs = ((each.entries, each.weight, each.weight_squared) for each in (self, other))
        return ours == theirs and np.array_equal(self.replicas, other.replicas)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def __add__(self, other: Passing) -> Passing:
        """Return the sums over both sets of crossings."""
        return Passing(
            self.entries + other.entries,
            self.weight + other.weight,
            self.weight_squared + other.weight_squared,
            added(self.replicas, other.replicas),
        )


@dataclass(frozen=True, eq=False)
class Crossings:
    """Weights and blocks of some crossings; make it by `of`.

    Attributes
    ----------
    weights
        int64, axis (crossing), units of ``2**-32``.
    blocks
        What the bootstrap draws together, uint64, axis (crossing).
    replicas, seed
        Number of bootstrap replicas and their seed.
    has_pools
        Whether blocks are pool events, so that crossings may depend on each other.
    ranges
        Events that are blocks of their own.

    Examples
    --------
    >>> crossings = Crossings.of(3, weights=[1 << 32, 1 << 32, 1 << 33])
    >>> crossings.total.entries, crossings.total.weight >> 32
    (3, 4)
    """

    weights: NDArray[np.int64]
    blocks: NDArray[np.uint64]
    replicas: int
    seed: int
    has_pools: bool
    ranges: tuple[EventRange, ...]

    @classmethod
    def of(
        cls,
        n_events: int,
        *,
        weights: ArrayLike | None = None,
        pool_ids: ArrayLike | None = None,
        stream: str = "",
        first_event: int = 0,
        replicas: int = 200,
        seed: int = 0,
    ) -> Self:
        """Describe crossings; the parameters are those of `ScoreCounts.from_scores`.

        Raises
        ------
        CountsError
            If arrays do not match, a weight or id is negative, or the bootstrap is impossible.
        """
        units = checked_weights(weights, n_events, draws=MOST_DRAWS)
        require_replicas_fit(0, replicas, seed)
        ranges: tuple[EventRange, ...] = ()
        if pool_ids is not None:
            blocks = checked_blocks(pool_ids, n_events)
        else:
            if not 0 <= first_event <= 2**63 - n_events:
                msg = f"first_event must be 0 or more, got {first_event}"
                raise CountsError(msg)
            blocks = stream_blocks(stream, first_event, n_events)
            if n_events:
                ranges = (EventRange(stream, first_event, first_event + n_events),)
        has_pools = pool_ids is not None and n_events > 0
        return cls(units, blocks, replicas, seed, has_pools, ranges)

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def total(self) -> Passing:
        """Sums over all crossings, computed once."""
        rows = np.zeros(len(self), dtype=np.int64)
        entries, sums = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        squares = np.zeros((1, 2), dtype=np.uint64)
        replicas = np.zeros((1, self.replicas), dtype=np.int64)
        kernels.fill(
            rows,
            self.weights,
            self.blocks,
            seed_key(self.seed),
            POISSON_STEPS,
            entries,
            sums,
            squares,
            replicas,
        )
        square = (int(squares[0, 0]) << 64) + int(squares[0, 1])
        return Passing(int(entries[0]), int(sums[0]), square, replicas[0])

    def with_total(self, total: Passing) -> Crossings:
        """Return the same crossings, whose sums were computed before and kept."""
        same = replace(self)
        same.__dict__["total"] = total
        return same

    def taken(self, index: NDArray[np.intp]) -> Crossings:
        """Return some of the crossings; which events they are is not kept."""
        return Crossings(
            self.weights[index], self.blocks[index], self.replicas, self.seed, self.has_pools, ()
        )
