"""Casts in 32-bit lanes: the proof that each is exact, and its columns in the kernels' table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.engine.planner import INT32
from emulator.fixed import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat

#: Width of a lane.
BITS = 32


class NotProvedError(Exception):
    """A lane kernel cannot be proved exact; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """One cast to prove: optionally ``max(x, 0)`` first, then from ``fraction`` bits to ``target``."""

    fraction: int
    target: FixedFormat
    relu: bool = False


@dataclass(frozen=True, slots=True)
class CastRow:
    """The columns of one cast; see `dots.FLOOR` and following for what they do."""

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

    @property
    def does_nothing(self) -> bool:
        """Whether every number stays as it is."""
        limits = (self.floor, self.low, self.high) == (INT32.low, INT32.low, INT32.high)
        return limits and self.only_shifts_and_clips and self.right == 0 and self.add == 0


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


def prove_casts(total: Interval, steps: Sequence[Step]) -> tuple[tuple[CastRow, ...], Interval]:
    """Prove casts of numbers in ``total`` and return those that do anything, and the result's range.

    ``total`` may exceed 32 bits if the first cast wraps to no more than 32 and drops no bits: only
    the low bits count then, and those are right.

    Raises
    ------
    NotProvedError
        If a number of more than 32 bits could matter.
    """
    rows: list[CastRow] = []
    fraction = steps[0].fraction
    for place, step in enumerate(steps):
        if not _lossless(total, fraction, step):
            row, total = _prove_cast(total, replace(step, fraction=fraction), modular=place == 0)
            fraction = step.target.fraction
            if not row.does_nothing:
                rows.append(row)
    if fraction != steps[-1].target.fraction:  # the last bits are all that is missing
        row, total = _prove_cast(total, Step(fraction, steps[-1].target), modular=False)
        rows.append(row)
    _require(total, "results")
    return tuple(rows), total


def _lossless(total: Interval, fraction: int, step: Step) -> bool:
    """Whether a cast keeps every number, so that a later one may start from what was before it."""
    drop = fraction - step.target.fraction
    fits = drop <= 0 and total.shifted(drop, step.target).within(Interval.of(step.target))
    return fits and not (step.relu and total.low < 0)


def _prove_cast(total: Interval, step: Step, *, modular: bool) -> tuple[CastRow, Interval]:
    target, drop = step.target, step.fraction - step.target.fraction
    floored = step.relu and total.low < 0
    if floored:
        total = Interval(0, max(total.high, 0))
    rounded = total.shifted(drop, target)
    full = Interval.of(target)
    fits = rounded.within(full)
    wraps = not fits and target.overflow == "WRAP"
    if not (modular and wraps and drop <= 0 and not floored):
        _require(total, f"numbers before the cast to {target}")
    if drop > 0:
        _require(total + Interval(0, 1 << drop), f"numbers rounded to {target}")
    result = total.cast(step.fraction, target)
    if wraps:
        left, right, mask = _wrap_columns(drop, target)
    else:
        _require(rounded, f"numbers before the overflow of {target}")
        left, right, mask = max(-drop, 0), max(drop, 0), -1
        if left >= BITS:  # only zero is left to shift
            left, mask = 0, 0
    add, bit_shift, bit_mask = (
        rounding_columns(drop, target.rounding, BITS - 1) if drop > 0 else (0, 0, 0)
    )
    clips = not fits and not wraps
    row = CastRow(
        floor=0 if floored else INT32.low,
        add=add,
        bit_shift=bit_shift,
        bit_mask=bit_mask,
        left=left,
        right=right,
        mask=mask,
        low=max(full.low, INT32.low) if clips else INT32.low,
        high=min(full.high, INT32.high) if clips else INT32.high,
        keep=0 if clips and target.overflow == "SAT_ZERO" else -1,
    )
    return row, result


def _wrap_columns(drop: int, target: FixedFormat) -> tuple[int, int, int]:
    """Return left shift, right shift and mask that drop bits and keep the low ``width`` ones."""
    if target.width > BITS - (not target.signed):
        msg = f"{target} wraps in more than {BITS - (not target.signed)} bits"
        raise NotProvedError(msg)
    if target.signed:
        left, right = BITS - target.width - drop, BITS - target.width
        return (left, right, -1) if left < BITS else (0, 0, 0)
    if -drop >= BITS:
        return 0, 0, 0
    return max(-drop, 0), max(drop, 0), (1 << target.width) - 1


def _require(numbers: Interval, what: str) -> None:
    if not numbers.within(INT32):
        msg = f"{what} reach {numbers.low} … {numbers.high}, beyond {BITS} bits"
        raise NotProvedError(msg)
