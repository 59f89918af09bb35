"""The columns of casts, evaluated in Python, give the reference's casts for every number."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from emulator.engine.lanes.casts import NotProvedError, Step, prove_casts
from emulator.engine.reference.arithmetic import cast_exact
from emulator.fixed import FixedFormat, Interval
from emulator.fixed.format import OVERFLOWS, ROUNDINGS, Overflow, Rounding

if TYPE_CHECKING:
    from emulator.engine.cast_columns import CastRow

LANE = 1 << 32


def wrapped(number: int) -> int:
    return (number + LANE // 2) % LANE - LANE // 2


def apply(rows: tuple[CastRow, ...], number: int) -> int:
    """Do what the kernel does, in a lane of 32 bits."""
    value = wrapped(number)
    for row in rows:
        value = max(value, row.floor)
        bit = value >> row.bit_shift & row.bit_mask
        value = wrapped(value + row.add + bit)
        value = wrapped(value << row.left) >> row.right & row.mask
        clipped = min(max(value, row.low), row.high)
        value = clipped if clipped == value or row.keep else 0
    return value


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_every_cast_of_all_small_numbers(rounding: Rounding, overflow: Overflow) -> None:
    for signed, width, fraction, relu in product((True, False), (1, 3, 4), range(-2, 7), (0, 1)):
        if signed and overflow == "SAT_SYM" and width == 1:
            continue
        target = FixedFormat(width, width - fraction, signed, rounding, overflow)
        rows, result = prove_casts(Interval(-70, 75), [Step(4, target, relu=bool(relu))])
        for number in range(-70, 76):
            expected = cast_exact(max(number, 0) if relu else number, 4, target)
            assert apply(rows, number) == expected
            assert expected in result


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_two_casts_in_a_row(rounding: Rounding, overflow: Overflow) -> None:
    for width, fraction, second in product((3, 6, 9), (2, 4, 6), (0, 2, 5)):
        first = FixedFormat(width, width - fraction, True, "TRN", "WRAP")
        last = FixedFormat(4, 4 - second, False, rounding, overflow)
        steps = [Step(4, first), Step(fraction, last, relu=True)]
        rows, _ = prove_casts(Interval(-70, 75), steps)
        for number in range(-70, 76):
            inner = cast_exact(number, 4, first)
            assert apply(rows, number) == cast_exact(max(inner, 0), fraction, last)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("width", [1, 8, 24, 31, 32])
@pytest.mark.parametrize("append", [0, 3, 20, 31, 40])
def test_only_low_bits_count_where_the_first_cast_wraps(
    signed: bool, width: int, append: int
) -> None:
    target = FixedFormat(width, width - 4 - append, signed)
    if width == 32 and not signed:
        with pytest.raises(NotProvedError, match="wraps in more than 31 bits"):
            prove_casts(Interval(-(2**50), 2**50), [Step(4, target)])
        return
    rows, _ = prove_casts(Interval(-(2**50), 2**50), [Step(4, target)])
    for number in (2**50, -(2**50), 2**33 + 5, -(2**31) - 1, 2**31, 7, -1):
        assert apply(rows, number) == cast_exact(number, 4, target)


@pytest.mark.parametrize(
    ("total", "target", "reason"),
    [
        (Interval(0, 2**31), FixedFormat(8, 8, overflow="SAT"), r"before the cast to fixed<8,8,"),
        (Interval(0, 2**31 - 1), FixedFormat(8, 9, rounding="RND"), "numbers rounded to"),
        (Interval(0, 2**31), FixedFormat(40, 40), "results reach 0 … 2147483648, beyond 32 bits"),
        (Interval(-5, 5), FixedFormat(8, 44), "numbers rounded to"),
        (Interval(0, 2**20), FixedFormat(8, -8, overflow="SAT"), "before the overflow of"),
    ],
)
def test_refuses_more_than_32_bits(total: Interval, target: FixedFormat, reason: str) -> None:
    with pytest.raises(NotProvedError, match=reason):
        prove_casts(total, [Step(0, target)])


def test_casts_that_do_nothing_are_left_out() -> None:
    wide = FixedFormat(20, 16)
    rows, _ = prove_casts(Interval(-9, 9), [Step(2, wide), Step(4, wide), Step(4, wide)])
    assert len(rows) == 1, "two bits are appended once, at the end"
    assert [apply(rows, number) for number in (-9, 0, 9)] == [-36, 0, 36]


def test_negative_numbers_become_0_in_a_type_that_could_hold_them() -> None:
    wide = FixedFormat(12, 8)
    rows, result = prove_casts(Interval(-9, 9), [Step(4, wide), Step(4, wide, relu=True)])
    assert [apply(rows, number) for number in (-9, -1, 0, 9)] == [0, 0, 0, 9]
    assert result == Interval(0, 9)
