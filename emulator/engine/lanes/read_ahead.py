"""Reading memory that is needed next, line by line, while kernels compute.

Read in one go, lines would wait for each other; one for each step of a loop costs next to nothing. What is needed next
is either memory from an address on, or lines from a list: objects of the next events stand in as many places as they
have fields. Rows are read into the second cache: they come in bursts, and lines on their way to the first one take the
few places in which what is computed with waits for its own. Copies of objects wait less for the first cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from emulator.engine.lanes.emitter import INT64, Emitter, Value, number, spread, vector
from emulator.engine.lanes.gathering import (
    CONTENTS,
    FIELD_COLUMNS,
    FIELDS,
    N_FIELDS,
    OFFSETS,
    PASS_COLUMNS,
)
from emulator.engine.lanes.target import LINE_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Place

#: Entries that are written together.
TOGETHER = 16


class ReadAhead:
    """Begins to read lines of memory; where it stands is a place in the list and an address.

    Parameters
    ----------
    memory
        Address of what is needed next; 0: lines of a list.
    lines
        Address of the list; of a 0 if there is none.
    """

    def __init__(self, emitter: Emitter, memory: Value, lines: Value) -> None:
        self._emitter, self._memory, self._lines = emitter, memory, lines
        builder = emitter.builder
        self._is_listed = builder.icmp_signed("==", memory, number(0))
        self._line_bytes = builder.select(self._is_listed, number(0), number(LINE_BYTES))
        self._entry_bytes = builder.select(self._is_listed, number(8), number(0))

    def after(self, n_lines: Value) -> list[Value]:
        """Return where reading stands after some lines."""
        emitter, builder = self._emitter, self._emitter.builder
        return [
            emitter.at(self._lines, builder.mul(n_lines, self._entry_bytes)),
            emitter.at(self._memory, builder.mul(n_lines, self._line_bytes)),
        ]

    def read(self, places: list[Value], n_lines: int = 1) -> list[Value]:
        """Begin to read some lines and return where the next one stands."""
        emitter = self._emitter
        entry, address = places
        lines = []
        for _ in range(n_lines):
            lines.append(emitter.at(address, emitter.load(entry, INT64, 8)))
            entry = emitter.at(entry, self._entry_bytes)
            address = emitter.at(address, self._line_bytes)
        with emitter.builder.if_else(self._is_listed) as (listed, rows):
            for branch, cache in ((listed, 1), (rows, 2)):
                with branch:
                    for line in lines:
                        emitter.prefetch(line, cache)
        return [entry, address]


def _add_lines(emitter: Emitter, place: Value, end: Value, first: Value, last: Value) -> Value:
    """List the lines from one address to before another, where there is room; return the next place."""
    builder, kind = emitter.builder, vector(INT64, TOGETHER)
    line = builder.and_(first, number(-LINE_BYTES))
    n_lines = builder.sdiv(builder.sub(emitter.at(last, LINE_BYTES - 1), line), number(LINE_BYTES))
    wanted, room = builder.mul(n_lines, number(8)), builder.sub(end, place)
    size = builder.select(builder.icmp_signed("<", wanted, room), wanted, room)
    steps = ir.Constant(kind, [number(LINE_BYTES * step) for step in range(TOGETHER)])
    further = ir.Constant(kind, [number(LINE_BYTES * TOGETHER)] * TOGETHER)

    def some(_: Value, carried: list[Value]) -> list[Value]:
        at, entries = carried
        emitter.store(entries, at, 8)
        return [emitter.at(at, 8 * TOGETHER), builder.add(entries, further)]

    n_stores = builder.sdiv(emitter.at(size, 8 * TOGETHER - 1), number(8 * TOGETHER))
    emitter.loop(n_stores, some, [place, builder.add(spread(builder, line, kind), steps)])
    return builder.add(place, size)


def _emit_list(
    builder: Any,
    first: Value,
    n_events: Value,
    later: Value,
    passes: Value,
    n_passes: Value,
    lines: Value,
    n_lines: Value,
) -> None:
    emitter = Emitter(builder)
    end = emitter.at(lines, builder.mul(n_lines, number(8)))

    def one(which: Value, carried: list[Value]) -> list[Value]:
        (place,) = carried
        columns = emitter.at(passes, builder.mul(which, number(8 * PASS_COLUMNS)))
        offsets, n_fields = (
            emitter.load(emitter.at(columns, 8 * column), INT64, 8)
            for column in (OFFSETS, N_FIELDS)
        )
        start = emitter.at(offsets, builder.mul(first, number(8)))
        stop = emitter.at(start, builder.mul(n_events, number(8)))
        ends = [builder.mul(emitter.load(each, INT64, 8), number(2)) for each in (start, stop)]

        def contents(_: Value, carried: list[Value]) -> list[Value]:
            field, place = carried
            base = emitter.load(emitter.at(field, 8 * CONTENTS), INT64, 8)
            reached = [emitter.at(base, each) for each in ends]
            return [emitter.at(field, 8 * FIELD_COLUMNS), _add_lines(emitter, place, end, *reached)]

        first_field = emitter.at(columns, 8 * FIELDS)
        _, place = emitter.loop(n_fields, contents, [first_field, place])
        moved = builder.mul(later, number(8))
        reached = [emitter.at(start, moved), emitter.at(stop, moved, 8)]
        return [_add_lines(emitter, place, end, *reached)]

    emitter.loop(n_passes, one, [lines])


@intrinsic
def _list(typingctx, first, n_events, later, passes, n_passes, lines, n_lines):  # type: ignore[no-untyped-def]
    return instructions(7, _emit_list)


@inline_kernel
def list_objects(
    first: Place,
    n_events: Place,
    later: Place,
    passes: Place,
    n_passes: Place,
    lines: Place,
    n_lines: Place,
) -> None:
    """List the lines of the contents of some events, and of the offsets of as many that stand later.

    Parameters
    ----------
    first, n_events, later
        The first event, how many, and by how many the others stand later; these may lie behind the last one.
    passes, n_passes
        As `gathering.gather_tile` takes them.
    lines, n_lines
        Address of the list and its room; `TOGETHER` more entries must be writable.
    """
    _list(first, n_events, later, passes, n_passes, lines, n_lines)
