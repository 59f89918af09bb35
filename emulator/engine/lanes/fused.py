"""Jagged contents to results of a chain, tile after tile, without leaving compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.gathering import gather_tile, places_of_rows
from emulator.engine.lanes.machine import run_tile, write_results
from emulator.engine.lanes.read_ahead import TOGETHER, list_objects
from emulator.engine.lanes.reading_code import RESULT_ROWS, ROW_BYTES
from emulator.engine.lanes.target import ROW_BYTES as TILE_ROW_BYTES
from emulator.engine.lanes.target import TILE, VECTOR_BYTES
from emulator.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def space_for_lines(lines_of_tile: int) -> NDArray[np.int64]:
    """Return space for a list of lines; until they are listed, lines of itself."""
    lines = np.empty(lines_of_tile + TOGETHER, dtype=np.int64)
    lines[:] = lines.ctypes.data
    return lines


@kernel
def run_jagged(
    first: int,
    last: int,
    passes: NDArray[np.int64],
    buffer: NDArray[np.int16],
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
    passes
        The table of `gather_tile`; whole tiles are gathered, also behind the last event.
    buffer
        Space for the rows of a tile, as far apart as ``reading`` says: few enough for the innermost cache.
    reading, layers, numbers, scratch, outputs, n_outputs
        As `run_chain` takes them; results of event ``first`` go to row ``first``.
    lines
        As `space_for_lines` returns it.
    """
    table, words = np.int64(passes.ctypes.data), np.int64(numbers.ctypes.data)
    rows, line = np.int64(buffer.ctypes.data), np.int64(lines.ctypes.data)
    start_of_scratch = np.int64(scratch.ctypes.data)
    results = (start_of_scratch + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES
    cast = results + 2 * reading[RESULT_ROWS] * TILE_ROW_BYTES
    places = places_of_rows(rows, reading[ROW_BYTES])
    n_passes, room = passes.shape[0], lines.size - TOGETHER
    for start in range(first, last, TILE):
        gather_tile(start, table, n_passes, np.int64(places.ctypes.data))
        following, left = start + TILE, last - start - TILE
        if left > 0:
            list_objects(following, min(TILE, left), TILE, table, n_passes, line, room)
        found = run_tile(rows, reading, layers, words, cast, results, np.int64(0), line)
        at = np.uint64((found - start_of_scratch) // 4)
        write_results(scratch, at, outputs, start, min(TILE, last - start), n_outputs)
