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


def test_weighted_sums_hold_the_sums_of_all_numbers_and_no_more() -> None:
    for parts in product(SMALL[::9], SMALL[::13]):
        columns = list(product((-3, 0, 1, 2), repeat=2))
        sums = Interval.weighted_sums(parts, columns)
        for (a, b), found in zip(columns, sums, strict=True):
            pairs = product(*map(numbers, parts))
            assert found == hull_of([a * x + b * y for x, y in pairs])


def test_weighted_sums_are_exact_beyond_64_bits() -> None:
    parts = [Interval(-(1 << 90) - 1, 1 << 70), Interval(3, 1 << 80)]
    (found,) = Interval.weighted_sums(parts, [(1 << 20, -(1 << 65))])
    assert found == parts[0].times(1 << 20) + parts[1].times(-(1 << 65))


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3)])
def test_weighted_sums_need_a_weight_for_each_number(weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"there are {len(weights)} weights for 2 numbers"):
        list(Interval.weighted_sums(SMALL[:2], [weights]))
