"""The table of a scaling, computed as its ways say on every 16-bit number, gives what each input's columns give."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine.lanes.casts import NotProvedError
from emulator.engine.lanes.inputs import INT8, INT16, ScaleRow, can_be_bytes, scale_rows
from emulator.engine.lanes.scale_table import (
    ADD,
    BIT_MASK,
    BIT_SHIFT,
    BOTTOM,
    HIGH,
    KEPT,
    LEFT,
    LOW,
    OFFSET,
    RIGHT,
    TOP,
    Moves,
    Rounds,
    ScaleTable,
    scale_table,
)
from emulator.fixed import FixedFormat
from emulator.fixed.format import ROUNDINGS, Rounding
from emulator.graph import OffsetShift

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE = FixedFormat(16, 16)
NUMBERS = np.arange(-32_768, 32_768)

#: Types of 8 bits and less that results are cast to, at fractions that shift to both sides.
TARGETS = (
    (8, 6, True, "SAT"),
    (8, 8, False, "SAT"),
    (8, 5, True, "SAT_SYM"),
    (7, 9, False, "SAT"),
    (5, 4, True, "SAT"),
    (2, 1, False, "SAT"),
    (8, -1, True, "SAT"),
)

#: Types before the last cast: with as many bits of fraction as results and more, and with fewer, so that some of what
#: was floored is cleared.
INNER = (FixedFormat(40, 36), FixedFormat(36, 36))

#: Bits of fraction and raw of offsets: with 3, all numbers may lie a half above what stays.
OFFSETS = (
    *((1, raw) for raw in (0, 3, -5, 127, -300, 40_001, -65_536, 65_535)),
    *((3, raw) for raw in (3, -21, 1_020)),
)


def wrapped(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    return (numbers + 2**15) % 2**16 - 2**15


def by_columns(scale: ScaleRow) -> NDArray[np.int64]:
    """Return what `ScaleRow.apply` gives for all numbers."""
    moved = (np.clip(NUMBERS, scale.low, scale.high) << scale.left) - scale.offset
    bit = moved >> scale.bit_shift & scale.bit_mask
    kept: NDArray[np.int64] = (moved + scale.add + bit) >> scale.right & scale.kept
    return kept.clip(scale.bottom, scale.top)


def by_table(table: ScaleTable, row: tuple[int, ...], *, to_bytes: bool) -> NDArray[np.int64]:
    """Do what the kernel does, where integers wrap."""
    columns = [int(wrapped(np.array(column))) for column in row]
    if table.moves is Moves.CLIPPED:
        value = np.clip(NUMBERS, columns[LOW], columns[HIGH]) << columns[LEFT]
        value = wrapped(wrapped(value) - columns[OFFSET])
    else:
        value = np.clip(NUMBERS - columns[OFFSET], INT16.low, INT16.high)
    if table.moves is Moves.SATURATED_LEFT:
        value = wrapped(np.maximum(value, columns[LOW]) << columns[LEFT])
    if table.rounds is Rounds.TO_EVEN:
        value = np.where(value & columns[BIT_MASK], wrapped(value - columns[ADD]), value)
    else:
        bit = value >> columns[BIT_SHIFT] & columns[BIT_MASK]
        value = wrapped(value + bit + columns[ADD])
    value = value >> columns[RIGHT]
    if table.has_clips:
        value = np.clip(value & columns[KEPT], columns[BOTTOM], columns[TOP])
    return np.clip(value, INT8.low, INT8.high) if to_bytes else value


def scalings(rounding: Rounding) -> list[ScaleRow]:
    """Return many inputs whose results are bytes, lowered where they are unsigned."""
    found: dict[ScaleRow, None] = {}
    for (width, integer, signed, overflow), (fraction, offset), shift, inner in product(
        TARGETS, OFFSETS, (-7, -3, -1, 0, 1, 5, 7, 9, 12, 15), INNER
    ):
        target = FixedFormat(width, integer, signed, rounding, overflow)  # type: ignore[arg-type]
        wide = FixedFormat(18 + fraction, 18)
        node = OffsetShift("s", ("x",), target, (offset,), wide, (shift,), inner)
        try:
            (row,) = scale_rows(node, SOURCE, 1)
        except NotProvedError:
            continue
        if can_be_bytes([row]):
            found[row.lowered(128) if row.top > INT8.high else row] = None
    return list(found)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_number_of_every_table(rounding: Rounding) -> None:
    ways = dict.fromkeys(Moves, 0)
    together: dict[tuple[Moves, bool], list[ScaleRow]] = {}
    for place, scale in enumerate(scalings(rounding)):
        expected = by_columns(scale)
        for to_bytes in (True,) if place % 4 else (True, False):
            table = scale_table([scale], to_bytes=to_bytes)
            found = by_table(table, table.rows[0], to_bytes=to_bytes)
            np.testing.assert_array_equal(found, expected, err_msg=str(scale))
        saturated = scale_table([scale], to_bytes=True)
        ways[saturated.moves] += 1
        together.setdefault((saturated.moves, saturated.has_clips), []).append(scale)
    assert ways[Moves.CLIPPED] > 10
    if rounding not in {"TRN_ZERO", "RND_ZERO", "RND_INF"}:
        assert ways[Moves.SATURATED] > 10
    assert ways[Moves.SATURATED_LEFT] > 10
    # What holds for all does not change what each gives.
    for scales in together.values():
        others = [*together.get((Moves.SATURATED, False), []), *scales]
        table = scale_table(others, to_bytes=True)
        for scale, row in list(zip(others, table.rows, strict=True))[::7]:
            np.testing.assert_array_equal(by_table(table, row, to_bytes=True), by_columns(scale))


def test_the_shortest_way_that_is_right_for_all_is_taken() -> None:
    def moves(*shifts: int, offset: int = 5, to_bytes: bool = True) -> Moves:
        target = FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT")
        wide, inner = FixedFormat(19, 18), FixedFormat(40, 36)
        node = OffsetShift("s", ("x",), target, (offset,) * len(shifts), wide, shifts, inner)
        return scale_table(scale_rows(node, SOURCE, len(shifts)), to_bytes=to_bytes).moves

    assert moves(3, 4, 5) is Moves.SATURATED
    assert moves(3, 0, 5) is Moves.SATURATED_LEFT
    assert moves(3, 0, 5, offset=-300) is Moves.CLIPPED, "all that counts is below zero"
    assert moves(3, 3, 5, offset=-300) is Moves.SATURATED
    assert moves(3, 4, 5, to_bytes=False) is Moves.CLIPPED, "16-bit results do not saturate"
