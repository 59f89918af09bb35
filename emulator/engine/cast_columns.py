"""Casts as numbers: the columns by which a kernel rounds and overflows without branching on the mode.

Both kernels that cast, in 32-bit lanes and on tiles in 64 bits, compute the same from them:

``v = max(v, FLOOR)``; ``v += ADD + (v >> BIT_SHIFT & BIT_MASK)``; ``v = (v << LEFT) >> RIGHT & MASK``;
``c = min(max(v, LOW), HIGH)``; ``v = c if c == v else c & KEEP``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.fixed import Interval

if TYPE_CHECKING:
    from emulator.fixed import FixedFormat

FLOOR, ADD, BIT_SHIFT, BIT_MASK, LEFT, RIGHT, MASK, LOW, HIGH, KEEP = range(10)
CAST_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class CastRow:
    """The columns of one cast."""

    floor: int
    add: int
    bit_shift: int
    bit_mask: int
    left: int
    right: int
    mask: int
    low: int
    high: int
    keep: int

    @property
    def columns(self) -> tuple[int, ...]:
        """All columns in the order of the table."""
        return (
            self.floor,
            self.add,
            self.bit_shift,
            self.bit_mask,
            self.left,
            self.right,
            self.mask,
            self.low,
            self.high,
            self.keep,
        )

    @property
    def only_shifts_and_clips(self) -> bool:
        """Whether, but for a constant and a floor, the cast is one right shift and one clip."""
        return self.bit_mask == 0 and self.left == 0 and self.mask == -1 and self.keep == -1

    @property
    def only_rounds_and_clips(self) -> bool:
        """The same, and a bit at the place where the shift ends (as of rounding to even)."""
        to_even = self.bit_mask == 1 and self.bit_shift == self.right > 0
        return to_even and self.left == 0 and self.mask == -1 and self.keep == -1


def integers(bits: int) -> Interval:
    """Return all signed integers of a width."""
    return Interval(-(1 << bits - 1), (1 << bits - 1) - 1)


def no_cast(bits: int) -> CastRow:
    """Return the columns that change nothing, in integers of a width."""
    every = integers(bits)
    return CastRow(every.low, 0, 0, 0, 0, 0, -1, every.low, every.high, -1)


def cast_row(
    drop: int, target: FixedFormat, bits: int, *, fits: bool, relu: bool = False
) -> CastRow:
    """Return the columns of a cast.

    Parameters
    ----------
    drop
        Fraction bits that it drops; negative: that it appends.
    bits
        Width in which the kernel computes. The caller has proved that the numbers fit it, before and
        while they are rounded; where none are dropped and the type wraps, only their low bits count.
        A type that wraps has at most as many bits, one less if it is unsigned.
    fits
        Whether nothing can overflow.
    relu
        Whether negative numbers become 0 first.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> cast_row(2, FixedFormat(4, 4, rounding="RND", overflow="SAT"), 8, fits=False).columns
    (-128, 2, 0, 0, 0, 2, -1, -8, 7, -1)
    """
    every, own = integers(bits), Interval.of(target)
    wraps, clips = not fits and target.overflow == "WRAP", not fits and target.overflow != "WRAP"
    left, right, mask = max(-drop, 0), max(drop, 0), -1
    if wraps and not target.signed:
        mask = (1 << target.width) - 1
    elif wraps and target.width + drop <= bits:  # else the shift leaves no more bits than it has
        left, right = bits - target.width - drop, bits - target.width
    if left >= bits:  # only zeros are left
        left, right, mask = 0, 0, 0
    add, bit_shift, bit_mask = (0, 0, 0)
    if drop > 0:
        add, bit_shift, bit_mask = rounding_columns(drop, target.rounding, bits - 1)
    return CastRow(
        floor=0 if relu else every.low,
        add=add,
        bit_shift=bit_shift,
        bit_mask=bit_mask,
        left=left,
        right=right,
        mask=mask,
        low=max(own.low, every.low) if clips else every.low,
        high=min(own.high, every.high) if clips else every.high,
        keep=0 if clips and target.overflow == "SAT_ZERO" else -1,
    )


def rounding_columns(drop: int, rounding: str, sign: int) -> tuple[int, int, int]:
    """Return what is added before the shift, and the bit that is added too: its shift and mask.

    Parameters
    ----------
    drop
        Bits that the shift drops, at least 1.
    sign
        Shift that leaves nothing but the sign.

    Examples
    --------
    >>> rounding_columns(3, "RND_CONV", 31)  # 3, and one more if the last bit that stays is set
    (3, 3, 1)
    >>> rounding_columns(3, "RND_INF", 31)  # a half, and -1 if negative
    (4, 31, -1)
    """
    half = 1 << drop - 1
    return {
        "TRN": (0, 0, 0),
        "TRN_ZERO": (0, sign, 2 * half - 1),
        "RND": (half, 0, 0),
        "RND_ZERO": (half - 1, sign, 1),
        "RND_INF": (half, sign, -1),
        "RND_MIN_INF": (half - 1, 0, 0),
        "RND_CONV": (half - 1, drop, 1),
    }[rounding]
