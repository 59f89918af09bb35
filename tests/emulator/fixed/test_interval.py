"""Intervals hold exactly what becomes of their numbers by arithmetic, held against every number of small ones."""

from __future__ import annotations

from itertools import product

import pytest

from emulator.fixed import Interval

SMALL = [Interval(low, high) for low, high in product(range(-6, 7), repeat=2) if low <= high]


def numbers(interval: Interval) -> range:
    return range(interval.low, interval.high + 1)


def hull_of(values: list[int]) -> Interval:
    return Interval(min(values), max(values))


@pytest.mark.parametrize("x", SMALL, ids=str)
def test_holds_what_becomes_of_its_numbers_and_no_more(x: Interval) -> None:
    inside = numbers(x)
    assert x.square() == hull_of([number**2 for number in inside])
    assert x.positive() == hull_of([max(number, 0) for number in inside])
    for constant in (-3, -1, 0, 2, 5):
        assert x.times(constant) == hull_of([number * constant for number in inside])
        assert x.plus(constant) == hull_of([number + constant for number in inside])
    for bits in (0, 1, 3):
        assert x.shifted_right(bits) == hull_of([number >> bits for number in inside])
    for divisor in (1, 2, 3):
        quotients = [abs(number) // divisor * (1 if number > 0 else -1) for number in inside]
        assert x.divided(divisor) == hull_of(quotients)


@pytest.mark.parametrize("y", SMALL[::7], ids=str)
def test_holds_what_becomes_of_pairs(y: Interval) -> None:
    for x in SMALL:
        pairs = list(product(numbers(x), numbers(y)))
        assert x.product(y) == hull_of([a * b for a, b in pairs])
        assert x + y == hull_of([a + b for a, b in pairs])
        assert x.maximum(y) == hull_of([max(pair) for pair in pairs])
