"""The columns of casts, evaluated in narrow integers that wrap, give the reference's casts."""

from __future__ import annotations

from itertools import product

import pytest

from emulator.engine.cast_columns import CastRow, cast_row, integers, no_cast
from emulator.engine.reference.arithmetic import cast_exact
from emulator.fixed import FixedFormat, Interval
from emulator.fixed.format import OVERFLOWS, ROUNDINGS, Overflow, Rounding

#: Kernels compute in 32 or 64 bits; in 11 all numbers can be tried.
BITS = 11


def apply(row: CastRow, number: int) -> int:
    """Do what the kernels do, where integers wrap."""

    def wrapped(value: int) -> int:
        half = 1 << BITS - 1
        return (value + half) % (2 * half) - half

    # No processor shifts by as many bits as there are.
    assert max(row.left, row.right, row.bit_shift) < BITS
    value = max(number, row.floor)
    value = wrapped(value + row.add + (value >> row.bit_shift & row.bit_mask))
    value = wrapped(value << row.left) >> row.right & row.mask
    clipped = min(max(value, row.low), row.high)
    return clipped if clipped == value else clipped & row.keep


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_every_cast_whose_numbers_fit_the_integers(rounding: Rounding, overflow: Overflow) -> None:
    tried = 0
    for signed, width, drop in product((True, False), range(1, 10), range(-12, 9)):
        if signed and overflow == "SAT_SYM" and width == 1:
            continue
        target = FixedFormat(width, width, signed, rounding, overflow)
        for reach in (0, 3, 40, 500, 1_000):
            numbers = Interval(-reach, reach)
            rounded = numbers.shifted(drop, target)
            if not (rounded.within(integers(BITS)) and reach + (1 << max(drop, 0)) < 1 << BITS - 1):
                continue
            tried += 1
            row = cast_row(drop, target, BITS, fits=rounded.within(Interval.of(target)))
            relu = cast_row(drop, target, BITS, fits=False, relu=True)
            for number in range(-reach, reach + 1, max(reach // 40, 1)):
                assert apply(row, number) == cast_exact(number, drop, target)
                assert apply(relu, number) == cast_exact(max(number, 0), drop, target)
    assert tried > 500


def test_a_type_that_wraps_beyond_the_bits_that_are_left_needs_no_wrap() -> None:
    target = FixedFormat(9, 9)
    row = cast_row(6, target, BITS, fits=False)
    assert (row.left, row.right) == (0, 6)
    assert [apply(row, number) for number in (-1_024, -1, 1_023)] == [-16, -1, 15]


def test_where_nothing_can_change_nothing_is_done() -> None:
    assert cast_row(0, FixedFormat(9, 9), BITS, fits=True) == no_cast(BITS)
    assert [apply(no_cast(BITS), number) for number in (-1_024, 0, 1_023)] == [-1_024, 0, 1_023]
