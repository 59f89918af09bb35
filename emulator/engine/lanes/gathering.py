"""Jagged contents into rows, field after field: the first objects of each event, zeros beyond.

Vectors are copied whole and what lies beyond the objects of an event becomes zero, so that nothing
branches on how many there are. A row is written from left to right: what a vector writes beyond its
field is overwritten by the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from emulator.engine.lanes.emitter import INT16, INT64, Emitter, Value, number
from emulator.jit import instructions, intrinsic, kernel

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Place

#: Objects that one vector holds; contents are read so far beyond the first object of an event.
OBJECTS = 16

#: Columns of a collection: address of its offsets, number of its fields; 64-bit integers.
OFFSETS, N_FIELDS = range(2)
COLLECTION_COLUMNS = 2

#: Columns of a field: address of its contents, of how many objects, from which place of a row in bytes,
#: shifted right and then left by how many bits. Fields stand in the order of their collections and of
#: a row.
CONTENTS, LIMIT, PLACE, DOWN, UP = range(5)
FIELD_COLUMNS = 5

_OBJECTS = ir.VectorType(INT16, OBJECTS)


def _spread(builder: Any, scalar: Value) -> Value:
    undefined = ir.Constant(_OBJECTS, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), OBJECTS), [0] * OBJECTS)
    return builder.shuffle_vector(first, undefined, zeros)


def _emit_gather(
    builder: Any,
    first: Value,
    n_events: Value,
    collections: Value,
    n_collections: Value,
    fields: Value,
    target: Value,
    row_bytes: Value,
) -> None:
    emitter = Emitter(builder)
    places = ir.Constant(_OBJECTS, [ir.Constant(INT16, place) for place in range(OBJECTS)])
    zero = ir.Constant(_OBJECTS, None)

    def word(address: Value, column: int) -> Value:
        return emitter.load(emitter.at(address, 8 * column), INT64, 8)

    def event(place: Value, _: list[Value]) -> list[Value]:
        row = emitter.at(target, builder.mul(place, row_bytes))
        at = builder.mul(builder.add(first, place), number(8))

        def collection(which: Value, carried: list[Value]) -> list[Value]:
            (field_row,) = carried
            columns = emitter.at(collections, builder.mul(which, number(8 * COLLECTION_COLUMNS)))
            offsets = emitter.at(word(columns, OFFSETS), at)
            start, stop = word(offsets, 0), word(offsets, 1)
            count, skip = builder.sub(stop, start), builder.mul(start, number(2))
            n_fields = word(columns, N_FIELDS)

            def field(which_field: Value, _: list[Value]) -> list[Value]:
                columns = emitter.at(field_row, builder.mul(which_field, number(8 * FIELD_COLUMNS)))
                limit = word(columns, LIMIT)
                present = builder.select(builder.icmp_signed("<", count, limit), count, limit)
                values = emitter.load(emitter.at(word(columns, CONTENTS), skip), _OBJECTS, 2)
                down, up = (
                    _spread(builder, builder.trunc(word(columns, column), INT16))
                    for column in (DOWN, UP)
                )
                known = builder.icmp_signed(
                    "<", places, _spread(builder, builder.trunc(present, INT16))
                )
                values = builder.shl(builder.ashr(values, down), up)
                values = builder.select(known, values, zero)
                emitter.store(values, emitter.at(row, word(columns, PLACE)), 2)
                return []

            emitter.loop(n_fields, field)
            return [emitter.at(field_row, builder.mul(n_fields, number(8 * FIELD_COLUMNS)))]

        emitter.loop(n_collections, collection, [fields])
        return []

    emitter.loop(n_events, event)


@intrinsic
def _gather(typingctx, first, n_events, collections, n_collections, fields, target, row_bytes):  # type: ignore[no-untyped-def]
    return instructions(7, _emit_gather)


@kernel
def gather_rows(
    first: Place,
    n_events: Place,
    collections: Place,
    n_collections: Place,
    fields: Place,
    target: Place,
    row_bytes: Place,
) -> None:
    """Write the rows of at least one event.

    Parameters
    ----------
    first
        The first event.
    collections, fields, target
        Addresses of the two tables and of the rows. Of every field, `OBJECTS` contents from the first
        object of each event on must be readable, and as much writable beyond the last row.
    """
    _gather(first, n_events, collections, n_collections, fields, target, row_bytes)
