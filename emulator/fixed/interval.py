"""Exact intervals of integers, from which the widths of an engine are proved."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from emulator.fixed.rounding import drop_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emulator.fixed.format import FixedFormat


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from ``low`` to ``high``, both included; Python integers of any size.

    Examples
    --------
    >>> Interval(-3, 5) + Interval(1, 2).times(-4)
    Interval(low=-11, high=1)
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            msg = f"empty interval [{self.low}, {self.high}]"
            raise ValueError(msg)

    @classmethod
    def of(cls, target: FixedFormat) -> Interval:
        """Return all raws that a cast to a type can give."""
        return cls(target.lowest, target.raw_max)

    @classmethod
    def hull(cls, parts: Iterable[Interval]) -> Interval:
        """Return the smallest interval that holds all parts, of which there is at least one."""
        listed = list(parts)
        return cls(min(part.low for part in listed), max(part.high for part in listed))

    @classmethod
    def weighted_sums(
        cls, parts: Sequence[Interval], columns: Iterable[Sequence[int]]
    ) -> Iterator[Interval]:
        """Yield, for each column of weights, the interval of the weighted sums of the parts' numbers.

        Raises
        ------
        ValueError
            If a column has not one weight for each part.

        Examples
        --------
        >>> parts = Interval(-3, 5), Interval(1, 2)
        >>> list(Interval.weighted_sums(parts, [(1, -4), (0, 0)]))
        [Interval(low=-11, high=1), Interval(low=0, high=0)]
        """
        # Twice the middle of a sum is the weighted sum of twice the middles, its width that of the
        # widths: exact, of any size, and without an interval for each term.
        middles = [part.low + part.high for part in parts]
        widths = [part.high - part.low for part in parts]
        for weights in columns:
            if len(weights) != len(parts):
                msg = f"there are {len(weights)} weights for {len(parts)} numbers"
                raise ValueError(msg)
            middle = sum(map(mul, middles, weights))
            width = sum(map(mul, widths, map(abs, weights)))
            yield cls(middle - width >> 1, middle + width >> 1)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __contains__(self, number: int) -> bool:
        return self.low <= number <= self.high

    def within(self, other: Interval) -> bool:
        """Whether every number of this interval lies in ``other``."""
        return other.low <= self.low and self.high <= other.high

    def times(self, factor: int) -> Interval:
        """Return the interval of the products with a constant."""
        ends = (self.low * factor, self.high * factor)
        return Interval(min(ends), max(ends))

    def plus(self, constant: int) -> Interval:
        """Return the interval of the sums with a constant."""
        return Interval(self.low + constant, self.high + constant)

    def positive(self) -> Interval:
        """Return what becomes of it when negative numbers become 0."""
        return Interval(max(self.low, 0), max(self.high, 0))

    def maximum(self, other: Interval) -> Interval:
        """Return the interval of the larger one of two numbers."""
        return Interval(max(self.low, other.low), max(self.high, other.high))

    def shifted_right(self, bits: int) -> Interval:
        """Return the interval of the arithmetic shifts to the right."""
        return Interval(self.low >> bits, self.high >> bits)

    def product(self, other: Interval) -> Interval:
        """Return the interval of the products with any number of ``other``."""
        return Interval.hull((self.times(other.low), self.times(other.high)))

    def divided(self, divisor: int) -> Interval:
        """Return the interval of the quotients by a positive number, truncated toward zero."""
        low, high = (
            end // divisor if end >= 0 else -(-end // divisor) for end in (self.low, self.high)
        )
        return Interval(low, high)

    def square(self) -> Interval:
        """Return the interval of the squares."""
        ends = (self.low**2, self.high**2)
        return Interval(0 if 0 in self else min(ends), max(ends))

    def shifted(self, drop: int, target: FixedFormat) -> Interval:
        """Drop (or, if negative, append) fraction bits with the target's rounding, no overflow yet."""
        if drop == 0:
            return self
        if drop < 0:
            return Interval(self.low << -drop, self.high << -drop)
        return Interval(
            drop_bits(self.low, drop, target.rounding), drop_bits(self.high, drop, target.rounding)
        )

    def cast(self, fraction: int, target: FixedFormat) -> Interval:
        """Return an interval that holds the casts of all numbers to ``target``.

        It is the smallest one, except where numbers wrap at different places: then it is all of the
        type.
        """
        rounded = self.shifted(fraction - target.fraction, target)
        low, high = target.lowest, target.raw_max
        if low <= rounded.low and rounded.high <= high:
            return rounded
        if target.overflow == "WRAP":
            return rounded._wrapped(target)
        if target.overflow == "SAT_ZERO":
            return rounded._zeroed(target)
        return Interval(min(max(rounded.low, low), high), min(max(rounded.high, low), high))

    def _zeroed(self, target: FixedFormat) -> Interval:
        """Return what is left of numbers of which those out of range become 0."""
        full = Interval.of(target)
        if self.high < full.low or self.low > full.high:
            return Interval(0, 0)
        return Interval(min(max(self.low, full.low), 0), max(min(self.high, full.high), 0))

    def _wrapped(self, target: FixedFormat) -> Interval:
        full = Interval.of(target)
        period = 1 << target.width
        low = (self.low - full.low) % period + full.low
        high = low + self.high - self.low
        return Interval(low, high) if high <= full.high else full
