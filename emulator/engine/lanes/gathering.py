"""Jagged contents into the rows of a tile, collection after collection: the first objects of each event, zeros beyond.

Vectors are copied whole and what lies beyond the objects of an event becomes zero, so that nothing
branches on how many there are. Fields stand in a row from left to right in the order in which they are
written: what a vector writes beyond its field is overwritten by the next one, and beyond the last field
there is room in the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from emulator.engine.lanes.emitter import INT16, INT64, Emitter, Value, constant, number, spread
from emulator.engine.lanes.target import TILE
from emulator.jit import inline_kernel, instructions, intrinsic, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.engine.lanes.emitter import Place

#: Objects that the two kinds of vectors hold; contents are read and rows written as far beyond the
#: first object of an event.
FEW_OBJECTS, OBJECTS = 8, 16

#: Fields of a collection that are copied together, at most.
FIELDS_TOGETHER = 3

#: From one row to the next in bytes, where passes are plain: of 64 inputs at most.
PLAIN_ROW_BYTES = 128

#: Passes over the events of a tile differ in their code by: objects in a vector, number of fields, whether they
#: are plain: no field is shifted, rows are `PLAIN_ROW_BYTES` apart, and the tile is not crowded. The same pass that
#: is not plain follows.
KINDS = tuple(
    (size, n_fields, plain)
    for size in (FEW_OBJECTS, OBJECTS)
    for n_fields in range(1, FIELDS_TOGETHER + 1)
    for plain in (True, False)
)

#: Columns of a pass, 64-bit integers: place of its kind in `KINDS`, address of the offsets of a collection, of how
#: many objects, number of its fields; then the columns of each.
KIND, OFFSETS, LIMIT, N_FIELDS, FIELDS = range(5)

#: Columns of a field: address of its contents, from which place of a row in bytes, shifted right and
#: then left by how many bits.
CONTENTS, PLACE, DOWN, UP = range(4)
FIELD_COLUMNS = 4
PASS_COLUMNS = FIELDS + FIELDS_TOGETHER * FIELD_COLUMNS

#: Objects of a tile whose number may not fit 16 bits for one of its events.
_CROWDED = 2**15

#: Events whose instructions are interleaved.
_TOGETHER = 4


class _Field:
    """What is the same for all events of a pass."""

    def __init__(self, emitter: Emitter, row: Value, kind: Any) -> None:
        def word(column: int) -> Value:
            return emitter.load(emitter.at(row, 8 * column), INT64, 8)

        self.contents, self.place = word(CONTENTS), word(PLACE)
        self.down, self.up = (
            spread(emitter.builder, emitter.builder.trunc(word(column), INT16), kind)
            for column in (DOWN, UP)
        )


class _Pass:
    """Copies the same objects of a few fields for all events of a tile."""

    def __init__(self, emitter: Emitter, row: Value, size: int, n_fields: int, plain: bool) -> None:
        self._emitter, self._plain = emitter, plain
        self._kind = ir.VectorType(INT16, size)
        self._offsets, self._limit = (
            emitter.load(emitter.at(row, 8 * column), INT64, 8) for column in (OFFSETS, LIMIT)
        )
        self._fields = [
            _Field(emitter, emitter.at(row, 8 * (FIELDS + FIELD_COLUMNS * place)), self._kind)
            for place in range(n_fields)
        ]
        self._places = self._wanted_places()

    def copy(self, first: Value, places: Value) -> None:
        """Copy the objects of the events from the first one on to where ``places`` says."""
        emitter = self._emitter
        offsets = emitter.at(self._offsets, emitter.builder.mul(first, number(8)))
        start = emitter.load(offsets, INT64, 8)
        rows = emitter.load(places, INT64, 8) if self._plain else places
        emitter.loop(number(TILE // _TOGETHER), self._events, [offsets, start, rows])

    def _events(self, _: Value, carried: list[Value]) -> list[Value]:
        offsets, start, rows = carried
        emitter = self._emitter
        # Rows stand in a table else: of numbers that grow by as much, LLVM would make one for each store.
        row_bytes = PLAIN_ROW_BYTES if self._plain else 8
        for event in range(_TOGETHER):
            stop = emitter.load(emitter.at(offsets, 8 * (event + 1)), INT64, 8)
            row = emitter.at(rows, row_bytes * event)
            self._event(start, stop, row if self._plain else emitter.load(row, INT64, 8))
            start = stop
        further = emitter.at(rows, row_bytes * _TOGETHER)
        return [emitter.at(offsets, 8 * _TOGETHER), start, further]

    def _event(self, start: Value, stop: Value, row: Value) -> None:
        emitter, builder = self._emitter, self._emitter.builder
        known = self._known(builder.sub(stop, start))
        for field in self._fields:
            value = emitter.load(self._source(field, start), self._kind, 2)
            if not self._plain:
                value = builder.shl(builder.ashr(value, field.down), field.up)
            kept = builder.select(known, value, ir.Constant(self._kind, None))
            emitter.store(kept, emitter.at(row, field.place), 2)

    def _source(self, field: _Field, start: Value) -> Value:
        return self._emitter.at(field.contents, self._emitter.builder.mul(start, number(2)))

    def _known(self, count: Value) -> Value:
        """Return which places of a vector hold one of so many objects."""
        builder = self._emitter.builder
        if not self._plain:
            is_below = builder.icmp_signed("<", count, self._limit)
            count = builder.select(is_below, count, self._limit)
        present = spread(builder, builder.trunc(count, INT16), self._kind)
        return builder.icmp_signed("<", self._places, present)

    def _wanted_places(self) -> Value:
        """Return the places of a vector, so high where no object is asked for that no number reaches them."""
        builder, kind = self._emitter.builder, self._kind
        places = ir.Constant(kind, [ir.Constant(INT16, place) for place in range(kind.count)])
        limit = spread(builder, builder.trunc(self._limit, INT16), kind)
        is_wanted = builder.icmp_signed("<", places, limit)
        return builder.select(is_wanted, places, constant(_CROWDED - 1, kind))


def _kind(emitter: Emitter, row: Value, first: Value) -> Value:
    """Return the kind of a pass for the tile from an event on."""
    builder = emitter.builder
    kind, offsets = (
        emitter.load(emitter.at(row, 8 * column), INT64, 8) for column in (KIND, OFFSETS)
    )
    at = emitter.at(offsets, builder.mul(first, number(8)))
    start, stop = emitter.load(at, INT64, 8), emitter.load(emitter.at(at, 8 * TILE), INT64, 8)
    crowded = builder.icmp_unsigned(">=", builder.sub(stop, start), number(_CROWDED))
    return builder.or_(kind, builder.zext(crowded, INT64))


def _emit_gather(builder: Any, first: Value, passes: Value, n_passes: Value, places: Value) -> None:
    emitter = Emitter(builder)

    def one(which: Value, _: list[Value]) -> list[Value]:
        row = emitter.at(passes, builder.mul(which, number(8 * PASS_COLUMNS)))
        after = builder.append_basic_block("gathered")
        kinds = builder.switch(_kind(emitter, row, first), after)
        for place, kind in enumerate(KINDS):
            block = builder.append_basic_block("kind")
            kinds.add_case(number(place), block)
            builder.position_at_end(block)
            _Pass(emitter, row, *kind).copy(first, places)
            builder.branch(after)
        builder.position_at_end(after)
        return []

    emitter.loop(n_passes, one)


@intrinsic
def _gather(typingctx, first, passes, n_passes, places):  # type: ignore[no-untyped-def]
    return instructions(4, _emit_gather)


@inline_kernel
def gather_tile(first: Place, passes: Place, n_passes: Place, places: Place) -> None:
    """Write the rows of a tile of events.

    Parameters
    ----------
    first
        The first event; of each event of the tile the offsets must be readable, and of every field as many
        contents from its first object on as a vector holds.
    passes, n_passes
        Address of their table, and at least one.
    places
        Address of the addresses of rows; as much as a vector holds must be writable there from any field on.
    """
    _gather(first, passes, n_passes, places)


@kernel
def places_of_rows(rows: Place, row_bytes: Place) -> NDArray[np.int64]:
    """Return the addresses of the rows of a tile."""
    places = np.empty(TILE, dtype=np.int64)
    for place in range(TILE):
        places[place] = rows + place * row_bytes
    return places


@kernel
def gather_rows(
    first: Place, last: Place, passes: Place, n_passes: Place, rows: Place, row_bytes: Place
) -> None:
    """Write the rows of events ``first`` to ``last``, and further ones to the end of the last tile; see `gather_tile`."""
    for start in range(first, last, TILE):
        places = places_of_rows(rows + (start - first) * row_bytes, row_bytes)
        gather_tile(start, passes, n_passes, np.int64(places.ctypes.data))
