"""Widths of integers in which kernels store and compute."""

from __future__ import annotations

from emulator.fixed import Interval

#: Integers that tiles of 32 bits hold, and those that 64-bit arithmetic computes with room for a
#: subtraction.
INT32 = Interval(-(2**31), 2**31 - 1)
INT62 = Interval(-(2**61), 2**61 - 1)


def signed_bits(interval: Interval) -> int:
    """Return the bits, sign included, that hold every number of an interval."""
    return 1 + max(
        (~interval.low if interval.low < 0 else interval.low).bit_length(),
        (~interval.high if interval.high < 0 else interval.high).bit_length(),
    )
