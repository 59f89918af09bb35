"""Kernels of the engine: a small machine that runs a `Program` on tiles of events.

A tile holds `TILE` events; every element of every node is a row of `TILE` integers, so that the inner
loops run over events and vectorize. Weights, types and wiring are data: the machine is compiled once
for 32-bit and once for 64-bit tiles, and a second network costs no compilation. Scalars are computed
in 64 bits; the planner has proved that everything fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.signedinteger]

#: Events in a tile: a row of 32-bit integers is four AVX-512 registers.
TILE = 64

#: Inputs of an exact sum that are multiplied together; weights are padded with zeros to full groups.
GROUP = 8

# Operation codes.
OFFSET_SHIFT, DENSE_EXACT, DENSE_STEPWISE, RELU, QUANTIZE, ADD, SUBTRACT, SQUARE, SUM_EXACT = range(
    9
)
SUM_STEPWISE = 9

# Columns of a program: one row for each node but the input.
(
    OPERATION,
    SOURCE,  # first row of the first input in the tile
    SECOND,  # first row of the second input
    N_IN,
    TARGET,  # first row of the result
    N_OUT,
    POOL,  # place of weights or offsets in their pool
    STARTS,  # place of start values or shifts in their pool
    ALIGN,  # left shifts that bring operands to a common fraction
    ALIGN_SECOND,
) = range(10)
CAST_INNER, CAST_STEP, CAST_RESULT = 10, 16, 22
N_COLUMNS = 28

# Columns of a cast, counted from one of the three above.
DROP, ROUNDING, OVERFLOW, LOW, HIGH, MASK = range(6)

# Codes of the modes. NO_OVERFLOW: the planner has proved that nothing overflows.
TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV = range(7)
NO_OVERFLOW, WRAP, SAT, SAT_ZERO = range(4)


@kernel
def round_row(  # noqa: C901, PLR0912 - one branch and one loop for each mode, outside the loops
    source: Integers, target: Integers, drop: int, mode: int
) -> None:
    """Drop (or append) fraction bits of one row."""
    n = source.size
    if drop == 0:
        for e in range(n):
            target[e] = source[e]
        return
    if drop < 0:
        for e in range(n):
            target[e] = np.int64(source[e]) << -drop
        return
    one = np.int64(1)
    half_place = np.int64(drop - 1)
    half = one << half_place
    below = half - one
    if mode == TRN:
        for e in range(n):
            target[e] = np.int64(source[e]) >> drop
    elif mode == RND:
        for e in range(n):
            target[e] = (np.int64(source[e]) + half) >> drop
    elif mode == RND_MIN_INF:
        for e in range(n):
            target[e] = (np.int64(source[e]) + below) >> drop
    elif mode == RND_CONV:
        for e in range(n):
            v = np.int64(source[e])
            target[e] = (v + below + ((v >> drop) & one)) >> drop
    elif mode == RND_INF:
        for e in range(n):
            v = np.int64(source[e])
            target[e] = (v + half - (one if v < 0 else 0)) >> drop
    elif mode == RND_ZERO:
        for e in range(n):
            v = np.int64(source[e])
            target[e] = (v + below + (one if v < 0 else 0)) >> drop
    else:  # TRN_ZERO
        for e in range(n):
            v = np.int64(source[e])
            target[e] = (v + (half + below if v < 0 else 0)) >> drop


@kernel
def overflow_row(
    source: Integers, target: Integers, mode: int, low: int, high: int, mask: int
) -> None:
    """Bring one row into the range of a type."""
    n = source.size
    if mode == NO_OVERFLOW:
        for e in range(n):
            target[e] = source[e]
    elif mode == WRAP:
        for e in range(n):
            target[e] = ((source[e] - low) & mask) + low
    elif mode == SAT:
        for e in range(n):
            target[e] = min(max(source[e], low), high)
    else:  # SAT_ZERO
        for e in range(n):
            v = source[e]
            target[e] = v if low <= v <= high else 0


@kernel
def cast_row(source: Integers, spare: Integers, target: Integers, step: Integers, at: int) -> None:
    """Cast one row; ``step[at:]`` holds the columns of the cast.

    The three rows must not be the same memory: a loop in place would not be vectorized.
    """
    low, high, mask = step[at + LOW], step[at + HIGH], step[at + MASK]
    if step[at + OVERFLOW] == NO_OVERFLOW:
        round_row(source, target, step[at + DROP], step[at + ROUNDING])
    elif step[at + DROP] == 0:
        overflow_row(source, target, step[at + OVERFLOW], low, high, mask)
    else:
        round_row(source, spare, step[at + DROP], step[at + ROUNDING])
        overflow_row(spare, target, step[at + OVERFLOW], low, high, mask)


@kernel
def dense_exact(
    tile: Integers, total: Integers, scratch: Integers, step: Integers, pool: Integers
) -> None:
    """One integer sum for each output, at most one wrap, one cast.

    Weights come in groups of `GROUP` inputs, the last group filled with zeros: partial sums then
    stay in registers for a whole group.
    """
    n_in = -(-step[N_IN] // GROUP) * GROUP
    source = step[SOURCE]
    for j in range(step[N_OUT]):
        start = pool[step[STARTS] + j]
        for e in range(TILE):
            total[e] = start
        place = step[POOL] + j * n_in
        for i in range(0, n_in, GROUP):
            rows = tile[source + i : source + i + GROUP]
            add_group(rows, pool[place + i : place + i + GROUP], total)
        finish_sum(total, scratch, tile[step[TARGET] + j], step)


@kernel
def finish_sum(total: Integers, scratch: Integers, target: Integers, step: Integers) -> None:
    """Wrap an exact sum to its accumulator, unless it cannot overflow, and cast it."""
    if step[CAST_STEP + OVERFLOW] == NO_OVERFLOW:
        cast_row(total, scratch[0], target, step, CAST_RESULT)
    else:
        cast_row(total, scratch[0], scratch[1], step, CAST_STEP)
        cast_row(scratch[1], scratch[0], target, step, CAST_RESULT)


@kernel
def add_group(rows: Integers, weights: Integers, total: Integers) -> None:
    """Add the products of `GROUP` rows with their weights."""
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    w4, w5, w6, w7 = weights[4], weights[5], weights[6], weights[7]
    for e in range(TILE):
        total[e] += (
            w0 * rows[0, e]
            + w1 * rows[1, e]
            + w2 * rows[2, e]
            + w3 * rows[3, e]
            + w4 * rows[4, e]
            + w5 * rows[5, e]
            + w6 * rows[6, e]
            + w7 * rows[7, e]
        )


@kernel
def sum_exact(tile: Integers, total: Integers, scratch: Integers, step: Integers) -> None:
    """One integer sum over all elements, at most one wrap, one cast."""
    for e in range(TILE):
        total[e] = 0
    for i in range(step[N_IN]):
        row = tile[step[SOURCE] + i]
        for e in range(TILE):
            total[e] += row[e]
    finish_sum(total, scratch, tile[step[TARGET]], step)


@kernel
def sum_stepwise(
    tile: Integers,
    scratch: Integers,
    start: int,
    weights: Integers,
    target: Integers,
    step: Integers,
) -> None:
    """A sum whose terms or partial sums may round, wrap or saturate, each cast to the accumulator."""
    term, spare, total = scratch[0], scratch[1], scratch[2]
    for e in range(TILE):
        total[e] = start
    overflow = step[CAST_STEP + OVERFLOW]
    low, high, mask = step[CAST_STEP + LOW], step[CAST_STEP + HIGH], step[CAST_STEP + MASK]
    for i in range(step[N_IN]):
        weight = weights[i]
        row = tile[step[SOURCE] + i]
        for e in range(TILE):
            term[e] = weight * row[e]
        cast_row(term, spare, scratch[3], step, CAST_INNER)
        for e in range(TILE):
            spare[e] = total[e] + scratch[3, e]
        overflow_row(spare, total, overflow, low, high, mask)
    cast_row(total, spare, target, step, CAST_RESULT)


@kernel
def dense_stepwise(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """A stepwise sum for each output."""
    n_in = step[N_IN]
    for j in range(step[N_OUT]):
        place = step[POOL] + j * n_in
        start = pool[step[STARTS] + j]
        target = tile[step[TARGET] + j]
        sum_stepwise(tile, scratch, start, pool[place : place + n_in], target, step)


@kernel
def offset_shift(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """``(x - offset) >> shift`` in an inner type; a left shift wraps in it."""
    moved, spare, inner = scratch[0], scratch[1], scratch[2]
    low, mask = step[CAST_STEP + LOW], step[CAST_STEP + MASK]
    align = step[ALIGN]
    for i in range(step[N_IN]):
        row = tile[step[SOURCE] + i]
        offset = pool[step[POOL] + i]
        shift = pool[step[STARTS] + i]
        for e in range(TILE):
            moved[e] = (np.int64(row[e]) << align) - offset
        if step[CAST_INNER + OVERFLOW] == NO_OVERFLOW and step[CAST_INNER + DROP] == 0:
            inner = moved
        else:
            inner = scratch[2]
            cast_row(moved, spare, inner, step, CAST_INNER)
        if shift > 0:
            for e in range(TILE):
                inner[e] = inner[e] >> shift
        elif shift < 0:
            for e in range(TILE):
                inner[e] = (((inner[e] << -shift) - low) & mask) + low
        cast_row(inner, spare, tile[step[TARGET] + i], step, CAST_RESULT)


@kernel
def element(tile: Integers, scratch: Integers, step: Integers) -> None:
    """One exact number for each element, from one or two inputs, and one cast."""
    exact, spare = scratch[0], scratch[1]
    operation = step[OPERATION]
    align, align_second = step[ALIGN], step[ALIGN_SECOND]
    sign = 1 if operation == ADD else -1
    for i in range(step[N_IN]):
        x = tile[step[SOURCE] + i]
        y = tile[step[SECOND] + i]
        if operation == RELU:
            for e in range(TILE):
                exact[e] = max(x[e], 0)
        elif operation == SQUARE:
            for e in range(TILE):
                exact[e] = np.int64(x[e]) * np.int64(x[e])
        elif operation == QUANTIZE:
            for e in range(TILE):
                exact[e] = x[e]
        else:
            for e in range(TILE):
                exact[e] = (np.int64(x[e]) << align) + sign * (np.int64(y[e]) << align_second)
        cast_row(exact, spare, tile[step[TARGET] + i], step, CAST_RESULT)


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
    elif operation == DENSE_STEPWISE:
        dense_stepwise(tile, scratch, step, wide_pool)
    elif operation == OFFSET_SHIFT:
        offset_shift(tile, scratch, step, wide_pool)
    elif operation == SUM_EXACT:
        sum_exact(tile, total, scratch, step)
    elif operation == SUM_STEPWISE:
        weights = wide_pool[step[POOL] : step[POOL] + step[N_IN]]
        sum_stepwise(tile, scratch, 0, weights, tile[step[TARGET]], step)
    else:
        element(tile, scratch, step)


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
        int64, (n nodes - 1, `N_COLUMNS`).
    pool
        Weights and start values of exact sums, of the tile's dtype (they may have wrapped to it).
    wide_pool
        Weights, start values, offsets and shifts of all other operations, int64.
    tile
        Working space, (rows of all nodes, `TILE`), int32 or int64.
    output_rows
        Which rows of the tile leave the network.
    outputs
        Result, int64, (n events, number of output rows).
    """
    total = np.empty(TILE, tile.dtype)
    scratch = np.empty((4, TILE), np.int64)
    n_features = rows.shape[1]
    for start in range(first, last, TILE):
        n = min(TILE, last - start)
        for e in range(n):
            for i in range(n_features):
                tile[i, e] = rows[start + e, i]
        for s in range(program.shape[0]):
            run_step(tile, total, scratch, program[s], pool, wide_pool)
        for o in range(output_rows.size):
            row = tile[output_rows[o]]
            for e in range(n):
                outputs[start + e, o] = row[e]
