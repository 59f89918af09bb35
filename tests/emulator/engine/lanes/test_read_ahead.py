"""Lists of the lines that are read ahead: those of the contents, and of offsets that are needed later."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.engine.jagged import JaggedRows, copied_order
from emulator.engine.lanes.fused import space_for_lines
from emulator.engine.lanes.read_ahead import TOGETHER, list_objects
from emulator.engine.lanes.target import LINE_BYTES
from emulator.features import Feature, FeatureLayout
from emulator.jit import kernel
from emulator.objects import Columns

N_EVENTS = 900
LATER = 130
NOTHING = -1


@kernel
def listed(
    first: int,
    n_events: int,
    passes: np.ndarray,
    lines: np.ndarray,
    room: int,
) -> None:
    list_objects(
        first,
        n_events,
        LATER,
        passes.ctypes.data,
        passes.shape[0],
        lines.ctypes.data,
        room,
    )


@pytest.fixture(scope="module")
def jagged() -> JaggedRows:
    """Three fields of one collection, and one of another without objects in most events."""
    rng = np.random.default_rng(1)
    collections = {}
    for name, counts in (
        ("jet", rng.integers(0, 12, N_EVENTS)),
        ("mu", rng.integers(0, 40, N_EVENTS) // 39),
    ):
        offsets = np.concatenate([[0], np.cumsum(counts)])
        each = {field: np.zeros(offsets[-1], np.int16) for field in ("pt", "eta", "phi")}
        collections[name] = Columns(offsets, each)
    fields = [Feature("jet", slot, field) for field in ("pt", "eta", "phi") for slot in range(3)]
    layout = FeatureLayout("some", (*fields, Feature("mu", 0, "pt")))
    order = copied_order(layout)
    assert order is not None
    return JaggedRows.of(collections, order, layout)


def expected_lines(jagged: JaggedRows, first: int, n_events: int) -> list[int]:
    """All lines in order: of the fields of a collection, then of its offsets."""
    found: list[int] = []

    def add(start: int, stop: int) -> None:
        found.extend(range(start // LINE_BYTES * LINE_BYTES, stop, LINE_BYTES))

    for place, (field, (offsets, contents)) in enumerate(
        zip(jagged.order.fields, jagged.kept, strict=True)
    ):
        at = contents.ctypes.data
        add(at + 2 * int(offsets[first]), at + 2 * int(offsets[first + n_events]))
        following = jagged.order.fields[place + 1 :][:1]
        if not following or following[0].collection != field.collection:
            at = offsets.ctypes.data + 8 * (first + LATER)
            add(at, at + 8 * (n_events + 1))
    return found


@pytest.mark.parametrize("first", [0, 1, 77, 640])
@pytest.mark.parametrize("n_events", [1, 8, 63, 64, 250])
def test_lists_what_is_needed_next_and_no_more(
    jagged: JaggedRows, first: int, n_events: int
) -> None:
    expected = expected_lines(jagged, first, n_events)
    room = len(expected) + 5
    lines = np.full(room + TOGETHER, NOTHING, dtype=np.int64)
    listed(first, n_events, jagged.passes, lines, room)
    assert lines[: len(expected)].tolist() == expected


@pytest.mark.parametrize("room", [0, 1, 7, 8, 20])
def test_lists_as_many_as_there_is_room_for(jagged: JaggedRows, room: int) -> None:
    lines = np.full(room + 3 * TOGETHER, NOTHING, dtype=np.int64)
    listed(5, 64, jagged.passes, lines, room)
    assert lines[:room].tolist() == expected_lines(jagged, 5, 64)[:room]
    assert (lines[room + TOGETHER :] == NOTHING).all(), "as many may be written beyond, no more"


def test_until_there_are_lists_they_hold_addresses_that_can_be_read() -> None:
    lines = space_for_lines(100)
    assert lines.shape == (100 + TOGETHER,)
    assert (lines == lines.ctypes.data).all()
