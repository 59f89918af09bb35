"""Exact intervals of integers, from which the widths of an engine are proved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.fixed.rounding import drop_bits

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        """Return all raws of a type."""
        return cls(target.raw_min, target.raw_max)

    @classmethod
    def hull(cls, parts: Iterable[Interval]) -> Interval:
        """Return the smallest interval that holds all parts, of which there is at least one."""
        listed = list(parts)
        return cls(min(part.low for part in listed), max(part.high for part in listed))

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

    def square(self) -> Interval:
        """Return the interval of the squares."""
        ends = (self.low**2, self.high**2)
        return Interval(0 if 0 in self else min(ends), max(ends))

    def shifted(self, drop: int, target: FixedFormat) -> Interval:
        """Drop (or, if negative, append) fraction bits with the target's rounding, no overflow yet."""
        if drop <= 0:
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
        full = Interval.of(target)
        if rounded.within(full):
            if target.overflow == "SAT_SYM" and target.signed:
                return Interval(max(rounded.low, -full.high), max(rounded.high, -full.high))
            return rounded
        if target.overflow == "WRAP":
            return rounded._wrapped(target)
        low = -full.high if target.overflow == "SAT_SYM" and target.signed else full.low
        if target.overflow == "SAT_ZERO":
            inside = [number for number in (rounded.low, rounded.high) if number in full]
            if rounded.high < full.low or rounded.low > full.high:
                return Interval(0, 0)
            ends = [0, *inside]
            if rounded.low < full.low:
                ends.append(full.low)
            if rounded.high > full.high:
                ends.append(full.high)
            return Interval(min(ends), max(ends))
        return Interval(
            min(max(rounded.low, low), full.high), min(max(rounded.high, low), full.high)
        )

    def _wrapped(self, target: FixedFormat) -> Interval:
        full = Interval.of(target)
        period = 1 << target.width
        low = (self.low - full.low) % period + full.low
        high = low + self.high - self.low
        return Interval(low, high) if high <= full.high else full
