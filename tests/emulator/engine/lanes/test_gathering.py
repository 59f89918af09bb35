"""Rows of a tile, copied from jagged contents by every kind of pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from emulator.engine.jagged import Field, RowOrder
from emulator.engine.lanes.gathering import (
    FEW_OBJECTS,
    FIELDS_TOGETHER,
    KIND,
    KINDS,
    OBJECTS,
    PLAIN_ROW_BYTES,
    gather_rows,
)
from emulator.engine.lanes.target import TILE

#: More than one pass and vector may write, and what must not be written.
N_EVENTS, UNTOUCHED = 3 * TILE, 0x5A5A

Arrays = Sequence[tuple[np.ndarray, np.ndarray]]


def random_arrays(n_fields: int, counts: np.ndarray) -> Arrays:
    """Offsets of a collection, and contents of its fields with room for vectors behind the last object."""
    rng = np.random.default_rng(n_fields)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    size = int(offsets[-1]) + OBJECTS
    return [
        (offsets, rng.integers(-(2**15), 2**15, size).astype(np.int16)) for _ in range(n_fields)
    ]


def expected_row(fields: Sequence[Field], arrays: Arrays, event: int) -> list[int]:
    """The first objects of an event, field by field, zeros where there are none and behind the last field."""
    row: list[int] = []
    for field, (offsets, contents) in zip(fields, arrays, strict=True):
        objects = contents[offsets[event] : offsets[event + 1]][: field.slots].tolist()
        shifted = [((each >> field.down << field.up) + 2**15) % 2**16 - 2**15 for each in objects]
        row += shifted + [0] * (field.slots - len(objects))
    return row + [0] * (-fields[-1].slots % FEW_OBJECTS)


def gathered(order: RowOrder, arrays: Arrays, first: int, last: int) -> np.ndarray:
    """Rows of some events, in whole tiles, with a row behind them that must stay as it is."""
    n_rows = -(-(last - first) // TILE) * TILE
    rows = np.full((n_rows + 1, order.row_bytes // 2), UNTOUCHED, dtype=np.int16)
    passes = order.passes(arrays)
    gather_rows(first, last, passes.ctypes.data, len(passes), rows.ctypes.data, order.row_bytes)
    assert (rows[n_rows] == UNTOUCHED).all()
    return rows


def order_of(slots: int, n_fields: int, shift: int, n_features: int) -> RowOrder:
    names = ("eta", "phi", "pt")[:n_fields]
    fields = tuple(Field("jet", name, slots, shift, shift // 2) for name in names)
    return RowOrder(fields, tuple(range(n_features)))


@pytest.mark.parametrize("n_features", [60, 90])
@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("n_fields", range(1, FIELDS_TOGETHER + 1))
@pytest.mark.parametrize("slots", [1, 4, 8, 9, OBJECTS])
def test_every_kind_of_pass_copies_the_first_objects(
    slots: int, n_fields: int, shift: int, n_features: int
) -> None:
    order = order_of(slots, n_fields, shift, n_features)
    counts = np.random.default_rng(slots).integers(0, slots + 4, N_EVENTS)
    arrays = random_arrays(n_fields, counts)
    size, fields, plain = KINDS[order.passes(arrays)[0, KIND]]
    assert (size >= slots, fields) == (True, n_fields)
    assert plain == (shift == 0 and order.row_bytes == PLAIN_ROW_BYTES)
    for first, last in ((0, TILE), (5, 6), (1, N_EVENTS - TILE)):
        rows = gathered(order, arrays, first, last)
        for event in range(first, last):
            expected = expected_row(order.fields, arrays, event)
            assert rows[event - first, : len(expected)].tolist() == expected


@pytest.mark.parametrize("crowd", [2**15 - 1, 2**15, 2**15 + 1, 2**16 - 1, 2**16, 2**16 + 3])
@pytest.mark.parametrize("slots", [4, 10])
def test_more_objects_than_16_bits_can_count(slots: int, crowd: int) -> None:
    """Of an event, or of all events of a tile together."""
    order = order_of(slots, 2, 0, 60)
    for counts in (
        np.array([3, crowd, 1, *[2] * (2 * TILE)]),
        np.array([crowd, *[0] * TILE]),
        np.array([*[crowd // TILE] * TILE, *[2] * TILE]),
    ):
        arrays = random_arrays(2, counts)
        rows = gathered(order, arrays, 0, TILE)
        for event in range(TILE):
            expected = expected_row(order.fields, arrays, event)
            assert rows[event, : len(expected)].tolist() == expected
