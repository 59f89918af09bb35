"""The machine that runs a `Program`: step after step on tiles of events.

Weights, types and wiring are data: the machine is compiled once for 32-bit and once for 64-bit tiles, and
a second network costs no compilation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.kernels import (
    BLOCK,
    DENSE_EXACT,
    DENSE_STEPWISE,
    FILL,
    GATHER,
    LOOK_UP,
    N_IN,
    N_OUT,
    OFFSET_SHIFT,
    OPERATION,
    POOL,
    STARTS,
    SUM_EXACT,
    SUM_STEPWISE,
    TARGET,
    TILE,
    dense_exact,
    element,
    offset_shift,
    row_place,
    sum_exact,
    sum_stepwise,
)
from emulator.engine.layers import fill, gather, look_up, normalize
from emulator.jit import kernel

if TYPE_CHECKING:
    from emulator.engine.kernels import Integers


@kernel
def run_step(
    tile: Integers,
    total: Integers,
    scratch: Integers,
    step: Integers,
    pool: Integers,
    wide_pool: Integers,
) -> None:
    """Run one node on one tile."""
    operation = step[OPERATION]
    if operation == DENSE_EXACT:
        dense_exact(tile, total, scratch, step, pool)
    elif operation == SUM_EXACT:
        sum_exact(tile, total, scratch, step)
    elif operation == OFFSET_SHIFT:
        offset_shift(tile, scratch, step, wide_pool)
    elif operation in (DENSE_STEPWISE, SUM_STEPWISE):
        for j in range(step[N_OUT]):
            start = wide_pool[step[STARTS] + j]
            w = step[POOL] + j * step[N_IN]
            sum_stepwise(tile, scratch, start, wide_pool, w, row_place(step[TARGET], j), step)
    elif operation < FILL:
        element(tile, scratch, step)
    else:
        run_layer(tile, step, wide_pool)


@kernel
def run_layer(tile: Integers, step: Integers, wide_pool: Integers) -> None:
    """Run one step that casts nothing."""
    operation = step[OPERATION]
    if operation == FILL:
        fill(tile, step, wide_pool)
    elif operation == GATHER:
        gather(tile, step, wide_pool)
    elif operation == LOOK_UP:
        look_up(tile, step, wide_pool)
    else:
        normalize(tile, step, wide_pool)


@kernel
def run_rows(
    rows: Integers,
    first: int,
    last: int,
    program: Integers,
    pool: Integers,
    wide_pool: Integers,
    tile: Integers,
    output_rows: Integers,
    outputs: Integers,
) -> None:
    """Run events ``first`` to ``last`` of ``rows``.

    Parameters
    ----------
    rows
        Hardware integers, (n events, n features), within the input's type.
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
    scratch = np.empty(4 * BLOCK * TILE, np.int64)
    n_features = rows.shape[1]
    for start in range(first, last, TILE):
        n = min(TILE, last - start)
        for e in range(n):
            for i in range(n_features):
                tile[row_place(e, i)] = rows[start + e, i]
        for s in range(program.shape[0]):
            run_step(tile, total, scratch, program[s], pool, wide_pool)
        for o in range(output_rows.size):
            for e in range(n):
                outputs[start + e, o] = tile[row_place(e, output_rows[o])]
