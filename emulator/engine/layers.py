"""Kernels that move, look up or scale rows and cast nothing.

Casts are left to the kernel of element-wise operations: every call of a cast is compiled again, at a
second for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.kernels import (
    ALIGN,
    ALIGN_SECOND,
    N_IN,
    N_OUT,
    POOL,
    ROW,
    SOURCE,
    STARTS,
    TARGET,
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
def normalize(tile: Integers, step: Integers, pool: Integers) -> None:
    """``x * scale + bias`` with constants for each element, exact."""
    for i in range(step[N_IN]):
        s, t = row_place(step[SOURCE], i), row_place(step[TARGET], i)
        scale, bias = pool[step[POOL] + i], pool[step[STARTS] + i]
        for e in range(ROW):
            tile[t + e] = np.int64(tile[s + e]) * scale + bias
