"""Jagged contents to results of a chain, without leaving compiled code between blocks of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.gathering import gather_rows
from emulator.engine.lanes.machine import run_chain
from emulator.engine.lanes.read_ahead import TOGETHER, list_objects
from emulator.engine.lanes.target import TILE
from emulator.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Events whose rows are gathered at a time: few enough for the innermost cache.
EVENTS = 2 * TILE


def space_for_lines(lines_of_tile: int) -> NDArray[np.int64]:
    """Return space for a list of lines for each tile of a block; until they are listed, lines of itself."""
    lines = np.empty((EVENTS // TILE, lines_of_tile + TOGETHER), dtype=np.int64)
    lines[:] = lines.ctypes.data
    return lines


@kernel
def run_jagged(
    first: int,
    last: int,
    passes: NDArray[np.int64],
    fields: NDArray[np.int64],
    buffer: NDArray[np.int16],
    row_bytes: int,
    reading: NDArray[np.int64],
    layers: NDArray[np.int64],
    numbers: NDArray[np.int32],
    scratch: NDArray[np.int32],
    outputs: NDArray[np.int64],
    n_outputs: int,
    lines: NDArray[np.int64],
) -> None:
    """Gather and run events ``first`` to ``last``.

    Parameters
    ----------
    passes, fields
        Tables of `gather_rows`.
    buffer
        Space for `EVENTS` rows of ``row_bytes`` bytes.
    reading, layers, numbers, scratch, outputs, n_outputs
        As `run_chain` takes them, ``reading`` of rows so far apart; results of event ``first`` go to row ``first``.
    lines
        As `space_for_lines` returns it.
    """
    rows = buffer.view(np.uint8)
    tables, columns, target = passes.ctypes.data, fields.ctypes.data, buffer.ctypes.data
    room = lines.shape[1]
    for start in range(first, last, EVENTS):
        n = min(EVENTS, last - start)
        gather_rows(start, n, tables, passes.shape[0], columns, target, row_bytes)
        for tile in range(EVENTS // TILE):
            following = start + EVENTS + tile * TILE
            if following < last:
                list_objects(
                    following,
                    min(TILE, last - following),
                    EVENTS,
                    tables,
                    passes.shape[0],
                    columns,
                    np.int64(lines.ctypes.data) + 8 * tile * room,
                    room - TOGETHER,
                )
        run_chain(rows, 0, n, reading, layers, numbers, scratch, outputs, start, n_outputs, lines)
