"""Jagged contents into rows, collection after collection: the first objects of each event, zeros beyond.

Vectors are copied whole and what lies beyond the objects of an event becomes zero, so that nothing
branches on how many there are. Fields stand in a row from left to right in the order in which they are
written: what a vector writes beyond its field is overwritten by the next one, and beyond the last field
there is room in the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from emulator.engine.lanes.emitter import INT16, INT64, Emitter, Value, number, spread
from emulator.jit import instructions, intrinsic, kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.lanes.emitter import Place

#: Objects that the two kinds of vectors hold; contents are read and rows written as far beyond the
#: first object of an event.
FEW_OBJECTS, OBJECTS = 8, 16

#: Fields of a collection that are copied together, at most.
FIELDS_TOGETHER = 3

#: Columns of a pass over all events, 64-bit integers: address of the offsets of a collection, number of
#: its fields, of how many objects, objects in a vector, whether any field is shifted.
OFFSETS, N_FIELDS, LIMIT, IN_VECTOR, IS_SHIFTED = range(5)
PASS_COLUMNS = 5

#: Columns of a field: address of its contents, from which place of a row in bytes, shifted right and
#: then left by how many bits. Fields stand in the order of the passes.
CONTENTS, PLACE, DOWN, UP = range(4)
FIELD_COLUMNS = 4


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


def _copy_fields(
    emitter: Emitter,
    fields: Sequence[_Field],
    kind: Any,
    first_offset: Value,
    limit: Value,
    is_shifted: Value,
    n_events: Value,
    target: Value,
    row_bytes: Value,
) -> None:
    """Copy the same objects of a few fields, event after event."""
    builder = emitter.builder
    places = ir.Constant(kind, [ir.Constant(INT16, place) for place in range(kind.count)])
    zero = ir.Constant(kind, None)

    def event(place: Value, carried: list[Value]) -> list[Value]:
        start, row = carried
        stop = emitter.load(
            emitter.at(first_offset, builder.mul(place, number(8)), number(8)), INT64, 8
        )
        count = builder.sub(stop, start)
        present = builder.select(builder.icmp_signed("<", count, limit), count, limit)
        known = builder.icmp_signed(
            "<", places, spread(builder, builder.trunc(present, INT16), kind)
        )
        skip = builder.mul(start, number(2))
        values = [emitter.load(emitter.at(field.contents, skip), kind, 2) for field in fields]
        values = emitter.either(
            is_shifted,
            lambda: [
                builder.shl(builder.ashr(value, field.down), field.up)
                for value, field in zip(values, fields, strict=True)
            ],
            lambda: values,
        )
        for value, field in zip(values, fields, strict=True):
            kept = builder.select(known, value, zero)
            emitter.store(kept, emitter.at(row, field.place), 2)
        return [stop, builder.add(row, row_bytes)]

    emitter.loop(n_events, event, [emitter.load(first_offset, INT64, 8), target])


def _emit_gather(
    builder: Any,
    first: Value,
    n_events: Value,
    passes: Value,
    n_passes: Value,
    fields: Value,
    target: Value,
    row_bytes: Value,
) -> None:
    emitter = Emitter(builder)

    def one(which: Value, carried: list[Value]) -> list[Value]:
        (field_row,) = carried
        columns = emitter.at(passes, builder.mul(which, number(8 * PASS_COLUMNS)))
        offsets, n_fields, limit, in_vector, is_shifted = (
            emitter.load(emitter.at(columns, 8 * column), INT64, 8)
            for column in (OFFSETS, N_FIELDS, LIMIT, IN_VECTOR, IS_SHIFTED)
        )
        first_offset = emitter.at(offsets, builder.mul(first, number(8)))
        shifted = builder.icmp_signed("!=", is_shifted, number(0))
        for size in (FEW_OBJECTS, OBJECTS):
            kind = ir.VectorType(INT16, size)
            for count in range(1, FIELDS_TOGETHER + 1):
                here = builder.and_(
                    builder.icmp_signed("==", in_vector, number(size)),
                    builder.icmp_signed("==", n_fields, number(count)),
                )
                with builder.if_then(here):
                    rows = [emitter.at(field_row, 8 * FIELD_COLUMNS * i) for i in range(count)]
                    _copy_fields(
                        emitter,
                        [_Field(emitter, row, kind) for row in rows],
                        kind,
                        first_offset,
                        limit,
                        shifted,
                        n_events,
                        target,
                        row_bytes,
                    )
        return [emitter.at(field_row, builder.mul(n_fields, number(8 * FIELD_COLUMNS)))]

    emitter.loop(n_passes, one, [fields])


@intrinsic
def _gather(typingctx, first, n_events, passes, n_passes, fields, target, row_bytes):  # type: ignore[no-untyped-def]
    return instructions(7, _emit_gather)


@kernel
def gather_rows(
    first: Place,
    n_events: Place,
    passes: Place,
    n_passes: Place,
    fields: Place,
    target: Place,
    row_bytes: Place,
) -> None:
    """Write the rows of at least one event, in at least one pass.

    Parameters
    ----------
    first
        The first event.
    passes, fields, target
        Addresses of the two tables and of the rows. Of every field, as many contents as a vector holds
        must be readable from the first object of each event on, and as much be writable in a row.
    """
    _gather(first, n_events, passes, n_passes, fields, target, row_bytes)
