"""Casts in 32-bit lanes: the proof that each is exact, and its columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.engine.cast_columns import cast_row, no_cast
from emulator.engine.widths import INT32
from emulator.fixed import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.cast_columns import CastRow
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
            if row != no_cast(BITS):
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
    if wraps:
        _require_width(target)
    else:
        _require(rounded, f"numbers before the overflow of {target}")
    row = cast_row(drop, target, BITS, fits=fits, relu=floored)
    return row, total.cast(step.fraction, target)


def _require_width(target: FixedFormat) -> None:
    most = BITS if target.signed else BITS - 1
    if target.width > most:
        msg = f"{target} wraps in more than {most} bits"
        raise NotProvedError(msg)


def _require(numbers: Interval, what: str) -> None:
    if not numbers.within(INT32):
        msg = f"{what} reach {numbers.low} … {numbers.high}, beyond {BITS} bits"
        raise NotProvedError(msg)
