"""The scores that matter for a rate: those at or above a floor, with their weights and blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from emulator.rates.checks import SCORE_LIMIT, checked_scores
from emulator.rates.errors import CountsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from emulator.rates.crossings import Crossings

#: The floor that every score reaches.
LOWEST_FLOOR: Final = -SCORE_LIMIT + 1

#: Scores are resolved up to so many times the highest target rate ...
FLOOR_FACTOR: Final = 10.0

#: ... and as far as at least so many crossings lie above.
FLOOR_ENTRIES: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Scores that are counted one by one: those at or above a floor that are not vetoed.

    Tails of different crossings may be put together in any order (`joined`); with the sums over all
    crossings they give the counts.

    Parameters
    ----------
    scores
        int64, axis (entry).
    weights
        What is counted at the score, int64, axis (entry), units of ``2**-32``.
    vetoed
        Weight of the same crossings that is not, because something else accepts them.
    blocks
        uint64, axis (entry).
    """

    scores: NDArray[np.int64]
    weights: NDArray[np.int64]
    vetoed: NDArray[np.int64]
    blocks: NDArray[np.uint64]

    @classmethod
    def of(
        cls,
        scores: ArrayLike,
        crossings: Crossings,
        *,
        floor: int = LOWEST_FLOOR,
        kept: NDArray[np.float64] | None = None,
    ) -> Self:
        """Take the tail of the scores of some crossings; see `ScoreCounts.from_crossings`."""
        values = checked_scores(scores)
        if len(values) != len(crossings):
            msg = f"there are {len(values)} scores for {len(crossings)} crossings"
            raise CountsError(msg)
        weights = crossings.weights if kept is None else kept_weights(crossings.weights, kept)
        chosen = places_above(values, weights, floor)
        taken = weights[chosen]
        vetoed = crossings.weights[chosen] - taken
        return cls(values[chosen], taken, vetoed, crossings.blocks[chosen])

    @classmethod
    def empty(cls) -> Self:
        """Return the tail of no crossing."""
        none = np.zeros(0, dtype=np.int64)
        return cls(none, none, none, none.astype(np.uint64))

    def taken(self, which: slice | NDArray[np.intp]) -> Tail:
        """Return some of the entries."""
        return Tail(self.scores[which], self.weights[which], self.vetoed[which], self.blocks[which])

    @classmethod
    def joined(cls, parts: Sequence[Tail]) -> Self:
        """Put tails of different crossings together; there is at least one."""
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.weights for part in parts]),
            np.concatenate([part.vetoed for part in parts]),
            np.concatenate([part.blocks for part in parts]),
        )


def places_above(
    scores: NDArray[np.int64], weights: NDArray[np.int64], floor: int
) -> NDArray[np.intp]:
    """Return which crossings are in a tail, axis (entry)."""
    return np.flatnonzero((scores >= floor) & (weights > 0))


def floor_for(
    scores: NDArray[np.int64],
    weights: NDArray[np.int64],
    fraction: float,
    kept: NDArray[np.float64] | None = None,
) -> int | None:
    """Choose the lowest score to resolve, low enough for thresholds at some fraction of crossings.

    Parameters
    ----------
    scores, weights
        Of some crossings, axis (crossing).
    fraction
        Largest fraction of their weight that a threshold will let pass.
    kept
        Probability that nothing else accepts the crossing, if the fraction is a pure one.

    Returns
    -------
    A floor far below (`FLOOR_FACTOR`, `FLOOR_ENTRIES`); None if there are too few crossings for one.

    Examples
    --------
    >>> floor_for(np.arange(10_000), np.ones(10_000, dtype=np.int64), 0.01)
    9000
    """
    order = np.argsort(-scores, kind="stable")
    counted = weights[order] if kept is None else (weights * kept)[order]
    passing = counted.cumsum(dtype=np.float64)
    wanted = FLOOR_FACTOR * fraction * float(weights.sum(dtype=np.float64))
    place = max(int(np.searchsorted(passing, wanted)), FLOOR_ENTRIES)
    if place >= len(order):
        return None
    # The lowest score there is needs no resolving: all of it is one row anyway.
    return max(int(scores[order[place]]), int(scores.min()) + 1)


def kept_weights(weights: NDArray[np.int64], kept: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the part of each weight that is kept, rounded to a unit of ``2**-32``.

    Raises
    ------
    CountsError
        If there is not one number from 0 to 1 for each weight.
    """
    if kept.shape != weights.shape or not ((kept >= 0) & (kept <= 1)).all():
        msg = f"kept must be one number from 0 to 1 for each of {len(weights)} crossings"
        raise CountsError(msg)
    parts = np.rint(weights * kept).astype(np.int64)
    # Doubles round large weights: nothing may grow, and what is kept whole stays whole.
    return np.where(kept == 1, weights, np.minimum(parts, weights))
