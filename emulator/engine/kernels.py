"""Kernels of the engine: a small machine that runs a `Program` on tiles of events.

A tile holds `TILE` events; every element of every node is a row of `TILE` integers, so that the inner
loops run over events and vectorize. Rows are named by their first place in a flat array: views would be
counted references, which cost as much as the loop. Weights, types and wiring are data: the machine is compiled once
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

#: The same for places in flat arrays. Places are unsigned: numba would check signed ones for being
#: negative in every loop, and no loop would be vectorized.
ROW = np.uint64(TILE)
ZERO = np.uint64(0)

#: Inputs of an exact sum that are multiplied together; weights are padded with zeros to full groups.
GROUP = 8

# Operation codes.
OFFSET_SHIFT, DENSE_EXACT, DENSE_STEPWISE, SUM_EXACT, SUM_STEPWISE = range(5)
RELU, QUANTIZE, ADD, SUBTRACT, SQUARE = range(5, 10)

# Columns of a program: one row for each node but the input.
(
    OPERATION,
    SOURCE,  # place of the first row of the first input in the tile
    SECOND,  # the same of the second input
    N_IN,
    TARGET,  # place of the first row of the result
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
def row_place(first: int, row: int) -> np.uint64:
    """Return where the given row begins, counted from the place ``first``."""
    return np.uint64(first + row * TILE)


@kernel
def round_row(  # noqa: C901, PLR0912 - one branch and one loop for each mode, outside the loops
    source: Integers, s: np.uint64, target: Integers, t: np.uint64, drop: int, mode: int
) -> None:
    """Drop (or append) fraction bits of the row at ``s``."""
    if drop == 0:
        for e in range(ROW):
            target[t + e] = source[s + e]
        return
    if drop < 0:
        for e in range(ROW):
            target[t + e] = np.int64(source[s + e]) << -drop
        return
    one = np.int64(1)
    half = one << np.int64(drop - 1)
    below = half - one
    if mode == TRN:
        for e in range(ROW):
            target[t + e] = np.int64(source[s + e]) >> drop
    elif mode == RND:
        for e in range(ROW):
            target[t + e] = (np.int64(source[s + e]) + half) >> drop
    elif mode == RND_MIN_INF:
        for e in range(ROW):
            target[t + e] = (np.int64(source[s + e]) + below) >> drop
    elif mode == RND_CONV:
        for e in range(ROW):
            v = np.int64(source[s + e])
            target[t + e] = (v + below + ((v >> drop) & one)) >> drop
    elif mode == RND_INF:
        for e in range(ROW):
            v = np.int64(source[s + e])
            target[t + e] = (v + half - (one if v < 0 else 0)) >> drop
    elif mode == RND_ZERO:
        for e in range(ROW):
            v = np.int64(source[s + e])
            target[t + e] = (v + below + (one if v < 0 else 0)) >> drop
    else:  # TRN_ZERO
        for e in range(ROW):
            v = np.int64(source[s + e])
            target[t + e] = (v + (half + below if v < 0 else 0)) >> drop


@kernel
def overflow_row(
    source: Integers, s: np.uint64, target: Integers, t: np.uint64, step: Integers, at: int
) -> None:
    """Bring the row at ``s`` into the range of the cast at ``step[at:]``."""
    mode, low, high, mask = step[at + OVERFLOW], step[at + LOW], step[at + HIGH], step[at + MASK]
    if mode == NO_OVERFLOW:
        for e in range(ROW):
            target[t + e] = source[s + e]
    elif mode == WRAP:
        for e in range(ROW):
            target[t + e] = ((source[s + e] - low) & mask) + low
    elif mode == SAT:
        for e in range(ROW):
            target[t + e] = min(max(source[s + e], low), high)
    else:  # SAT_ZERO
        for e in range(ROW):
            v = source[s + e]
            target[t + e] = v if low <= v <= high else 0


@kernel
def cast_row(
    source: Integers,
    s: np.uint64,
    spare: Integers,
    p: np.uint64,
    target: Integers,
    t: np.uint64,
    step: Integers,
    at: int,
) -> None:
    """Cast the row at ``s``; ``step[at:]`` holds the columns of the cast.

    The three rows must not be the same memory: a loop in place would not be vectorized.
    """
    if step[at + OVERFLOW] == NO_OVERFLOW:
        round_row(source, s, target, t, step[at + DROP], step[at + ROUNDING])
    elif step[at + DROP] == 0:
        overflow_row(source, s, target, t, step, at)
    else:
        round_row(source, s, spare, p, step[at + DROP], step[at + ROUNDING])
        overflow_row(spare, p, target, t, step, at)


@kernel
def finish_sum(
    total: Integers, scratch: Integers, tile: Integers, t: np.uint64, step: Integers
) -> None:
    """Wrap an exact sum to its accumulator, unless it cannot overflow, and cast it."""
    if step[CAST_STEP + OVERFLOW] == NO_OVERFLOW:
        cast_row(total, ZERO, scratch, ZERO, tile, t, step, CAST_RESULT)
    else:
        cast_row(total, ZERO, scratch, ZERO, scratch, ROW, step, CAST_STEP)
        cast_row(scratch, ROW, scratch, ZERO, tile, t, step, CAST_RESULT)


@kernel
def dense_exact(
    tile: Integers, total: Integers, scratch: Integers, step: Integers, pool: Integers
) -> None:
    """One integer sum for each output, at most one wrap, one cast.

    Weights come in groups of `GROUP` inputs, the last group filled with zeros: partial sums then
    stay in registers for a whole group.
    """
    n_groups = -(-step[N_IN] // GROUP)
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven = np.uint64(5), np.uint64(6), np.uint64(7)
    w = np.uint64(step[POOL])
    for j in range(step[N_OUT]):
        start = pool[step[STARTS] + j]
        for e in range(ROW):
            total[e] = start
        s = np.uint64(step[SOURCE])
        for _ in range(n_groups):
            w0, w1, w2, w3 = pool[w], pool[w + one], pool[w + two], pool[w + three]
            w4, w5, w6, w7 = pool[w + four], pool[w + five], pool[w + six], pool[w + seven]
            for e in range(ROW):
                total[e] += (
                    w0 * tile[s + e]
                    + w1 * tile[s + ROW + e]
                    + w2 * tile[s + two * ROW + e]
                    + w3 * tile[s + three * ROW + e]
                    + w4 * tile[s + four * ROW + e]
                    + w5 * tile[s + five * ROW + e]
                    + w6 * tile[s + six * ROW + e]
                    + w7 * tile[s + seven * ROW + e]
                )
            w += np.uint64(GROUP)
            s += np.uint64(GROUP) * ROW
        finish_sum(total, scratch, tile, row_place(step[TARGET], j), step)


@kernel
def sum_exact(tile: Integers, total: Integers, scratch: Integers, step: Integers) -> None:
    """One integer sum over all elements, at most one wrap, one cast."""
    for e in range(ROW):
        total[e] = 0
    for i in range(step[N_IN]):
        s = row_place(step[SOURCE], i)
        for e in range(ROW):
            total[e] += tile[s + e]
    finish_sum(total, scratch, tile, np.uint64(step[TARGET]), step)


@kernel
def sum_stepwise(
    tile: Integers,
    scratch: Integers,
    start: int,
    pool: Integers,
    w: int,
    t: np.uint64,
    step: Integers,
) -> None:
    """A sum whose terms or partial sums may round, wrap or saturate, each cast to the accumulator.

    ``pool[w:]`` holds the factors of the terms.
    """
    term, spare, cast, total = ZERO, ROW, np.uint64(2) * ROW, np.uint64(3) * ROW
    for e in range(ROW):
        scratch[total + e] = start
    for i in range(step[N_IN]):
        weight = pool[w + i]
        s = row_place(step[SOURCE], i)
        for e in range(ROW):
            scratch[term + e] = weight * tile[s + e]
        cast_row(scratch, term, scratch, spare, scratch, cast, step, CAST_INNER)
        for e in range(ROW):
            scratch[spare + e] = scratch[total + e] + scratch[cast + e]
        overflow_row(scratch, spare, scratch, total, step, CAST_STEP)
    cast_row(scratch, total, scratch, spare, tile, t, step, CAST_RESULT)


@kernel
def offset_shift(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """``(x - offset) >> shift`` in an inner type; a left shift wraps in it."""
    moved, spare, cast, shifted = ZERO, ROW, np.uint64(2) * ROW, np.uint64(3) * ROW
    low, mask, align = step[CAST_STEP + LOW], step[CAST_STEP + MASK], step[ALIGN]
    same = step[CAST_INNER + OVERFLOW] == NO_OVERFLOW and step[CAST_INNER + DROP] == 0
    for i in range(step[N_IN]):
        s = row_place(step[SOURCE], i)
        offset = pool[step[POOL] + i]
        shift = pool[step[STARTS] + i]
        for e in range(ROW):
            scratch[moved + e] = (np.int64(tile[s + e]) << align) - offset
        inner = moved
        if not same:
            cast_row(scratch, moved, scratch, spare, scratch, cast, step, CAST_INNER)
            inner = cast
        if shift > 0:
            for e in range(ROW):
                scratch[shifted + e] = scratch[inner + e] >> shift
            inner = shifted
        elif shift < 0:
            for e in range(ROW):
                scratch[shifted + e] = (((scratch[inner + e] << -shift) - low) & mask) + low
            inner = shifted
        cast_row(
            scratch, inner, scratch, spare, tile, row_place(step[TARGET], i), step, CAST_RESULT
        )


@kernel
def element(tile: Integers, scratch: Integers, step: Integers) -> None:
    """One exact number for each element, from one or two inputs, and one cast."""
    exact, spare = ZERO, ROW
    operation = step[OPERATION]
    align, align_second = step[ALIGN], step[ALIGN_SECOND]
    sign = 1 if operation == ADD else -1
    for i in range(step[N_IN]):
        x = row_place(step[SOURCE], i)
        y = row_place(step[SECOND], i)
        if operation == RELU:
            for e in range(ROW):
                scratch[exact + e] = max(tile[x + e], 0)
        elif operation == SQUARE:
            for e in range(ROW):
                scratch[exact + e] = np.int64(tile[x + e]) * np.int64(tile[x + e])
        elif operation == QUANTIZE:
            for e in range(ROW):
                scratch[exact + e] = tile[x + e]
        else:
            for e in range(ROW):
                first = np.int64(tile[x + e]) << align
                scratch[exact + e] = first + sign * (np.int64(tile[y + e]) << align_second)
        cast_row(
            scratch, exact, scratch, spare, tile, row_place(step[TARGET], i), step, CAST_RESULT
        )


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
        Working space, (rows of all nodes × `TILE`,), int32 or int64.
    output_rows
        Which rows of the tile leave the network.
    outputs
        Result, int64, (n events, number of output rows).
    """
    total = np.empty(TILE, tile.dtype)
    scratch = np.empty(4 * TILE, np.int64)
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
