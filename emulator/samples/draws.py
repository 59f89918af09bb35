"""Which interactions meet in a crossing: drawn for a stratum, or as nature does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emulator.samples.strata import probabilities_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.samples.overlays import Overlays
    from emulator.samples.strata import ClassMeans

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Which entries are overlaid in each crossing.

    Attributes
    ----------
    offsets, entries
        Hard entries of each crossing, the leading one first: int64 ``(n + 1,)`` and ``(n_drawn,)``.
    n_soft
        Interactions of the softest class, drawn while simulating, int64, ``(n,)``.
    weight
        Weight of each crossing inside its stratum, float64, ``(n,)``, mean 1.
    """

    offsets: IntArray
    entries: IntArray
    n_soft: IntArray
    weight: FloatArray


def zero_truncated_poisson(rng: np.random.Generator, mean: float, n: int) -> IntArray:
    """Draw Poisson numbers under the condition that they are not 0.

    Examples
    --------
    >>> zero_truncated_poisson(np.random.default_rng(1), 0.01, 5).tolist()
    [1, 1, 1, 1, 1]
    """
    # Enough terms that the rest is far below what a random number can resolve.
    last = int(mean + 12.0 * np.sqrt(mean) + 30.0)
    terms = np.cumprod(mean / np.arange(1, last + 1)) * np.exp(-mean) / -np.expm1(-mean)
    return _from_terms(rng, terms, n)


def zero_truncated_binomial(rng: np.random.Generator, trials: int, p: float, n: int) -> IntArray:
    """Draw binomial numbers under the condition that they are not 0.

    Examples
    --------
    >>> zero_truncated_binomial(np.random.default_rng(1), 50, 1e-4, 5).tolist()
    [1, 1, 1, 1, 1]
    """
    k = np.arange(1, trials + 1)
    with np.errstate(under="ignore"):
        ratios = (trials - k + 1) / k * (p / (1.0 - p))
        log_none = trials * np.log1p(-p)
        terms = np.cumprod(ratios) * np.exp(log_none) / -np.expm1(log_none)
    return _from_terms(rng, terms, n)


def _from_terms(rng: np.random.Generator, terms: FloatArray, n: int) -> IntArray:
    """Draw 1, 2, ... with these probabilities."""
    table = np.cumsum(terms)
    return 1 + np.minimum(np.searchsorted(table, rng.random(n), side="right"), len(terms) - 1)


def draw_stratum(
    overlays: Overlays, means: ClassMeans, stratum: str, n: int, rng: np.random.Generator
) -> Draw:
    """Draw the interactions of ``n`` crossings of one stratum."""
    profile = means.profile
    if len(means.parts) == 1:
        return _draw(overlays, means, means.parts[0], n, rng, stratum=stratum)
    here = [probabilities_at(means, part)[stratum] for part in means.parts]
    return _draw_spread(overlays, means, np.multiply(here, profile.shares), n, rng, stratum=stratum)


def draw_natural(
    overlays: Overlays,
    means: ClassMeans,
    n: int,
    rng: np.random.Generator,
    leading: IntArray | None = None,
) -> Draw:
    """Draw the interactions of ``n`` natural crossings: no class is forced, all weights are 1.

    Parameters
    ----------
    overlays, means
        Entries and mean numbers of all classes.
    n
        Number of crossings.
    rng
        Source of randomness.
    leading
        Entries of a signal, one for each crossing, to overlay on top.
    """
    profile = means.profile
    if len(means.parts) == 1:
        return _draw(overlays, means, means.parts[0], n, rng, leading=leading)
    return _draw_spread(overlays, means, np.array(profile.shares), n, rng, leading=leading)


def _draw_spread(
    overlays: Overlays,
    means: ClassMeans,
    shares: FloatArray,
    n: int,
    rng: np.random.Generator,
    *,
    stratum: str | None = None,
    leading: IntArray | None = None,
) -> Draw:
    """Draw the mean pile-up of each crossing, then its interactions."""
    place = rng.choice(len(shares), n, p=shares / shares.sum())
    rows = [np.flatnonzero(place == i) for i in range(len(shares))]
    draws = [
        _draw(
            overlays,
            means,
            here,
            len(mine),
            rng,
            stratum=stratum,
            leading=None if leading is None else leading[mine],
        )
        for here, mine in zip(means.parts, rows, strict=True)
    ]
    order = np.argsort(np.concatenate(rows), kind="stable")
    return _joined(draws, order)


def _draw(
    overlays: Overlays,
    means: ClassMeans,
    here: Mapping[str, float],
    n: int,
    rng: np.random.Generator,
    *,
    stratum: str | None = None,
    leading: IntArray | None = None,
) -> Draw:
    """Draw crossings of one mean pile-up, of a stratum or (without one) natural ones."""
    names = list(here)
    lead = len(names) if stratum is None else names.index(stratum)
    numbers = _Numbers(means, here, n, rng, names[lead + 1 :])
    crossing: list[IntArray] = []
    entries: list[IntArray] = []
    weight = np.ones(n)
    if leading is not None:
        crossing.append(np.arange(n))
        entries.append(leading)
    for rank in range(min(lead, len(names) - 1), 0, -1):
        pool = overlays.classes[names[rank]]
        if rank == lead:
            first, weight = pool.draw(rng, n, leading=True)
            crossing.append(np.arange(n))
            entries.append(first)
            counts = numbers.of(names[rank], truncated=True) - 1
        else:
            counts = numbers.of(names[rank], truncated=False)
        owner = np.repeat(np.arange(n), counts)
        crossing.append(owner)
        entries.append(pool.draw(rng, len(owner), leading=False)[0])
    return _assemble(crossing, entries, numbers.soft(names[0]), weight)


class _Numbers:
    """Numbers of interactions, class by class from the hardest that may be present."""

    def __init__(
        self,
        means: ClassMeans,
        here: Mapping[str, float],
        n: int,
        rng: np.random.Generator,
        absent: Sequence[str],
    ) -> None:
        self._here = here
        self._on_top = means.on_top
        self._fixed = means.fixed
        self._n = n
        self._rng = rng
        # Interactions not yet given to a class, and the share of them that these classes have.
        self._left = np.full(n, self._fixed or 0, np.int64)
        self._share_left = 1.0 - sum(self._share(name) for name in absent)

    def _share(self, name: str) -> float:
        if self._fixed is None or name in self._on_top:
            return 0.0
        return self._here[name] / self._fixed

    def of(self, name: str, *, truncated: bool) -> IntArray:
        """Draw the numbers of one class, at least 1 if ``truncated``."""
        if self._fixed is None or name in self._on_top:
            if truncated:
                return zero_truncated_poisson(self._rng, self._here[name], self._n)
            return self._rng.poisson(self._here[name], self._n)
        p = self._share(name) / self._share_left
        if truncated:
            counts = zero_truncated_binomial(self._rng, self._fixed, p, self._n)
        else:
            counts = self._rng.binomial(self._left, p)
        self._left -= counts
        self._share_left -= self._share(name)
        return counts

    def soft(self, name: str) -> IntArray:
        """Draw the numbers of the softest class: with a fixed number, what is left."""
        if self._fixed is not None:
            return self._left
        return self._rng.poisson(self._here[name], self._n)


def _assemble(
    crossing: Sequence[IntArray],
    entries: Sequence[IntArray],
    n_soft: IntArray,
    weight: FloatArray,
) -> Draw:
    n = len(n_soft)
    owner = np.concatenate([np.zeros(0, np.int64), *crossing])
    drawn = np.concatenate([np.zeros(0, np.int64), *entries])
    # Stable, so that the leading entry stays the first of its crossing.
    order = np.argsort(owner, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))]).astype(np.int64)
    return Draw(offsets, drawn[order], n_soft.astype(np.int64), weight)


def _joined(draws: Sequence[Draw], order: IntArray) -> Draw:
    """Put draws one after another, then take their crossings in an order."""
    counts = np.concatenate([np.diff(draw.offsets) for draw in draws])
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    entries = np.concatenate([draw.entries for draw in draws])
    own = counts[order]
    offsets = np.concatenate([[0], np.cumsum(own)]).astype(np.int64)
    rows = np.arange(offsets[-1]) + np.repeat(starts[order] - offsets[:-1], own)
    return Draw(
        offsets,
        entries[rows],
        np.concatenate([draw.n_soft for draw in draws])[order],
        np.concatenate([draw.weight for draw in draws])[order],
    )
