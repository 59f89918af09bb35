"""A monotone cast of each input, on rows of 16-bit integers: what stands before the first layer.

For each input ``x = min(max(x, LOW), HIGH)``; ``y = (x << LEFT) - OFFSET``; what `Rounds` says; ``r = y >> RIGHT``;
``min(max(r & KEPT, BOTTOM), TOP)``. Where a table says that no input is shifted to the left, ``y = x - OFFSET`` is
saturated to 16 bits instead of clipped. Inputs come in chunks, as many as a vector holds; a table holds one
vector for each chunk and column. Bytes are written with signed saturation, which costs nothing; what only says
the same is left out.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.emitter import (
    INT8,
    INT16,
    INT32,
    Emitter,
    Value,
    constant,
    number,
    spread,
    vector,
)
from emulator.engine.lanes.target import LANES, LINE_BYTES, TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.engine.lanes.emitter import Place
    from emulator.engine.lanes.inputs import ScaleRow

LOW, HIGH, LEFT, OFFSET, BIT_SHIFT, BIT_MASK, ADD, RIGHT, KEPT, BOTTOM, TOP = range(11)
SCALE_COLUMNS = 11


class Rounds(IntEnum):
    """How a table of scales rounds.

    ``UP``: what is added stands in ``OFFSET``. ``TO_EVEN``: a half stands there, too; where nothing is left of
    ``y & BIT_MASK`` it was a half before, and of the result only ``r & BIT_SHIFT`` is kept. ``BITS``:
    ``y += ADD + (y >> BIT_SHIFT & BIT_MASK)``.
    """

    UP = 0
    TO_EVEN = 1
    BITS = 2


def rounding_of(scales: Sequence[ScaleRow]) -> Rounds:
    """Return the shortest way to round all inputs."""
    if not any(scale.bit_mask for scale in scales):
        return Rounds.UP
    if all(scale.bit_mask == 0 or scale.rounds_to_even for scale in scales):
        return Rounds.TO_EVEN
    return Rounds.BITS


def columns_of(scale: ScaleRow, rounds: Rounds) -> tuple[int, ...]:
    """Return the columns of an input in a table that rounds so."""
    if rounds is Rounds.BITS:
        return scale.columns
    columns = list(scale.columns)
    offset = scale.offset - scale.add - scale.bit_mask
    # A half was added to numbers whose last bits are the same for all; those that drop must be zero.
    below, left = scale.below_the_half if scale.bit_mask else 0, min(scale.left, scale.right)
    can_be_half = below and not -offset & below & (1 << left) - 1
    columns[LEFT], columns[RIGHT] = scale.left - left, scale.right - left
    columns[OFFSET], columns[ADD] = -(-offset >> left), 0
    columns[BIT_MASK] = below >> left if can_be_half else -1
    columns[BIT_SHIFT] = -2 if can_be_half else -1
    return tuple(columns)


def saturates(columns: Sequence[int]) -> bool:
    """Whether saturated ``x - OFFSET``, shifted to the right, is right where bytes saturate, for all ``x``."""
    return columns[LEFT] == 0 and columns[RIGHT] <= 8 and -(2**15) <= columns[OFFSET] < 2**15


#: Inputs in a vector.
CHUNK = 2 * LANES
_HALVES = vector(INT16, CHUNK)

#: Events whose instructions are interleaved.
_TOGETHER = 4

#: Lines of memory that are read ahead meanwhile: half of what is worked on, as the first layer reads the rest.
_LINES_TOGETHER = _TOGETHER // 2
LINES_AHEAD = _LINES_TOGETHER * TILE // _TOGETHER


def _moved(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    value = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])
    return emitter.builder.sub(emitter.builder.shl(value, columns[LEFT]), columns[OFFSET])


def _shifted(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    return emitter.builder.ashr(value, columns[RIGHT])


def _shifted_to_even(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    result = builder.ashr(value, columns[RIGHT])
    below = builder.and_(value, columns[BIT_MASK])
    was_half = builder.icmp_signed("==", below, constant(0, _HALVES))
    return builder.select(was_half, builder.and_(result, columns[BIT_SHIFT]), result)


def _shifted_with_bit(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])
    value = builder.add(builder.add(value, bit), columns[ADD])
    return builder.ashr(value, columns[RIGHT])


def _moved_saturated(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    return emitter.difference_saturated(value, columns[OFFSET])


def _rounded(
    emitter: Emitter, columns: list[Value], values: list[Value], rounds: Value
) -> list[Value]:
    builder = emitter.builder
    up = builder.icmp_signed("==", rounds, number(Rounds.UP))
    to_even = builder.icmp_signed("==", rounds, number(Rounds.TO_EVEN))

    def shifted(how: Callable[..., Value]) -> list[Value]:
        return [how(emitter, columns, value) for value in values]

    return emitter.either(
        up,
        lambda: shifted(_shifted),
        lambda: emitter.either(
            to_even, lambda: shifted(_shifted_to_even), lambda: shifted(_shifted_with_bit)
        ),
    )


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
    rounds: Value,
    is_saturated: Value,
    has_clips: Value,
    flip: Value,
    ahead: Value,
) -> None:
    emitter = Emitter(builder)
    narrow = builder.icmp_signed("!=", to_bytes, number(0))
    short = builder.icmp_signed("!=", is_saturated, number(0))
    flips = spread(builder, builder.trunc(flip, INT8), vector(INT8, CHUNK))
    clips = builder.icmp_signed("!=", has_clips, number(0))
    item_bytes = builder.select(narrow, number(1), number(2))
    chunk_bytes = builder.mul(item_bytes, number(CHUNK))
    target_bytes = builder.mul(chunk_bytes, n_chunks)

    def chunk(place: Value, carried: list[Value]) -> list[Value]:
        first = emitter.at(table, builder.mul(place, number(SCALE_COLUMNS * VECTOR_BYTES)))
        columns = [
            emitter.load(emitter.at(first, column * VECTOR_BYTES), _HALVES, 2)
            for column in range(SCALE_COLUMNS)
        ]
        source = emitter.at(rows, builder.mul(place, number(VECTOR_BYTES)))
        results = emitter.at(target, builder.mul(place, chunk_bytes))

        def events(group: Value, carried: list[Value]) -> list[Value]:
            (lines,) = carried
            numbers = [
                builder.add(builder.mul(group, number(_TOGETHER)), number(event))
                for event in range(_TOGETHER)
            ]
            sources = [emitter.at(source, builder.mul(row_bytes, event)) for event in numbers]
            values = [emitter.load(each, _HALVES, 1) for each in sources]
            for line in range(_LINES_TOGETHER):
                emitter.prefetch(emitter.at(lines, line * LINE_BYTES))
            values = emitter.either(
                short,
                lambda: [_moved_saturated(emitter, columns, value) for value in values],
                lambda: [_moved(emitter, columns, value) for value in values],
            )
            values = _rounded(emitter, columns, values, rounds)
            values = emitter.either(
                clips,
                lambda: [_clipped(emitter, columns, value) for value in values],
                lambda: values,
            )
            places = [emitter.at(results, builder.mul(target_bytes, event)) for event in numbers]
            with builder.if_else(narrow) as (yes, no):
                with yes:
                    for value, at in zip(values, places, strict=True):
                        saturated = _saturated_bytes(emitter, value)
                        emitter.store(builder.xor(saturated, flips), at, 1)
                with no:
                    for value, at in zip(values, places, strict=True):
                        emitter.store(value, at, 1)
            return [emitter.at(lines, _LINES_TOGETHER * LINE_BYTES)]

        return emitter.loop(number(TILE // _TOGETHER), events, carried)

    emitter.loop(n_chunks, chunk, [ahead])


@intrinsic
def _scale(  # type: ignore[no-untyped-def]  # numba reads the names of the arguments
    typingctx,
    rows,
    row_bytes,
    target,
    table,
    n_chunks,
    to_bytes,
    rounds,
    is_saturated,
    has_clips,
    flip,
    ahead,
):
    return instructions(11, _emit_scale)


@inline_kernel
def scale_rows(
    rows: Place,
    row_bytes: Place,
    target: Place,
    table: Place,
    n_chunks: Place,
    to_bytes: Place,
    rounds: Place,
    is_saturated: Place,
    has_clips: Place,
    flip: Place,
    ahead: Place,
) -> None:
    """Cast `TILE` rows of 16-bit inputs.

    Parameters
    ----------
    rows, target, table
        Addresses. Each row is read in ``n_chunks`` vectors, also beyond its end, and written as many
        times `CHUNK` results.
    to_bytes
        Whether results are written as bytes, else as 16-bit integers.
    rounds
        One of `Rounds`.
    is_saturated
        Whether all inputs are moved by saturated differences; see `saturates`.
    has_clips
        Whether any input needs ``KEPT``, or ``BOTTOM`` and ``TOP`` where saturation does not say it.
    flip
        Bits that are inverted in every byte of a result.
    ahead
        Address of what is needed next; `LINES_AHEAD` lines of it are read for each chunk.
    """
    _scale(
        rows,
        row_bytes,
        target,
        table,
        n_chunks,
        to_bytes,
        rounds,
        is_saturated,
        has_clips,
        flip,
        ahead,
    )


def _emit_flip(
    builder: Any, rows: Value, row_bytes: Value, target: Value, n_vectors: Value, flip: Value
) -> None:
    emitter = Emitter(builder)
    flips = emitter.spread(builder.trunc(flip, INT32))
    target_bytes = builder.mul(n_vectors, number(VECTOR_BYTES))

    def one(place: Value, _: list[Value]) -> list[Value]:
        shift = builder.mul(place, number(VECTOR_BYTES))

        def events(_: Value, carried: list[Value]) -> list[Value]:
            source, to = carried
            for _event in range(_TOGETHER):
                word = emitter.load(source, vector(), 1)
                emitter.store(builder.xor(word, flips), to, VECTOR_BYTES)
                source, to = builder.add(source, row_bytes), builder.add(to, target_bytes)
            return [source, to]

        first = [emitter.at(rows, shift), emitter.at(target, shift)]
        emitter.loop(number(TILE // _TOGETHER), events, first)
        return []

    emitter.loop(n_vectors, one)


@intrinsic
def _flip(typingctx, rows, row_bytes, target, n_vectors, flip):  # type: ignore[no-untyped-def]
    return instructions(5, _emit_flip)


@inline_kernel
def flip_rows(rows: Place, row_bytes: Place, target: Place, n_vectors: Place, flip: Place) -> None:
    """Invert bits of `TILE` rows of bytes.

    Parameters
    ----------
    rows, target
        Addresses; the target begins a vector. Each row is read in ``n_vectors`` vectors, also beyond its end.
    flip
        Bits that are inverted in every word: signed bytes become unsigned by 0x80808080.
    """
    _flip(rows, row_bytes, target, n_vectors, flip)
