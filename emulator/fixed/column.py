"""Columns of exact integers with the arithmetic of `Interval`: one number for each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed.rounding import drop_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from emulator.fixed.format import FixedFormat


@dataclass(frozen=True, slots=True)
class Column:
    """Raws of many events, (n events,): int64, or Python integers (dtype object) beyond 62 bits.

    Partial sums of int64 may wrap around 64 bits as long as what they add up to fits.

    Examples
    --------
    >>> (Column(np.array([1, -2])).times(3) + Column(np.array([4, 5]))).raws
    array([ 7, -1])
    """

    raws: NDArray[Any]

    def _modulo(self, constant: int) -> int:
        """Return a constant as int64 holds it; what comes of it in the end fits."""
        if self.raws.dtype == object:
            return constant
        return (constant + (1 << 63)) % (1 << 64) - (1 << 63)

    @classmethod
    def weighted_sums(
        cls, parts: Sequence[Column], columns: Iterable[Sequence[int]]
    ) -> Iterator[Column]:
        """Yield, for each column of weights, the weighted sums of the parts (one at least)."""
        for weights in columns:
            total = cls(np.zeros_like(parts[0].raws))
            for part, weight in zip(parts, weights, strict=True):
                if weight:
                    total += part if weight == 1 else part.times(weight)
            yield total

    def __add__(self, other: Column) -> Column:
        return Column(self.raws + other.raws)

    def plus(self, constant: int) -> Column:
        """Add a constant."""
        return Column(self.raws + self._modulo(constant))

    def times(self, factor: int) -> Column:
        """Multiply with a constant."""
        return Column(self.raws * self._modulo(factor))

    def product(self, other: Column) -> Column:
        """Multiply event by event."""
        return Column(self.raws * other.raws)

    def square(self) -> Column:
        """Square event by event."""
        return Column(self.raws * self.raws)

    def positive(self) -> Column:
        """Replace negative numbers by 0."""
        return Column(np.maximum(self.raws, 0))

    def maximum(self, other: Column) -> Column:
        """Take the larger number of each event."""
        return Column(np.maximum(self.raws, other.raws))

    def shifted_right(self, bits: int) -> Column:
        """Shift right arithmetically."""
        return Column(self.raws >> bits)

    def divided(self, divisor: int) -> Column:
        """Divide by a positive number and truncate toward zero."""
        negative = self.raws < 0
        return Column(np.where(negative, -(-self.raws // divisor), self.raws // divisor))

    def rounded(self, fraction: int, target: FixedFormat) -> Column:
        """Round to the fraction bits of a type, no overflow yet."""
        drop = fraction - target.fraction
        if drop == 0:
            return self
        if drop < 0:
            return Column(self.raws << -drop)
        if self.raws.dtype != object:
            drop = min(drop, 63)  # of int64 below 62 bits, only the sign is left
        return Column(drop_bits(self.raws, drop, target.rounding))

    def outside(self, target: FixedFormat) -> NDArray[np.bool_]:
        """Return which raws a type cannot hold."""
        out = (self.raws < target.lowest) | (self.raws > target.raw_max)
        return out.astype(np.bool_)

    def overflowed(self, target: FixedFormat) -> Column:
        """Bring raws into the range of a type, by its overflow mode."""
        low, high = target.lowest, target.raw_max
        if target.overflow == "WRAP":
            return Column((self.raws - low & (1 << target.width) - 1) + low)
        if target.overflow == "SAT_ZERO":
            return Column(np.where(self.outside(target), 0, self.raws))
        return Column(np.clip(self.raws, low, high))
