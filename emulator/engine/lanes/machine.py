"""The machine of the lane kernels: rows into tiles, layer after layer, results out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.dots import run_layer
from emulator.engine.lanes.flipping import flip_rows
from emulator.engine.lanes.layer_code import LAYER_COLUMNS, PACKED
from emulator.engine.lanes.reading_code import (
    FLIP,
    IS_SCALED,
    LOADED_BYTES,
    REACH,
    RESULT_ROWS,
    ROW_BYTES,
    ROW_VECTORS,
)
from emulator.engine.lanes.rows import run_first
from emulator.engine.lanes.scaling import LINES_AHEAD, scale_rows
from emulator.engine.lanes.target import ROW_BYTES as TILE_ROW_BYTES
from emulator.engine.lanes.target import TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.engine.lanes.emitter import Place


@inline_kernel
def run_layers(layers: NDArray[np.int64], numbers: Place, source: Place, results: Place) -> Place:
    """Run all layers but the first, whose results are at ``source``; return the address of the last.

    ``numbers``, ``source`` and ``results`` are addresses; layers write to the last two by turns.
    """
    for place in range(1, layers.shape[0]):
        row = np.int64(layers.ctypes.data) + place * LAYER_COLUMNS * 8
        run_layer(layers[place, PACKED], row, numbers, source, results)
        source, results = results, source
    return source


@kernel
def write_results(
    tile: NDArray[np.int32],
    at: np.uint64,
    outputs: NDArray[np.int64],
    row: int,
    n_events: int,
    n_outputs: int,
) -> None:
    """Write the results of a tile, which begin at ``at``, to the rows from ``row`` on."""
    events = np.uint64(n_events)
    if n_outputs == 1:  # contiguous: a loop of vectors
        first = np.uint64(row)
        for e in range(events):
            outputs[first + e] = tile[at + e]
        return
    for o in range(n_outputs):
        source, target = at + np.uint64(o * TILE), np.uint64(row * n_outputs + o)
        for e in range(events):
            outputs[target + e * np.uint64(n_outputs)] = tile[source + e]


@inline_kernel
def run_tile(
    rows: Place,
    reading: NDArray[np.int64],
    layers: NDArray[np.int64],
    words: Place,
    cast: Place,
    results: Place,
    memory: Place,
    line: Place,
) -> Place:
    """Run a tile of rows; return the address of the results of the last layer.

    Parameters
    ----------
    rows, words, cast, results
        Addresses of the rows, the numbers of all layers, and of space for rows that are cast and for results.
    reading, layers
        As `ChainArrays` holds them.
    memory, line
        What is needed next, as `ReadAhead` takes it.
    """
    n_read = np.int64(0)
    if reading[IS_SCALED]:
        scale_rows(np.int64(reading.ctypes.data), words, rows, cast, memory, line)
        rows, n_read = cast, reading[ROW_VECTORS] * LINES_AHEAD
    elif reading[FLIP]:
        flip_rows(rows, reading[ROW_BYTES], cast, reading[ROW_VECTORS], reading[FLIP])
        rows = cast
    run_first(
        layers[0, PACKED],
        np.int64(layers.ctypes.data),
        words,
        rows,
        reading[LOADED_BYTES],
        results,
        memory,
        line,
        n_read,
    )
    return run_layers(layers, words, results, results + reading[RESULT_ROWS] * TILE_ROW_BYTES)


@kernel
def run_chain(
    rows: NDArray[np.uint8],
    first: int,
    last: int,
    reading: NDArray[np.int64],
    layers: NDArray[np.int64],
    numbers: NDArray[np.int32],
    scratch: NDArray[np.int32],
    outputs: NDArray[np.int64],
    shift: int,
    n_outputs: int,
) -> None:
    """Run events ``first`` to ``last``.

    Parameters
    ----------
    rows
        The bytes of all rows, one after the other.
    reading, layers, numbers
        As `ChainArrays` holds them.
    scratch
        Working space, int32, of at least `ChainArrays.scratch_words`.
    outputs
        Result, int64, the outputs of the last layer of each event; event ``first`` goes to row
        ``shift``.
    """
    row_bytes, row_vectors = reading[ROW_BYTES], reading[ROW_VECTORS]
    all_rows = np.int64(rows.ctypes.data)
    words = np.int64(numbers.ctypes.data)
    start_of_scratch = np.int64(scratch.ctypes.data)
    results = (start_of_scratch + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES
    copied = results + 2 * reading[RESULT_ROWS] * TILE_ROW_BYTES
    cast = copied + (TILE + 1) * row_vectors * VECTOR_BYTES
    reach = (TILE - 1) * row_bytes + reading[REACH]
    nothing = np.zeros(1, dtype=np.int64)
    for start in range(first, last, TILE):
        n = min(TILE, last - start)
        address = all_rows + start * row_bytes
        if start * row_bytes + reach > rows.size:
            copy = scratch[(copied - start_of_scratch) // 4 :].view(np.uint8)
            for place in range(n * row_bytes):
                copy[place] = rows[start * row_bytes + place]
            address = copied
        following, line = address + TILE * row_bytes, np.int64(nothing.ctypes.data)
        found = run_tile(address, reading, layers, words, cast, results, following, line)
        at = np.uint64((found - start_of_scratch) // 4)
        write_results(scratch, at, outputs, start - first + shift, n, n_outputs)
