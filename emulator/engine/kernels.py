"""Kernels of the engine: what each step computes from a tile of events, and the cast of the results.

A tile holds `TILE` events; every element of every node is a row of `TILE` integers, so that the inner
loops run over events and vectorize. Rows are named by their first place in a flat array: views would be counted references,
which cost as much as the loop. A step computes a few rows of exact 64-bit integers at a time, which then
are cast; the planner has proved that everything fits. No kernel branches on a mode of rounding or
overflow: a cast is a few numbers, see `cast_columns`, so that little has to be compiled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.cast_columns import (
    ADD,
    BIT_MASK,
    BIT_SHIFT,
    CAST_COLUMNS,
    FLOOR,
    HIGH,
    KEEP,
    LEFT,
    LOW,
    MASK,
    RIGHT,
)
from emulator.jit import inline_kernel, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.signedinteger]
    Number = int | np.signedinteger

#: Events in a tile: a row of 32-bit integers is four AVX-512 registers.
TILE = 64

#: The same for places in flat arrays. Places are unsigned: numba would check signed ones for being
#: negative in every loop, and no loop would be vectorized.
ROW = np.uint64(TILE)
ZERO = np.uint64(0)

#: Rows that are computed in one go: calls would otherwise cost as much as the loops in them.
BLOCK = 8

#: Inputs of an exact sum that are multiplied together; weights are padded with zeros to full groups.
GROUP = 8

# Operation codes.
SUM_EXACT, SUM_STEPWISE, OFFSET_SHIFT, ALIGNED_SUM, MULTIPLY, MAXIMUM, DIVIDE = range(7)
FILL, GATHER, LOOK_UP, NORMALIZE = range(7, 11)

# Columns of a program: one row for each step.
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
    SIGN,  # factor of the second operand of a sum; 0: there is none
) = range(11)
CAST_INNER = 11
CAST_STEP = CAST_INNER + CAST_COLUMNS
CAST_RESULT = CAST_STEP + CAST_COLUMNS
N_COLUMNS = CAST_RESULT + CAST_COLUMNS


@kernel
def row_place(first: int, row: int) -> np.uint64:
    """Return where the given row begins, counted from the place ``first``."""
    return np.uint64(first + row * TILE)


@inline_kernel
def rounded(v: Number, floor: Number, add: Number, bit_shift: Number, bit_mask: Number) -> Number:
    """Begin a cast: what stands before its shifts."""
    v = max(v, floor)
    return v + add + ((v >> bit_shift) & bit_mask)


@inline_kernel
def overflowed(
    v: Number, left: Number, right: Number, mask: Number, low: Number, high: Number, keep: Number
) -> Number:
    """End a cast: shift, and bring the number into the range of its type."""
    v = ((v << left) >> right) & mask
    clipped = min(max(v, low), high)
    return clipped if clipped == v else clipped & keep


@kernel
def cast_rows(
    source: Integers, s: np.uint64, target: Integers, t: np.uint64, n: np.uint64, cast: Integers
) -> None:
    """Cast the ``n`` numbers at ``s``; ``cast`` holds the columns.

    The places must not be the same memory: a loop in place would not be vectorized.
    """
    floor, add, bit_shift, bit_mask = cast[FLOOR], cast[ADD], cast[BIT_SHIFT], cast[BIT_MASK]
    left, right, mask = cast[LEFT], cast[RIGHT], cast[MASK]
    low, high, keep = cast[LOW], cast[HIGH], cast[KEEP]
    for e in range(n):
        v = rounded(np.int64(source[s + e]), floor, add, bit_shift, bit_mask)
        target[t + e] = overflowed(v, left, right, mask, low, high, keep)


@kernel
def sum_exact(
    tile: Integers,
    total: Integers,
    scratch: Integers,
    step: Integers,
    pool: Integers,
    first: int,
    rows: int,
) -> None:
    """One integer sum for each output, and at most one wrap.

    Weights come in groups of `GROUP` inputs, the last group filled with zeros: partial sums then
    stay in registers for a whole group.
    """
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    five, six, seven = np.uint64(5), np.uint64(6), np.uint64(7)
    n_groups = -(-step[N_IN] // GROUP)
    for j in range(rows):
        t = np.uint64(j) * ROW
        w = np.uint64(step[POOL] + (first + j) * n_groups * GROUP)
        s = np.uint64(step[SOURCE])
        start = pool[step[STARTS] + first + j]
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
    cast_rows(total, ZERO, scratch, ZERO, np.uint64(rows) * ROW, step[CAST_STEP:CAST_RESULT])


@kernel
def sum_stepwise(
    tile: Integers, scratch: Integers, step: Integers, pool: Integers, first: int, rows: int
) -> None:
    """A sum whose terms or partial sums may round, wrap or saturate, each cast to the accumulator."""
    cast, last = step[CAST_INNER:CAST_STEP], step[CAST_STEP:CAST_RESULT]
    floor, add, bit_shift, bit_mask = cast[FLOOR], cast[ADD], cast[BIT_SHIFT], cast[BIT_MASK]
    left, right, mask = cast[LEFT], cast[RIGHT], cast[MASK]
    low, high, keep = cast[LOW], cast[HIGH], cast[KEEP]
    # The type is the same for terms and sums: only the shifts of its wrapping differ.
    over_left, over_right, over_mask = last[LEFT], last[RIGHT], last[MASK]
    n_in = step[N_IN]
    for j in range(rows):
        t = np.uint64(j) * ROW
        start, w = pool[step[STARTS] + first + j], step[POOL] + (first + j) * n_in
        for e in range(ROW):
            scratch[t + e] = start
        for i in range(n_in):
            weight = pool[w + i]
            s = row_place(step[SOURCE], i)
            for e in range(ROW):
                term = rounded(weight * tile[s + e], floor, add, bit_shift, bit_mask)
                term = overflowed(term, left, right, mask, low, high, keep)
                scratch[t + e] = overflowed(
                    scratch[t + e] + term, over_left, over_right, over_mask, low, high, keep
                )


@kernel
def offset_shift(
    tile: Integers, scratch: Integers, step: Integers, pool: Integers, first: int, rows: int
) -> None:
    """``(x - offset) >> shift`` in an inner type; a left shift wraps in it."""
    cast, last = step[CAST_INNER:CAST_STEP], step[CAST_STEP:CAST_RESULT]
    floor, add, bit_shift, bit_mask = cast[FLOOR], cast[ADD], cast[BIT_SHIFT], cast[BIT_MASK]
    left, right, mask = cast[LEFT], cast[RIGHT], cast[MASK]
    low, high, keep = cast[LOW], cast[HIGH], cast[KEEP]
    wrap_left, wrap_right, wrap_mask = last[LEFT], last[RIGHT], last[MASK]
    align = step[ALIGN]
    for j in range(rows):
        s, t = row_place(step[SOURCE], first + j), np.uint64(j) * ROW
        offset, shift = pool[step[POOL] + first + j], pool[step[STARTS] + first + j]
        up, down = max(-shift, 0), max(shift, 0)
        for e in range(ROW):
            v = (np.int64(tile[s + e]) << align) - offset
            v = rounded(v, floor, add, bit_shift, bit_mask)
            v = overflowed(v, left, right, mask, low, high, keep)
            v = (v << up) >> down
            scratch[t + e] = ((v << wrap_left) >> wrap_right) & wrap_mask


@kernel
def element(tile: Integers, scratch: Integers, step: Integers, first: int, rows: int) -> None:
    """One number for each element, from one or two inputs."""
    operation, n = step[OPERATION], np.uint64(rows) * ROW
    x, y = row_place(step[SOURCE], first), row_place(step[SECOND], first)
    if operation == ALIGNED_SUM:
        align, align_second, sign = step[ALIGN], step[ALIGN_SECOND], step[SIGN]
        for e in range(n):
            v = np.int64(tile[x + e]) << align
            scratch[e] = v + sign * (np.int64(tile[y + e]) << align_second)
    elif operation == MULTIPLY:
        for e in range(n):
            scratch[e] = np.int64(tile[x + e]) * np.int64(tile[y + e])
    elif operation == MAXIMUM:
        for e in range(n):
            scratch[e] = max(tile[x + e], tile[y + e])
    else:  # a quotient, toward zero
        divisor = step[ALIGN]
        for e in range(n):
            v = np.int64(tile[x + e])
            scratch[e] = v // divisor if v >= 0 else -(-v // divisor)


@kernel
def look_up(
    tile: Integers, scratch: Integers, step: Integers, pool: Integers, first: int, rows: int
) -> None:
    """Find each element in a table that begins at the input ``step[ALIGN]``.

    Inputs beyond ``step[ALIGN]`` to ``step[ALIGN_SECOND]`` find its ends.
    """
    low, high, table = step[ALIGN], step[ALIGN_SECOND], step[POOL]
    s = row_place(step[SOURCE], first)
    for e in range(np.uint64(rows) * ROW):
        place = table + (min(max(np.int64(tile[s + e]), low), high) - low)
        scratch[e] = pool[np.uint64(place)]


@kernel
def with_constants(
    tile: Integers, scratch: Integers, step: Integers, pool: Integers, first: int, rows: int
) -> None:
    """Constants of each row: itself, the place of the row to copy, or scale and bias."""
    operation = step[OPERATION]
    for j in range(rows):
        t = np.uint64(j) * ROW
        constant = pool[step[POOL] + first + j]
        if operation == FILL:
            for e in range(ROW):
                scratch[t + e] = constant
        elif operation == GATHER:
            s = np.uint64(constant)
            for e in range(ROW):
                scratch[t + e] = tile[s + e]
        else:
            s, bias = row_place(step[SOURCE], first + j), pool[step[STARTS] + first + j]
            for e in range(ROW):
                scratch[t + e] = np.int64(tile[s + e]) * constant + bias
