"""The table of a scaling: what the kernel computes with for each input, and in which of its ways it may do so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from emulator.engine.lanes.inputs import INT8, INT16

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.lanes.inputs import ScaleRow

LOW, HIGH, LEFT, OFFSET, BIT_SHIFT, BIT_MASK, ADD, RIGHT, KEPT, BOTTOM, TOP = range(11)
SCALE_COLUMNS = 11


class Moves(IntEnum):
    """How a table moves inputs.

    ``CLIPPED``: ``y = (min(max(x, LOW), HIGH) << LEFT) - OFFSET``. ``SATURATED``: ``y = x - OFFSET``, saturated to 16
    bits. ``SATURATED_LEFT``: ``y = max(x - OFFSET, LOW) << LEFT``, the difference saturated, the shift modulo 2**16.
    """

    CLIPPED = 0
    SATURATED = 1
    SATURATED_LEFT = 2


class Rounds(IntEnum):
    """How a table rounds.

    ``TO_EVEN``, or nothing but up or down: what is added stands in ``OFFSET``; where anything is left of ``y &
    BIT_MASK`` it was no half before, or one above an odd number, and ``y -= ADD``. ``BITS``: ``y += ADD + (y >>
    BIT_SHIFT & BIT_MASK)``; such a table is ``CLIPPED``.
    """

    TO_EVEN = 0
    BITS = 1


@dataclass(frozen=True)
class ScaleTable:
    """The columns of each input, and what holds for all.

    ``has_clips``: whether any needs ``KEPT``, or ``BOTTOM`` and ``TOP`` where the saturation of results does not say it.
    """

    rows: tuple[tuple[int, ...], ...]
    moves: Moves
    rounds: Rounds
    has_clips: bool


def scale_table(scales: Sequence[ScaleRow], *, to_bytes: bool) -> ScaleTable:
    """Return the table that takes the fewest instructions."""
    saturation = INT8 if to_bytes else INT16
    clips = any(scale.needs_clip(saturation) for scale in scales)
    if not all(scale.bit_mask == 0 or scale.rounds_to_even for scale in scales):
        rows = tuple(scale.columns for scale in scales)
        return ScaleTable(rows, Moves.CLIPPED, Rounds.BITS, clips)
    rows = tuple(map(_rounded_to_even, scales))
    moves = Moves.CLIPPED
    saturated = [_saturated(row) for row in rows] if to_bytes else []
    if to_bytes and all(saturated):
        rows = tuple(row for row in saturated if row)
        moves = Moves.SATURATED_LEFT if any(row[LEFT] for row in rows) else Moves.SATURATED
        clips = clips or any(scale.was_clipped(saturation) for scale in scales)
    return ScaleTable(rows, moves, Rounds.TO_EVEN, clips)


def _rounded_to_even(scale: ScaleRow) -> tuple[int, ...]:
    """Return the columns of an input that are rounded as `Rounds.TO_EVEN` says."""
    columns = list(scale.columns)
    offset = scale.offset - scale.add - scale.bit_mask
    # A half was added to numbers whose last bits are the same for all; those that drop must be zero.
    below, left = scale.below_the_half if scale.bit_mask else 0, min(scale.left, scale.right)
    can_be_half = below and not -offset & below & (1 << left) - 1
    columns[LEFT], columns[RIGHT] = scale.left - left, scale.right - left
    columns[OFFSET], columns[BIT_SHIFT] = -(-offset >> left), 0
    columns[BIT_MASK] = (below | 1 << scale.right) >> left if can_be_half else 0
    columns[ADD] = max(scale.bit_mask >> left, 1)
    return tuple(columns)


def _saturated(row: Sequence[int]) -> tuple[int, ...] | None:
    """Return the columns with which an input is moved by a saturated difference where bytes saturate.

    None if that is not right for all inputs.
    """
    columns = list(row)
    if row[LEFT]:
        columns = _saturated_left(row)
    else:
        columns[LOW] = INT16.low
    # Differences of inputs that count need 16 bits at most: what saturates lies beyond, with all the same result.
    return tuple(columns) if INT16.low <= columns[OFFSET] <= INT16.high else None


def _saturated_left(row: Sequence[int]) -> list[int]:
    """Return the columns of an input that is shifted to the left.

    The highest input that counts is moved to the highest integer, where all above it saturate; the lowest that counts is
    the least one after the move. Shifted, none of these is zero, so that rounding subtracts the rest of the offset
    from every one.
    """
    columns = list(row)
    left, offset = row[LEFT], row[OFFSET]
    # All have the same last bit; where it is dropped, they are rounded.
    offset += offset & row[BIT_MASK]
    # The least multiple of what is kept that no byte is above.
    top = -(-INT8.high & columns[KEPT])
    highest = -(-(top + offset) >> left)
    lowest = INT8.low + offset >> left
    columns[OFFSET] = highest - INT16.high
    columns[LOW] = lowest - columns[OFFSET]
    columns[BIT_MASK], columns[ADD] = -1, offset - (highest + 1 << left)
    return columns
