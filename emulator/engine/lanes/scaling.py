"""A monotone cast of each input, on rows of 16-bit integers: what stands before the first layer.

For each input ``x = min(max(x, LOW), HIGH)``; ``y = (x << LEFT) - OFFSET``; what `Rounds` says; ``r = y >> RIGHT``;
``min(max(r & KEPT, BOTTOM), TOP)``. Where a table says that no input is shifted to the left, ``y = x - OFFSET`` is
saturated to 16 bits instead of clipped. Inputs come in chunks, as many as a vector holds; a table holds one
vector for each chunk and column. Bytes are written with signed saturation, which costs nothing; what only says
the same is left out.
"""

from __future__ import annotations

from enum import IntEnum
from functools import partial
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
from emulator.engine.lanes.read_ahead import ReadAhead
from emulator.engine.lanes.target import LANES, TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.engine.lanes.emitter import Place
    from emulator.engine.lanes.inputs import ScaleRow

LOW, HIGH, LEFT, OFFSET, BIT_SHIFT, BIT_MASK, ADD, RIGHT, KEPT, BOTTOM, TOP = range(11)
SCALE_COLUMNS = 11


class Rounds(IntEnum):
    """How a table of scales rounds.

    ``TO_EVEN``, or nothing but up or down: what is added stands in ``OFFSET``; where nothing is left of
    ``y & BIT_MASK`` it was a half before, and of the result only ``r & BIT_SHIFT`` is kept. ``BITS``:
    ``y += ADD + (y >> BIT_SHIFT & BIT_MASK)``.
    """

    TO_EVEN = 0
    BITS = 1


def rounding_of(scales: Sequence[ScaleRow]) -> Rounds:
    """Return the shortest way to round all inputs."""
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


def _shifted_to_even(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    result = builder.ashr(value, columns[RIGHT])
    below = builder.and_(value, columns[BIT_MASK])
    return emitter.cleared(result, below, builder.not_(columns[BIT_SHIFT]))


def _shifted_with_bit(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])
    value = builder.add(builder.add(value, bit), columns[ADD])
    return builder.ashr(value, columns[RIGHT])


def _moved_saturated(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    return emitter.difference_saturated(value, columns[OFFSET])


def _clipped(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    value = emitter.builder.and_(value, columns[KEPT])
    return emitter.smaller(emitter.larger(value, columns[BOTTOM]), columns[TOP])


def _saturated_bytes(emitter: Emitter, value: Value) -> Value:
    low, high = constant(-128, _HALVES), constant(127, _HALVES)
    value = emitter.smaller(emitter.larger(value, low), high)
    return emitter.builder.trunc(value, vector(INT8, CHUNK))


class _Scaler:
    """Scales the rows of a tile, one vector of each after the other.

    Everything that can be asked for is decided for each group of events, but for what is asked for most: its loops
    hold all columns that they need in registers.
    """

    def __init__(self, emitter: Emitter, arguments: Sequence[Value]) -> None:
        self._emitter, builder = emitter, emitter.builder
        (
            self._rows,
            self._row_bytes,
            self._target,
            self._table,
            n_chunks,
            to_bytes,
            rounds,
            is_saturated,
            has_clips,
            flip,
            memory,
            lines,
        ) = arguments
        self._ahead = ReadAhead(emitter, memory, lines)
        self._narrow, self._short, self._clips = (
            builder.icmp_signed("!=", each, number(0))
            for each in (to_bytes, is_saturated, has_clips)
        )
        self._with_bit = builder.icmp_signed("==", rounds, number(Rounds.BITS))
        self._flips = spread(builder, builder.trunc(flip, INT8), vector(INT8, CHUNK))
        item_bytes = builder.select(self._narrow, number(1), number(2))
        self._chunk_bytes = builder.mul(item_bytes, number(CHUNK))
        self._target_bytes = builder.mul(self._chunk_bytes, n_chunks)
        emitter.loop(n_chunks, self._chunk, self._ahead.after(number(0)))

    def _chunk(self, place: Value, lines: list[Value]) -> list[Value]:
        emitter, builder = self._emitter, self._emitter.builder
        first = emitter.at(self._table, builder.mul(place, number(SCALE_COLUMNS * VECTOR_BYTES)))
        columns = [
            emitter.load(emitter.at(first, column * VECTOR_BYTES), _HALVES, 2)
            for column in range(SCALE_COLUMNS)
        ]
        source = emitter.at(self._rows, builder.mul(place, number(VECTOR_BYTES)))
        target = emitter.at(self._target, builder.mul(place, self._chunk_bytes))
        others = builder.or_(self._clips, self._with_bit)
        plain = builder.and_(self._narrow, builder.not_(others))

        def repeat(scale: Callable[..., None]) -> list[Value]:
            def events(group: Value, lines: list[Value]) -> list[Value]:
                numbers = [
                    builder.add(builder.mul(group, number(_TOGETHER)), number(event))
                    for event in range(_TOGETHER)
                ]
                for _ in range(_LINES_TOGETHER):
                    lines = self._ahead.read(lines)
                sources = [
                    emitter.at(source, builder.mul(self._row_bytes, each)) for each in numbers
                ]
                values = [emitter.load(each, _HALVES, 1) for each in sources]
                targets = [
                    emitter.at(target, builder.mul(self._target_bytes, each)) for each in numbers
                ]
                scale(columns, values, targets)
                return lines

            return emitter.loop(number(TILE // _TOGETHER), events, lines)

        return emitter.either(
            plain,
            lambda: emitter.either(
                self._short,
                lambda: repeat(partial(self._plain, _moved_saturated)),
                lambda: repeat(partial(self._plain, _moved)),
            ),
            lambda: repeat(self._any),
        )

    def _plain(
        self,
        moved: Callable[..., Value],
        columns: list[Value],
        values: list[Value],
        targets: list[Value],
    ) -> None:
        emitter = self._emitter
        values = [moved(emitter, columns, value) for value in values]
        self._store_bytes([_shifted_to_even(emitter, columns, each) for each in values], targets)

    def _any(self, columns: list[Value], values: list[Value], targets: list[Value]) -> None:
        emitter = self._emitter

        def all_of(how: Callable[..., Value], values: list[Value]) -> list[Value]:
            return [how(emitter, columns, value) for value in values]

        moved = emitter.either(
            self._short,
            lambda: all_of(_moved_saturated, values),
            lambda: all_of(_moved, values),
        )
        shifted = emitter.either(
            self._with_bit,
            lambda: all_of(_shifted_with_bit, moved),
            lambda: all_of(_shifted_to_even, moved),
        )
        results = emitter.either(self._clips, lambda: all_of(_clipped, shifted), lambda: shifted)
        with emitter.builder.if_else(self._narrow) as (yes, no):
            with yes:
                self._store_bytes(results, targets)
            with no:
                for result, target in zip(results, targets, strict=True):
                    emitter.store(result, target, 1)

    def _store_bytes(self, results: list[Value], targets: list[Value]) -> None:
        for result, target in zip(results, targets, strict=True):
            saturated = _saturated_bytes(self._emitter, result)
            self._emitter.store(self._emitter.builder.xor(saturated, self._flips), target, 1)


def _emit_scale(builder: Any, *arguments: Value) -> None:
    _Scaler(Emitter(builder), arguments)


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
    memory,
    lines,
):
    return instructions(12, _emit_scale)


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
    memory: Place,
    lines: Place,
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
    memory, lines
        What is needed next, as `ReadAhead` takes it; `LINES_AHEAD` lines of it are read for each chunk.
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
        memory,
        lines,
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
