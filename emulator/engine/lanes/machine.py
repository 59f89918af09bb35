"""The machine of the lane kernels: rows into tiles, layer after layer, results out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.arrays import (
    BASE,
    CASTS,
    FLIP,
    HAS_BITS,
    HAS_CLIPS,
    IS_SCALED,
    LOADED_BYTES,
    LOADED_VECTORS,
    N_BLOCKS,
    N_CASTS,
    N_GROUPS,
    PACKED,
    PACKED_OUT,
    RESULT_ROWS,
    ROW_BYTES,
    ROW_VECTORS,
    SCALES,
    SOURCE_ROWS,
    STARTS,
    TO_BYTES,
    WEIGHTS,
)
from emulator.engine.lanes.dots import dense_pairs, dense_quads, dense_words
from emulator.engine.lanes.loading import load_tile
from emulator.engine.lanes.scaling import scale_rows
from emulator.engine.lanes.target import ROW_BYTES as TILE_ROW_BYTES
from emulator.engine.lanes.target import TILE, VECTOR_BYTES
from emulator.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.engine.lanes.emitter import Place


@kernel
def run_layers(
    layers: NDArray[np.int64], numbers: Place, source: Place, results: Place, spare: Place
) -> Place:
    """Run all layers from the tile at ``source`` and return the address of the last results.

    ``numbers``, ``source``, ``results`` and ``spare`` are addresses; layers write to the last two by
    turns.
    """
    for place in range(layers.shape[0]):
        weights = numbers + layers[place, WEIGHTS]
        starts = numbers + layers[place, STARTS]
        casts = numbers + layers[place, CASTS]
        n_groups, n_blocks = layers[place, N_GROUPS], layers[place, N_BLOCKS]
        out, n_casts, base = (
            layers[place, PACKED_OUT],
            layers[place, N_CASTS],
            layers[place, BASE],
        )
        packed = layers[place, PACKED]
        if packed == 4:
            dense_quads(
                source, weights, starts, results, n_groups, n_blocks, out, n_casts, casts, base
            )
        elif packed == 2:
            dense_pairs(
                source, weights, starts, results, n_groups, n_blocks, out, n_casts, casts, base
            )
        else:
            dense_words(
                source, weights, starts, results, n_groups, n_blocks, out, n_casts, casts, base
            )
        source = results
        results, spare = spare, results
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
    source = (start_of_scratch + VECTOR_BYTES - 1) // VECTOR_BYTES * VECTOR_BYTES
    results = source + reading[SOURCE_ROWS] * TILE_ROW_BYTES
    spare = results + reading[RESULT_ROWS] * TILE_ROW_BYTES
    copied = spare + reading[RESULT_ROWS] * TILE_ROW_BYTES
    scaled = copied + (TILE + 1) * row_vectors * VECTOR_BYTES
    reach = (TILE - 1) * row_bytes + row_vectors * VECTOR_BYTES
    for start in range(first, last, TILE):
        n = min(TILE, last - start)
        address = all_rows + start * row_bytes
        if start * row_bytes + reach > rows.size:
            copy = scratch[(copied - start_of_scratch) // 4 :].view(np.uint8)
            for place in range(n * row_bytes):
                copy[place] = rows[start * row_bytes + place]
            address = copied
        if reading[IS_SCALED]:
            table = words + reading[SCALES]
            scale_rows(
                address,
                row_bytes,
                scaled,
                table,
                row_vectors,
                reading[TO_BYTES],
                reading[HAS_BITS],
                reading[HAS_CLIPS],
            )
            address = scaled
        load_tile(address, reading[LOADED_BYTES], source, reading[LOADED_VECTORS], reading[FLIP])
        found = run_layers(layers, words, source, results, spare)
        at = np.uint64((found - start_of_scratch) // 4)
        write_results(scratch, at, outputs, start - first + shift, n, n_outputs)
