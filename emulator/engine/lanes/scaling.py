"""A monotone cast of each input, on rows of 16-bit integers: what stands before the first layer.

For each input ``x = min(max(x, LOW), HIGH)``; ``y = (x << LEFT) - OFFSET``;
``r = (y + ADD + (y >> BIT_SHIFT & BIT_MASK)) >> RIGHT & KEPT``; ``min(max(r, BOTTOM), TOP)``. Inputs come
in chunks, as many as a vector holds; a table holds one vector for each chunk and column. Bytes are
written with signed saturation, which costs nothing; what only says the same is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.emitter import (
    INT8,
    INT16,
    Emitter,
    Value,
    constant,
    number,
    vector,
)
from emulator.engine.lanes.target import LANES, TILE, VECTOR_BYTES
from emulator.jit import instructions, intrinsic, kernel

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Place

LOW, HIGH, LEFT, OFFSET, BIT_SHIFT, BIT_MASK, ADD, RIGHT, KEPT, BOTTOM, TOP = range(11)
SCALE_COLUMNS = 11

#: Inputs in a vector.
CHUNK = 2 * LANES
_HALVES = vector(INT16, CHUNK)

#: Events whose instructions are interleaved.
_TOGETHER = 4


def _moved(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    value = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])
    return emitter.builder.sub(emitter.builder.shl(value, columns[LEFT]), columns[OFFSET])


def _rounded(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])
    return builder.add(value, bit)


def _clipped(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    value = emitter.builder.and_(value, columns[KEPT])
    return emitter.smaller(emitter.larger(value, columns[BOTTOM]), columns[TOP])


def _saturated_bytes(emitter: Emitter, value: Value) -> Value:
    low, high = constant(-128, _HALVES), constant(127, _HALVES)
    value = emitter.smaller(emitter.larger(value, low), high)
    return emitter.builder.trunc(value, vector(INT8, CHUNK))


def _emit_scale(
    builder: Any,
    rows: Value,
    row_bytes: Value,
    target: Value,
    table: Value,
    n_chunks: Value,
    to_bytes: Value,
    has_bits: Value,
    has_clips: Value,
) -> None:
    emitter = Emitter(builder)
    narrow = builder.icmp_signed("!=", to_bytes, number(0))
    bits = builder.icmp_signed("!=", has_bits, number(0))
    clips = builder.icmp_signed("!=", has_clips, number(0))
    item_bytes = builder.select(narrow, number(1), number(2))
    chunk_bytes = builder.mul(item_bytes, number(CHUNK))
    target_bytes = builder.mul(chunk_bytes, n_chunks)

    def chunk(place: Value, _: list[Value]) -> list[Value]:
        first = emitter.at(table, builder.mul(place, number(SCALE_COLUMNS * VECTOR_BYTES)))
        columns = [
            emitter.load(emitter.at(first, column * VECTOR_BYTES), _HALVES, 2)
            for column in range(SCALE_COLUMNS)
        ]
        source = emitter.at(rows, builder.mul(place, number(VECTOR_BYTES)))
        results = emitter.at(target, builder.mul(place, chunk_bytes))

        def events(group: Value, _: list[Value]) -> list[Value]:
            numbers = [
                builder.add(builder.mul(group, number(_TOGETHER)), number(event))
                for event in range(_TOGETHER)
            ]
            values = [
                emitter.load(emitter.at(source, builder.mul(row_bytes, event)), _HALVES, 1)
                for event in numbers
            ]
            values = [_moved(emitter, columns, value) for value in values]
            values = emitter.either(
                bits,
                lambda: [_rounded(emitter, columns, value) for value in values],
                lambda: values,
            )
            values = [
                builder.ashr(builder.add(value, columns[ADD]), columns[RIGHT]) for value in values
            ]
            values = emitter.either(
                clips,
                lambda: [_clipped(emitter, columns, value) for value in values],
                lambda: values,
            )
            places = [emitter.at(results, builder.mul(target_bytes, event)) for event in numbers]
            with builder.if_else(narrow) as (yes, no):
                with yes:
                    for value, at in zip(values, places, strict=True):
                        emitter.store(_saturated_bytes(emitter, value), at, 1)
                with no:
                    for value, at in zip(values, places, strict=True):
                        emitter.store(value, at, 1)
            return []

        emitter.loop(number(TILE // _TOGETHER), events)
        return []

    emitter.loop(n_chunks, chunk)


@intrinsic
def _scale(typingctx, rows, row_bytes, target, table, n_chunks, to_bytes, has_bits, has_clips):  # type: ignore[no-untyped-def]
    return instructions(8, _emit_scale)


@kernel
def scale_rows(
    rows: Place,
    row_bytes: Place,
    target: Place,
    table: Place,
    n_chunks: Place,
    to_bytes: Place,
    has_bits: Place,
    has_clips: Place,
) -> None:
    """Cast `TILE` rows of 16-bit inputs.

    Parameters
    ----------
    rows, target, table
        Addresses. Each row is read in ``n_chunks`` vectors, also beyond its end, and written as many
        times `CHUNK` results.
    to_bytes
        Whether results are written as bytes, else as 16-bit integers.
    has_bits
        Whether any input needs ``BIT_MASK``.
    has_clips
        Whether any input needs ``KEPT``, or ``BOTTOM`` and ``TOP`` where saturation does not say it.
    """
    _scale(rows, row_bytes, target, table, n_chunks, to_bytes, has_bits, has_clips)
