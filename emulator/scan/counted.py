"""Results of pieces put together, sample by sample and scorer by scorer, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.objects.same_scalars import SameScalars
from emulator.rates import GroupedCounts, MenuCounts, Passing, ScoreCounts, Tail
from emulator.rates.blocks import joined
from emulator.rates.tails import LOWEST_FLOOR
from emulator.scan.errors import ScanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.scan.plan import Condition, Counting, Piece
    from emulator.scan.store import StoredPiece

    Results = Mapping[Piece, StoredPiece]

#: Entries of a tail that are counted at a time: with their arrays 60 MB.
_ENTRIES: Final = 1 << 20

#: Sorted numbers are compared range by range, with about so many of them in memory.
_NUMBERS: Final = 1 << 23


def pieces_of(condition: Condition, sample: str, results: Results) -> list[StoredPiece]:
    """Return the results of all pieces of a sample; there is at least one.

    Raises
    ------
    ScanError
        If there is none.
    InputFileError
        If files with weights and files without are mixed.
    """
    pieces = [piece for piece in condition.pieces() if piece.sample == sample]
    found = [(piece, results[piece]) for piece in pieces if piece in results]
    if not found:
        n_files = len(condition.samples[sample])
        msg = f"{condition.name}: none of the {n_files} files of {sample!r} could be read"
        raise ScanError(msg)
    same = SameScalars()
    for piece, result in found:
        if result.n_events:  # a part of a short file may be empty
            same.check(piece.path, result.scalars)
    return [result for _, result in found]


def summed(pieces: Sequence[StoredPiece]) -> Passing:
    """Return the sums over all crossings."""
    total = pieces[0].total
    for piece in pieces[1:]:
        total += piece.total
    return total


def score_counts(
    pieces: Sequence[StoredPiece], scorer: str, *, floor: int | None, seed: int, pure: bool = False
) -> ScoreCounts:
    """Return the counts of a scorer over all pieces of a sample; there is at least one.

    Parameters
    ----------
    pieces
        Results that were counted above the same floor.
    scorer
        Whose scores.
    floor, seed
        As they were counted.
    pure
        Whether to count what the menu leaves.
    """
    lowest = LOWEST_FLOOR if floor is None else floor
    has_pools = any(piece.has_pools for piece in pieces)
    nothing = Passing.nothing(len(pieces[0].total.replicas))
    counts: ScoreCounts | None = None
    for tail in _in_batches(pieces, scorer, pure=pure):
        part = ScoreCounts.from_tail(
            tail, nothing, floor=lowest, seed=seed, has_pools=has_pools, ranges=()
        )
        counts = part if counts is None else counts + part
    assert counts is not None  # noqa: S101 - there is at least one batch
    ranges = joined((), tuple(each for piece in pieces for each in piece.ranges))
    counts = replace(counts, total=summed(pieces), ranges=ranges)
    found = [each for piece in pieces if (each := piece.lowest[scorer]) is not None]
    # What lies below the floor is one score if there is no lower one.
    if not pure and (floor is None or (bool(found) and min(found) >= floor - 1)):
        return counts.completed()
    return counts


def _in_batches(pieces: Sequence[StoredPiece], scorer: str, *, pure: bool) -> Iterator[Tail]:
    """Yield tails of some size, at least one."""
    batch, size = [Tail.empty()], 0
    for piece in pieces:
        tail = piece.pure_tail(scorer) if pure else piece.tail(scorer)
        for start in range(0, len(tail.scores), _ENTRIES):
            part = tail.taken(slice(start, start + _ENTRIES))
            if size + len(part.scores) > _ENTRIES:
                yield Tail.joined(batch)
                batch, size = [], 0
            batch.append(part)
            size += len(part.scores)
    yield Tail.joined(batch)


def menu_counts(pieces: Sequence[StoredPiece], counting: Counting) -> MenuCounts:
    """Return the counts of the menu over all pieces of a sample."""
    assert counting.menu is not None  # noqa: S101 - asked for where there is a menu
    counts = pieces[0].menu(counting.menu.column, counting.seed)
    for piece in pieces[1:]:
        counts += piece.menu(counting.menu.column, counting.seed)
    return counts


class AcceptedGroups:
    """Crossings of a sample that a scorer accepts, with their groups in one quantity.

    Parameters
    ----------
    pieces
        Results of the sample.
    scorer
        Who accepts.
    binning
        Which of the quantities of the sample.
    lowest
        The lowest threshold that will be asked for, at or above the floor.
    """

    def __init__(
        self, pieces: Sequence[StoredPiece], scorer: str, binning: int, lowest: int
    ) -> None:
        self._tails, self._groups = [Tail.empty()], [np.zeros(0, dtype=np.int64)]
        self._totals: dict[int, Passing] = {}
        self._has_pools = any(piece.has_pools for piece in pieces)
        for piece in pieces:
            tail = piece.tail(scorer)
            chosen = np.flatnonzero(tail.scores >= lowest)
            self._tails.append(tail.taken(chosen))
            self._groups.append(piece.tail_groups(binning, scorer)[chosen])
            for name, total in piece.group_totals(binning).items():
                before = self._totals.get(name)
                self._totals[name] = total if before is None else before + total

    def counts(self, threshold: int, seed: int) -> GroupedCounts:
        """Return what is accepted at a threshold, group by group; the threshold of the counts is 1."""
        tail, groups = Tail.joined(self._tails), np.concatenate(self._groups)
        chosen = np.flatnonzero(tail.scores >= threshold)
        return GroupedCounts.from_accepted(
            tail.taken(chosen), groups[chosen], self._totals, seed=seed, has_pools=self._has_pools
        )


def _ranges_of(
    parts: Sequence[NDArray[np.uint64]],
) -> Iterator[list[NDArray[np.uint64]]]:
    """Yield sorted numbers range by range, those of all parts that lie in it."""
    n = sum(len(part) for part in parts)
    bits = min(max((n // _NUMBERS).bit_length(), 0), 20)
    edges = np.arange(1, 1 << bits, dtype=np.uint64) << np.uint64(64 - max(bits, 1))
    cuts = [np.concatenate(([0], np.searchsorted(part, edges), [len(part)])) for part in parts]
    for i in range(1 << bits):
        yield [part[int(cut[i]) : int(cut[i + 1])] for part, cut in zip(parts, cuts, strict=True)]


def n_excess(parts: Sequence[NDArray[np.uint64]]) -> int:
    """Return how many numbers there are too many; each part is sorted.

    Examples
    --------
    >>> n_excess([np.array([1, 2, 2], dtype=np.uint64), np.array([2, 3], dtype=np.uint64)])
    2
    """
    total = 0
    for some in _ranges_of(parts) if parts else ():
        here = np.concatenate(some)
        total += len(here) - len(np.unique(here))
    return total


def n_shared(first: Sequence[NDArray[np.uint64]], second: Sequence[NDArray[np.uint64]]) -> int:
    """Return how many different numbers both have; each part is sorted.

    Examples
    --------
    >>> one, other = (np.array(each, dtype=np.uint64) for each in ([1, 2, 5], [2, 5, 9]))
    >>> n_shared([one, one], [other])
    2
    """
    total = 0
    for some in _ranges_of([*first, *second]):
        ours, theirs = np.concatenate(some[: len(first)]), np.concatenate(some[len(first) :])
        total += len(np.intersect1d(ours, theirs))
    return total
