"""Kernels that choose and order objects: by crossing, by kind, by falling pt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inline_kernel
def _sort_falling(
    index: NDArray[np.int64], pt: NDArray[np.integer[Any]], start: int, stop: int
) -> None:
    """Insertion sort of a short stretch of ``index``; equal pt keep their order."""
    for i in range(start + 1, stop):
        moved = index[i]
        j = i
        while j > start and pt[index[j - 1]] < pt[moved]:
            index[j] = index[j - 1]
            j -= 1
        index[j] = moved


@kernel
def order_objects(
    offsets: NDArray[np.int64], pt: NDArray[np.int64], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order the objects of each row by falling pt and keep the first ones.

    Parameters
    ----------
    offsets
        int64 (n_rows + 1).
    pt
        int64 (n_objects).
    limit
        Objects to keep in a row, at most.

    Returns
    -------
    New offsets int64 (n_rows + 1) and the positions of the objects kept, int64.

    Examples
    --------
    >>> offsets, index = order_objects(np.array([0, 3]), np.array([5, 9, 5]), 2)
    >>> offsets.tolist(), index.tolist()
    ([0, 2], [1, 0])
    """
    rows = len(offsets) - 1
    new_offsets = np.zeros(rows + 1, dtype=np.int64)
    index = np.empty(len(pt), dtype=np.int64)
    filled = 0
    for row in range(rows):
        start = filled
        for position in range(offsets[row], offsets[row + 1]):
            index[filled] = position
            filled += 1
        _sort_falling(index, pt, start, filled)
        filled = start + min(filled - start, limit)
        new_offsets[row + 1] = filled
    return new_offsets, index[:filled].copy()


@kernel
def select_objects(
    offsets: NDArray[np.int64],
    pt: NDArray[np.integer[Any]],
    crossing: NDArray[np.integer[Any]],
    kind: NDArray[np.integer[Any]],
    wanted_crossings: NDArray[np.int64],
    wanted_kind: int,
    minimum_pt: int,
    limit: int,
    by_pt: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the objects of the wanted crossings, one row for each pair of entry and crossing.

    Parameters
    ----------
    offsets
        int64 (n_entries + 1), the objects of each entry of the file.
    pt, crossing, kind
        Integers (n_objects): hardware pt, relative crossing, and type (of a sum).
    wanted_crossings
        int64, without repetition.
    wanted_kind
        Only objects whose ``kind`` equals this are taken.
    minimum_pt
        Objects below are not there (1 for objects; 0 for sums, which count with ET 0 too).
    limit
        Objects to keep in a row, at most.
    by_pt
        Order by falling pt, else keep the order of the file.

    Returns
    -------
    Offsets int64 (n_entries * n_crossings + 1), entry by entry, and the positions chosen, int64.

    Examples
    --------
    >>> zeros = np.zeros(3, dtype=np.int64)
    >>> offsets, index = select_objects(
    ...     np.array([0, 3]), np.array([4, 6, 8]), np.array([-1, 0, 0]), zeros,
    ...     np.array([0, -1]), 0, 1, 8, True)
    >>> offsets.tolist(), index.tolist()
    ([0, 2, 3], [2, 1, 0])
    """
    entries, crossings = len(offsets) - 1, len(wanted_crossings)
    new_offsets = np.zeros(entries * crossings + 1, dtype=np.int64)
    index = np.empty(len(pt), dtype=np.int64)
    filled = 0
    for entry in range(entries):
        for k in range(crossings):
            start = filled
            for position in range(offsets[entry], offsets[entry + 1]):
                if (
                    crossing[position] == wanted_crossings[k]
                    and kind[position] == wanted_kind
                    and pt[position] >= minimum_pt
                ):
                    index[filled] = position
                    filled += 1
            if by_pt:
                _sort_falling(index, pt, start, filled)
            filled = start + min(filled - start, limit)
            new_offsets[entry * crossings + k + 1] = filled
    return new_offsets, index[:filled].copy()


@kernel
def stand_as_wanted(
    offsets: NDArray[np.int64],
    pt: NDArray[np.integer[Any]],
    crossing: NDArray[np.integer[Any]],
    wanted_crossing: int,
    minimum_pt: int,
    limit: int,
    by_pt: bool,
) -> bool:
    """Tell whether `select_objects` would leave the objects of one crossing all as they stand.

    So they do in files that a program wrote with the crossing, order and number of the trigger; to see
    this is cheaper than to choose. Parameters are those of `select_objects`, with one crossing and one
    kind.

    Examples
    --------
    >>> zeros = np.zeros(2, dtype=np.int64)
    >>> stand_as_wanted(np.array([0, 2]), np.array([8, 8]), zeros, 0, 1, 12, True)
    True
    >>> stand_as_wanted(np.array([0, 2]), np.array([7, 8]), zeros, 0, 1, 12, True)
    False
    """
    # Loops without branches, which the compiler turns into vector code.
    other = 0
    for position in range(len(pt)):
        other += (crossing[position] != wanted_crossing) | (pt[position] < minimum_pt)
    rising = 0
    if by_pt:
        for position in range(1, len(pt)):
            rising += pt[position - 1] < pt[position]
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        other += stop - start > limit
        if by_pt and stop > start > 0:
            # From one row to the next pt may rise.
            rising -= pt[start - 1] < pt[start]
    return other == 0 and rising == 0
