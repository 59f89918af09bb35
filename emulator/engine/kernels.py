"""Kernels of the engine: casts, sums and element-wise operations on tiles of events.

A tile holds `TILE` events; every element of every node is a row of `TILE` integers, so that the inner
loops run over events and vectorize. Rows are named by their first place in a flat array: views would be counted references,
which cost as much as the loop. Scalars are computed in 64 bits; the planner has proved that everything
fits.
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

#: Rows that are cast in one go: calls would otherwise cost as much as the loops in them.
BLOCK = 8

#: Where the parts of the scratch space begin, each of `BLOCK` rows.
SECOND_PART, THIRD_PART, FOURTH_PART = (np.uint64(part * BLOCK * TILE) for part in (1, 2, 3))

#: Inputs of an exact sum that are multiplied together; weights are padded with zeros to full groups.
GROUP = 8

# Operation codes.
OFFSET_SHIFT, DENSE_EXACT, DENSE_STEPWISE, SUM_EXACT, SUM_STEPWISE = range(5)
RELU, QUANTIZE, ADD, SUBTRACT, SQUARE, MULTIPLY, MAXIMUM, DIVIDE = range(5, 13)
FILL, GATHER, LOOK_UP, NORMALIZE = range(13, 17)

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
def round_rows(  # noqa: C901, PLR0912 - one branch and one loop for each mode, outside the loops
    source: Integers,
    s: np.uint64,
    target: Integers,
    t: np.uint64,
    n: np.uint64,
    drop: int,
    mode: int,
) -> None:
    """Drop (or append) fraction bits of the ``n`` numbers at ``s``."""
    if drop == 0:
        for e in range(n):
            target[t + e] = source[s + e]
        return
    if drop < 0:
        for e in range(n):
            target[t + e] = np.int64(source[s + e]) << -drop
        return
    one = np.int64(1)
    half = one << np.int64(drop - 1)
    below = half - one
    if mode == TRN:
        for e in range(n):
            target[t + e] = np.int64(source[s + e]) >> drop
    elif mode == RND:
        for e in range(n):
            target[t + e] = (np.int64(source[s + e]) + half) >> drop
    elif mode == RND_MIN_INF:
        for e in range(n):
            target[t + e] = (np.int64(source[s + e]) + below) >> drop
    elif mode == RND_CONV:
        for e in range(n):
            v = np.int64(source[s + e])
            target[t + e] = (v + below + ((v >> drop) & one)) >> drop
    elif mode == RND_INF:
        for e in range(n):
            v = np.int64(source[s + e])
            target[t + e] = (v + half - (one if v < 0 else 0)) >> drop
    elif mode == RND_ZERO:
        for e in range(n):
            v = np.int64(source[s + e])
            target[t + e] = (v + below + (one if v < 0 else 0)) >> drop
    else:  # TRN_ZERO
        for e in range(n):
            v = np.int64(source[s + e])
            target[t + e] = (v + (half + below if v < 0 else 0)) >> drop


@kernel
def overflow_rows(
    source: Integers,
    s: np.uint64,
    target: Integers,
    t: np.uint64,
    n: np.uint64,
    step: Integers,
    at: int,
) -> None:
    """Bring the ``n`` numbers at ``s`` into the range of the cast at ``step[at:]``."""
    mode, low, high, mask = step[at + OVERFLOW], step[at + LOW], step[at + HIGH], step[at + MASK]
    if mode == NO_OVERFLOW:
        for e in range(n):
            target[t + e] = source[s + e]
    elif mode == WRAP:
        for e in range(n):
            target[t + e] = ((source[s + e] - low) & mask) + low
    elif mode == SAT:
        for e in range(n):
            target[t + e] = min(max(source[s + e], low), high)
    else:  # SAT_ZERO
        for e in range(n):
            v = source[s + e]
            target[t + e] = v if low <= v <= high else 0


@kernel
def cast_rows(
    source: Integers,
    s: np.uint64,
    spare: Integers,
    p: np.uint64,
    target: Integers,
    t: np.uint64,
    n: np.uint64,
    step: Integers,
    at: int,
) -> None:
    """Cast the ``n`` numbers at ``s``; ``step[at:]`` holds the columns of the cast.

    The three places must not be the same memory: a loop in place would not be vectorized.
    """
    if step[at + OVERFLOW] == NO_OVERFLOW:
        round_rows(source, s, target, t, n, step[at + DROP], step[at + ROUNDING])
    elif step[at + DROP] == 0:
        overflow_rows(source, s, target, t, n, step, at)
    else:
        round_rows(source, s, spare, p, n, step[at + DROP], step[at + ROUNDING])
        overflow_rows(spare, p, target, t, n, step, at)


@kernel
def finish_sums(
    total: Integers, scratch: Integers, tile: Integers, t: np.uint64, n: np.uint64, step: Integers
) -> None:
    """Wrap exact sums to their accumulator, unless they cannot overflow, and cast them."""
    if step[CAST_STEP + OVERFLOW] == NO_OVERFLOW:
        cast_rows(total, ZERO, scratch, ZERO, tile, t, n, step, CAST_RESULT)
    else:
        cast_rows(total, ZERO, scratch, ZERO, scratch, SECOND_PART, n, step, CAST_STEP)
        cast_rows(scratch, SECOND_PART, scratch, ZERO, tile, t, n, step, CAST_RESULT)


@kernel
def dense_exact(
    tile: Integers, total: Integers, scratch: Integers, step: Integers, pool: Integers
) -> None:
    """One integer sum for each output, at most one wrap, one cast.

    Weights come in groups of `GROUP` inputs, the last group filled with zeros: partial sums then
    stay in registers for a whole group.
    """
    n_out = step[N_OUT]
    for first in range(0, n_out, BLOCK):
        rows = min(BLOCK, n_out - first)
        for j in range(rows):
            add_products(tile, total, np.uint64(j) * ROW, step, pool, first + j)
        n = np.uint64(rows) * ROW
        finish_sums(total, scratch, tile, row_place(step[TARGET], first), n, step)


@kernel
def add_products(
    tile: Integers, total: Integers, t: np.uint64, step: Integers, pool: Integers, output: int
) -> None:
    """Compute the sum of one output into the row of ``total`` at ``t``."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven = np.uint64(5), np.uint64(6), np.uint64(7)
    n_groups = -(-step[N_IN] // GROUP)
    w = np.uint64(step[POOL] + output * n_groups * GROUP)
    s = np.uint64(step[SOURCE])
    start = pool[step[STARTS] + output]
    for e in range(ROW):
        total[t + e] = start
    for _ in range(n_groups):
        w0, w1, w2, w3 = pool[w], pool[w + one], pool[w + two], pool[w + three]
        w4, w5, w6, w7 = pool[w + four], pool[w + five], pool[w + six], pool[w + seven]
        for e in range(ROW):
            total[t + e] += (
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


@kernel
def sum_exact(tile: Integers, total: Integers, scratch: Integers, step: Integers) -> None:
    """One integer sum over all elements, at most one wrap, one cast."""
    for e in range(ROW):
        total[e] = 0
    for i in range(step[N_IN]):
        s = row_place(step[SOURCE], i)
        for e in range(ROW):
            total[e] += tile[s + e]
    finish_sums(total, scratch, tile, np.uint64(step[TARGET]), ROW, step)


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
    term, spare, cast, total = ZERO, SECOND_PART, THIRD_PART, FOURTH_PART
    for e in range(ROW):
        scratch[total + e] = start
    for i in range(step[N_IN]):
        weight = pool[w + i]
        s = row_place(step[SOURCE], i)
        for e in range(ROW):
            scratch[term + e] = weight * tile[s + e]
        cast_rows(scratch, term, scratch, spare, scratch, cast, ROW, step, CAST_INNER)
        for e in range(ROW):
            scratch[spare + e] = scratch[total + e] + scratch[cast + e]
        overflow_rows(scratch, spare, scratch, total, ROW, step, CAST_STEP)
    cast_rows(scratch, total, scratch, spare, tile, t, ROW, step, CAST_RESULT)


@kernel
def offset_shift(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """``(x - offset) >> shift`` in an inner type; a left shift wraps in it."""
    moved, spare, cast, shifted = ZERO, SECOND_PART, THIRD_PART, FOURTH_PART
    align, n_in = step[ALIGN], step[N_IN]
    same = step[CAST_INNER + OVERFLOW] == NO_OVERFLOW and step[CAST_INNER + DROP] == 0
    for first in range(0, n_in, BLOCK):
        rows = min(BLOCK, n_in - first)
        n = np.uint64(rows) * ROW
        for i in range(rows):
            s = row_place(step[SOURCE], first + i)
            m = moved + np.uint64(i) * ROW
            offset = pool[step[POOL] + first + i]
            for e in range(ROW):
                scratch[m + e] = (np.int64(tile[s + e]) << align) - offset
        inner = moved
        if not same:
            cast_rows(scratch, moved, scratch, spare, scratch, cast, n, step, CAST_INNER)
            inner = cast
        for i in range(rows):
            place = np.uint64(i) * ROW
            shift = pool[step[STARTS] + first + i]
            shift_row(scratch, inner + place, shifted + place, shift, step)
        t = row_place(step[TARGET], first)
        cast_rows(scratch, shifted, scratch, spare, tile, t, n, step, CAST_RESULT)


@kernel
def shift_row(scratch: Integers, s: np.uint64, t: np.uint64, shift: int, step: Integers) -> None:
    """Shift one row right arithmetically, or left with wrapping in the inner type."""
    if shift >= 0:
        for e in range(ROW):
            scratch[t + e] = scratch[s + e] >> shift
        return
    low, mask = step[CAST_STEP + LOW], step[CAST_STEP + MASK]
    for e in range(ROW):
        scratch[t + e] = (((scratch[s + e] << -shift) - low) & mask) + low


@kernel
def element(tile: Integers, scratch: Integers, step: Integers) -> None:
    """One exact number for each element, from one or two inputs, and one cast."""
    exact, spare, n_in = ZERO, SECOND_PART, step[N_IN]
    for first in range(0, n_in, BLOCK):
        n = np.uint64(min(BLOCK, n_in - first)) * ROW
        x = row_place(step[SOURCE], first)
        y = row_place(step[SECOND], first)
        compute_elements(tile, x, y, scratch, n, step)
        t = row_place(step[TARGET], first)
        cast_rows(scratch, exact, scratch, spare, tile, t, n, step, CAST_RESULT)


@kernel
def compute_elements(
    tile: Integers, x: np.uint64, y: np.uint64, scratch: Integers, n: np.uint64, step: Integers
) -> None:
    """Compute ``n`` exact numbers from those at ``x`` and ``y`` into ``scratch``."""
    operation = step[OPERATION]
    if operation == RELU:
        for e in range(n):
            scratch[e] = max(tile[x + e], 0)
    elif operation == SQUARE:
        for e in range(n):
            scratch[e] = np.int64(tile[x + e]) * np.int64(tile[x + e])
    elif operation == QUANTIZE:
        for e in range(n):
            scratch[e] = tile[x + e]
    elif operation == DIVIDE:  # toward zero
        divisor = step[ALIGN]
        for e in range(n):
            v = np.int64(tile[x + e])
            scratch[e] = v // divisor if v >= 0 else -(-v // divisor)
    else:
        compute_pairs(tile, x, y, scratch, n, step)


@kernel
def compute_pairs(
    tile: Integers, x: np.uint64, y: np.uint64, scratch: Integers, n: np.uint64, step: Integers
) -> None:
    """Compute ``n`` exact numbers from as many pairs."""
    operation = step[OPERATION]
    if operation == MULTIPLY:
        for e in range(n):
            scratch[e] = np.int64(tile[x + e]) * np.int64(tile[y + e])
    elif operation == MAXIMUM:
        for e in range(n):
            scratch[e] = max(tile[x + e], tile[y + e])
    else:
        align, align_second = step[ALIGN], step[ALIGN_SECOND]
        sign = 1 if operation == ADD else -1
        for e in range(n):
            first = np.int64(tile[x + e]) << align
            scratch[e] = first + sign * (np.int64(tile[y + e]) << align_second)
