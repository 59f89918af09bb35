"""Kernels of the operations that are neither a sum nor a cast of one element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.kernels import (
    ALIGN,
    ALIGN_SECOND,
    BLOCK,
    CAST_RESULT,
    CAST_STEP,
    FOURTH_PART,
    N_IN,
    N_OUT,
    POOL,
    ROW,
    SECOND_PART,
    SOURCE,
    STARTS,
    TARGET,
    THIRD_PART,
    ZERO,
    cast_rows,
    row_place,
)
from emulator.jit import kernel

if TYPE_CHECKING:
    from emulator.engine.kernels import Integers


@kernel
def fill(tile: Integers, step: Integers, pool: Integers) -> None:
    """Write constants."""
    for i in range(step[N_OUT]):
        t = row_place(step[TARGET], i)
        number = pool[step[POOL] + i]
        for e in range(ROW):
            tile[t + e] = number


@kernel
def gather(tile: Integers, step: Integers, pool: Integers) -> None:
    """Copy the rows that ``pool`` names, one after the other."""
    for i in range(step[N_OUT]):
        s = np.uint64(pool[step[POOL] + i])
        t = row_place(step[TARGET], i)
        for e in range(ROW):
            tile[t + e] = tile[s + e]


@kernel
def look_up(tile: Integers, step: Integers, pool: Integers) -> None:
    """Find each element in a table that begins at the input ``step[ALIGN]``.

    Inputs beyond ``step[ALIGN]`` to ``step[ALIGN_SECOND]`` find its ends.
    """
    low, high = step[ALIGN], step[ALIGN_SECOND]
    first = step[POOL] - low
    for i in range(step[N_IN]):
        s, t = row_place(step[SOURCE], i), row_place(step[TARGET], i)
        for e in range(ROW):
            tile[t + e] = pool[first + min(max(np.int64(tile[s + e]), low), high)]


@kernel
def normalize(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """``x * scale + bias`` with constants for each element, and one cast."""
    exact, spare, n_in = ZERO, SECOND_PART, step[N_IN]
    for first in range(0, n_in, BLOCK):
        rows = min(BLOCK, n_in - first)
        for i in range(rows):
            s = row_place(step[SOURCE], first + i)
            m = exact + np.uint64(i) * ROW
            scale = pool[step[POOL] + first + i]
            bias = pool[step[STARTS] + first + i]
            for e in range(ROW):
                scratch[m + e] = np.int64(tile[s + e]) * scale + bias
        n = np.uint64(rows) * ROW
        t = row_place(step[TARGET], first)
        cast_rows(scratch, exact, scratch, spare, tile, t, n, step, CAST_RESULT)


@kernel
def max_pool(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """Largest of the ``step[N_IN]`` rows of a window, for each of ``step[N_OUT]`` channels."""
    largest, spare = ZERO, SECOND_PART
    for channel in range(step[N_OUT]):
        s = np.uint64(pool[step[POOL]]) + np.uint64(channel) * ROW
        for e in range(ROW):
            scratch[largest + e] = tile[s + e]
        for w in range(1, step[N_IN]):
            s = np.uint64(pool[step[POOL] + w]) + np.uint64(channel) * ROW
            for e in range(ROW):
                scratch[largest + e] = max(scratch[largest + e], np.int64(tile[s + e]))
        t = row_place(step[TARGET], channel)
        cast_rows(scratch, largest, scratch, spare, tile, t, ROW, step, CAST_RESULT)


@kernel
def average_pool(tile: Integers, scratch: Integers, step: Integers, pool: Integers) -> None:
    """Mean of a window: exact sums, each cast to the accumulator, one division toward zero."""
    exact, spare, total, mean = ZERO, SECOND_PART, THIRD_PART, FOURTH_PART
    n = step[N_IN]
    for channel in range(step[N_OUT]):
        for e in range(ROW):
            scratch[total + e] = 0
        for w in range(n):
            s = np.uint64(pool[step[POOL] + w]) + np.uint64(channel) * ROW
            for e in range(ROW):
                x = np.int64(tile[s + e]) << step[ALIGN]
                scratch[exact + e] = (scratch[total + e] << step[ALIGN_SECOND]) + x
            cast_rows(scratch, exact, scratch, spare, scratch, total, ROW, step, CAST_STEP)
        for e in range(ROW):
            v = scratch[total + e]
            scratch[mean + e] = v // n if v >= 0 else -(-v // n)
        t = row_place(step[TARGET], channel)
        cast_rows(scratch, mean, scratch, spare, tile, t, ROW, step, CAST_RESULT)
