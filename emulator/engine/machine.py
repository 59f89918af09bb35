"""The machine that runs a `Program`: step after step on tiles of events.

Weights, types and wiring are data: the machine is compiled once for 32-bit and once for 64-bit tiles, and
a second network costs no compilation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.kernels import (
    BLOCK,
    CAST_RESULT,
    FILL,
    LOOK_UP,
    N_COLUMNS,
    N_OUT,
    OFFSET_SHIFT,
    OPERATION,
    ROW,
    SUM_EXACT,
    SUM_STEPWISE,
    TARGET,
    TILE,
    ZERO,
    cast_rows,
    element,
    look_up,
    offset_shift,
    row_place,
    sum_exact,
    sum_stepwise,
    with_constants,
)
from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from emulator.engine.kernels import Integers


@inline_kernel
def run_step(
    tile: Integers,
    total: Integers,
    scratch: Integers,
    step: Integers,
    pool: Integers,
    wide_pool: Integers,
) -> None:
    """Run one step on one tile."""
    operation, n_out = step[OPERATION], step[N_OUT]
    for first in range(0, n_out, BLOCK):
        rows = min(BLOCK, n_out - first)
        if operation == SUM_EXACT:
            sum_exact(tile, total, scratch, step, pool, first, rows)
        elif operation == SUM_STEPWISE:
            sum_stepwise(tile, scratch, step, wide_pool, first, rows)
        elif operation == OFFSET_SHIFT:
            offset_shift(tile, scratch, step, wide_pool, first, rows)
        elif operation < FILL:
            element(tile, scratch, step, first, rows)
        elif operation == LOOK_UP:
            look_up(tile, scratch, step, wide_pool, first, rows)
        else:
            with_constants(tile, scratch, step, wide_pool, first, rows)
        n, t = np.uint64(rows) * ROW, row_place(step[TARGET], first)
        cast_rows(scratch, ZERO, tile, t, n, step[CAST_RESULT:N_COLUMNS])


@kernel
def run_rows(
    rows: Integers,
    program: Integers,
    pool: Integers,
    wide_pool: Integers,
    tile: Integers,
    output_rows: Integers,
    outputs: Integers,
) -> None:
    """Run events.

    Parameters
    ----------
    rows
        Hardware integers within the input's type, (n events, n features), of the tile's dtype: for
        each type of rows all would be compiled again.
    program
        int64, (n steps, `N_COLUMNS`).
    pool
        Weights and start values of exact sums, of the tile's dtype (they may have wrapped to it).
    wide_pool
        Weights, start values, offsets, shifts, tables and places of all other operations, int64.
    tile
        Working space, (rows of all nodes × `TILE`,), int32 or int64, zero where no step writes.
    output_rows
        Which rows of the tile leave the network.
    outputs
        Result, int64, (n events, number of output rows).
    """
    total = np.empty(BLOCK * TILE, tile.dtype)
    scratch = np.empty(BLOCK * TILE, np.int64)
    n_events, n_features = rows.shape
    for start in range(0, n_events, TILE):
        n = min(TILE, n_events - start)
        for e in range(n):
            for i in range(n_features):
                tile[row_place(e, i)] = rows[start + e, i]
        for s in range(program.shape[0]):
            run_step(tile, total, scratch, program[s], pool, wide_pool)
        for o in range(output_rows.size):
            for e in range(n):
                outputs[start + e, o] = tile[row_place(e, output_rows[o])]
