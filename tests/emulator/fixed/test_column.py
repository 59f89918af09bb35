"""Columns compute what Python integers compute, and intervals hold what columns give."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.engine.reference import cast_exact
from emulator.fixed import FixedFormat, Interval
from emulator.fixed.column import Column
from emulator.fixed.format import OVERFLOWS, ROUNDINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAWS = list(range(-40, 41))
COLUMNS = [Column(np.array(RAWS)), Column(np.array(RAWS, dtype=object))]


@pytest.mark.parametrize("column", COLUMNS, ids=["int64", "object"])
def test_arithmetic_is_that_of_integers(column: Column) -> None:
    turned = Column(column.raws[::-1])
    pairs = list(zip(RAWS, RAWS[::-1], strict=True))
    assert (column + turned).raws.tolist() == [a + b for a, b in pairs]
    assert column.product(turned).raws.tolist() == [a * b for a, b in pairs]
    assert column.maximum(turned).raws.tolist() == [max(a, b) for a, b in pairs]
    assert column.plus(-3).raws.tolist() == [a - 3 for a in RAWS]
    assert column.times(-3).raws.tolist() == [a * -3 for a in RAWS]
    assert column.square().raws.tolist() == [a * a for a in RAWS]
    assert column.positive().raws.tolist() == [max(a, 0) for a in RAWS]
    assert column.shifted_right(3).raws.tolist() == [a >> 3 for a in RAWS]
    assert column.divided(7).raws.tolist() == [int(a / 7) for a in RAWS]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("column", COLUMNS, ids=["int64", "object"])
def test_casts_are_those_of_the_reference(column: Column, rounding: str, overflow: str) -> None:
    for width in range(2, 6):
        for integer in range(-1, 8):
            target = FixedFormat.parse(f"fixed<{width},{integer},{rounding},{overflow}>")
            rounded = column.rounded(3, target)
            found = rounded.overflowed(target).raws.tolist()
            assert found == [cast_exact(raw, 3, target) for raw in RAWS]
            out = rounded.outside(target)
            assert [not kept for kept in out.tolist()] == [
                raw == cast for raw, cast in zip(rounded.raws.tolist(), found, strict=True)
            ]


def test_intervals_hold_what_columns_give() -> None:
    part, other = Interval(-40, 40), Interval(3, 9)
    column = COLUMNS[0]
    for number, interval in (
        (column.plus(5), part.plus(5)),
        (column.positive(), part.positive()),
        (column.divided(7), part.divided(7)),
        (column.shifted_right(2), part.shifted_right(2)),
        (column.maximum(Column(np.full(81, 5))), part.maximum(Interval(5, 5))),
    ):
        assert (number.raws.min(), number.raws.max()) == (interval.low, interval.high)
    assert part.product(other) == Interval(-360, 360)


def test_partial_sums_may_wrap_around_64_bits() -> None:
    large = Column(np.array([3, 0])).times(1 << 61).plus(1 << 63)
    assert large.plus(-(1 << 63)).plus(-3 << 61).raws.tolist() == [0, -3 << 61]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_more_bits_may_be_dropped_than_there_are(rounding: str) -> None:
    raws = [sign * raw for raw in (1, 2**60, 2**61, 2**62 - 1) for sign in (1, -1)]
    for fraction in range(58, 70):
        target = FixedFormat.parse(f"fixed<8,8,{rounding},SAT>")
        found = Column(np.array(raws)).rounded(fraction, target).overflowed(target).raws.tolist()
        assert found == [cast_exact(raw, fraction, target) for raw in raws]


@pytest.mark.parametrize("dtype", [np.int64, object])
def test_weighted_sums_are_sums_of_products(dtype: type) -> None:
    rows: NDArray[Any] = np.array([[3, -5, 7], [0, 2, -1 << 40]], dtype=dtype)
    columns = [(1, 0, -2), (0, 0, 0), (-4, 1, 1 << 20)]
    found = Column.weighted_sums([Column(column) for column in rows.T], columns)
    expected = [[sum(map(mul, row, weights)) for row in rows.tolist()] for weights in columns]
    assert [column.raws.tolist() for column in found] == expected
