"""A monotone cast of each input, on rows of 16-bit integers: what stands before the first layer.

Each input is moved as `Moves` says, rounded as `Rounds` says, shifted: ``r = y >> RIGHT``, and clipped where any is:
``min(max(r & KEPT, BOTTOM), TOP)``. Inputs come in chunks, as many as a vector holds; a table holds one vector for each
chunk and column. Bytes are written with signed saturation, which costs nothing; what only says the same is left out.
Two chunks are packed into one vector, where the first layer has its weights in the order that this gives: in each
block of 128 bits eight bytes of the first, eight of the second chunk.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.emitter import (
    INT8,
    INT16,
    Emitter,
    Value,
    constant,
    number,
    spread,
    vector,
)
from emulator.engine.lanes.read_ahead import ReadAhead
from emulator.engine.lanes.reading_code import ScaleCode
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
    SCALE_COLUMNS,
    TOP,
    Moves,
    Rounds,
)
from emulator.engine.lanes.shifts import shifted_to_even
from emulator.engine.lanes.target import HAS_QUADS, LANES, TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.engine.lanes.emitter import Place

    #: A vector of each column of a chunk, and what is done with them to its inputs.
    Columns = list[Value]
    Way = Callable[[Emitter, Columns, Value], Value]

#: Inputs in a vector.
CHUNK = 2 * LANES
_HALVES = vector(INT16, CHUNK)

#: Bytes of a chunk that stand together where two are packed.
PACKED_BLOCK = 8

#: Events whose instructions are interleaved.
_TOGETHER = 4

#: Lines of memory that are read ahead meanwhile: half of what is worked on, as the first layer reads the rest.
_LINES_TOGETHER = _TOGETHER // 2
LINES_AHEAD = _LINES_TOGETHER * TILE // _TOGETHER


def _clipped_move(emitter: Emitter, columns: Columns, value: Value) -> Value:
    value = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])
    return emitter.builder.sub(emitter.builder.shl(value, columns[LEFT]), columns[OFFSET])


def _saturated_move(emitter: Emitter, columns: Columns, value: Value) -> Value:
    return emitter.difference_saturated(value, columns[OFFSET])


def _saturated_move_left(emitter: Emitter, columns: Columns, value: Value) -> Value:
    value = emitter.larger(_saturated_move(emitter, columns, value), columns[LOW])
    return emitter.builder.shl(value, columns[LEFT])


def _shifted_to_even(emitter: Emitter, columns: Columns, value: Value) -> Value:
    return shifted_to_even(emitter, value, columns[BIT_MASK], columns[ADD], columns[RIGHT])


def _shifted_with_bit(emitter: Emitter, columns: Columns, value: Value) -> Value:
    builder = emitter.builder
    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])
    value = builder.add(builder.add(value, bit), columns[ADD])
    return builder.ashr(value, columns[RIGHT])


def _clipped(emitter: Emitter, columns: Columns, value: Value) -> Value:
    value = emitter.builder.and_(value, columns[KEPT])
    return emitter.smaller(emitter.larger(value, columns[BOTTOM]), columns[TOP])


def _saturated_bytes(emitter: Emitter, value: Value) -> Value:
    low, high = constant(-128, _HALVES), constant(127, _HALVES)
    value = emitter.smaller(emitter.larger(value, low), high)
    return emitter.builder.trunc(value, vector(INT8, CHUNK))


class _Scaler:
    """Scales the rows of a tile: for one or two chunks all events, then for the next.

    Everything that can be asked for is decided for each group of events, but for what is asked for most: its loops
    hold all columns that they need in registers.
    """

    def __init__(
        self, emitter: Emitter, code: ScaleCode, rows: Value, target: Value, ahead: ReadAhead
    ) -> None:
        self._emitter, self._code, self._ahead = emitter, code, ahead
        self._rows, self._target = rows, target
        builder = emitter.builder
        self._chunk_bytes = builder.select(code.to_bytes, number(CHUNK), number(2 * CHUNK))
        self._target_bytes = builder.mul(self._chunk_bytes, code.n_vectors)
        self._is_moved = {
            moves: builder.icmp_signed("==", code.moves, number(moves)) for moves in Moves
        }
        self._with_bit = builder.icmp_signed("==", code.rounds, number(Rounds.BITS))
        others = builder.or_(code.has_clips, self._is_moved[Moves.CLIPPED])
        self._is_plain = builder.and_(code.to_bytes, builder.not_(others))

    def run(self) -> None:
        """Scale pairs of chunks, then those that are left."""
        builder, code = self._emitter.builder, self._code
        lines = self._ahead.after(number(0))
        if HAS_QUADS:
            lines = self._parts(number(0), code.n_pairs, 2, lines)
        done = builder.shl(code.n_pairs, number(1))
        self._parts(done, builder.sub(code.n_vectors, done), 1, lines)

    def _parts(self, first: Value, count: Value, chunks: int, lines: list[Value]) -> list[Value]:
        """Scale so many parts of one or two chunks, if any; return where reading ahead stands."""
        builder = self._emitter.builder

        def part(place: Value, lines: list[Value]) -> list[Value]:
            chunk = builder.add(first, builder.mul(place, number(chunks)))
            return self._part(chunk, chunks, lines)

        return self._emitter.either(
            builder.icmp_signed(">", count, number(0)),
            lambda: self._emitter.loop(count, part, lines),
            lambda: lines,
        )

    def _part(self, chunk: Value, chunks: int, lines: list[Value]) -> list[Value]:
        emitter, builder, code = self._emitter, self._emitter.builder, self._code
        source = emitter.at(self._rows, builder.mul(chunk, number(VECTOR_BYTES)))
        target = emitter.at(self._target, builder.mul(chunk, self._chunk_bytes))
        # Of each value in the order in which they are loaded: all events of a chunk, then of the next.
        columns = [
            own
            for each in range(chunks)
            for own in [self._columns(builder.add(chunk, number(each)))] * _TOGETHER
        ]

        def repeat(scale: Callable[..., None]) -> list[Value]:
            def events(group: Value, lines: list[Value]) -> list[Value]:
                numbers = [
                    builder.add(builder.mul(group, number(_TOGETHER)), number(event))
                    for event in range(_TOGETHER)
                ]
                lines = self._ahead.read(lines, chunks * _LINES_TOGETHER)
                values = [
                    emitter.load(
                        emitter.at(
                            source, builder.mul(code.row_bytes, event), place * VECTOR_BYTES
                        ),
                        _HALVES,
                        1,
                    )
                    for place in range(chunks)
                    for event in numbers
                ]
                targets = [
                    emitter.at(target, builder.mul(self._target_bytes, event)) for event in numbers
                ]
                scale(columns, values, targets)
                return lines

            return emitter.loop(number(TILE // _TOGETHER), events, lines)

        return emitter.either(
            self._is_plain,
            lambda: emitter.either(
                self._is_moved[Moves.SATURATED],
                lambda: repeat(partial(self._plain, _saturated_move)),
                lambda: repeat(partial(self._plain, _saturated_move_left)),
            ),
            lambda: repeat(self._any),
        )

    def _columns(self, chunk: Value) -> list[Value]:
        emitter = self._emitter
        chunk_bytes = number(SCALE_COLUMNS * VECTOR_BYTES)
        first = emitter.at(self._code.table, emitter.builder.mul(chunk, chunk_bytes))
        return [
            emitter.load(emitter.at(first, column * VECTOR_BYTES), _HALVES, 2)
            for column in range(SCALE_COLUMNS)
        ]

    def _all(self, way: Way, columns: list[Columns], values: list[Value]) -> list[Value]:
        return [way(self._emitter, own, value) for own, value in zip(columns, values, strict=True)]

    def _plain(
        self, move: Way, columns: list[Columns], values: list[Value], targets: list[Value]
    ) -> None:
        moved = self._all(move, columns, values)
        self._store_bytes(self._all(_shifted_to_even, columns, moved), targets)

    def _any(self, columns: list[Columns], values: list[Value], targets: list[Value]) -> None:
        emitter, all_of = self._emitter, self._all
        moved = emitter.either(
            self._is_moved[Moves.CLIPPED],
            lambda: all_of(_clipped_move, columns, values),
            lambda: emitter.either(
                self._is_moved[Moves.SATURATED],
                lambda: all_of(_saturated_move, columns, values),
                lambda: all_of(_saturated_move_left, columns, values),
            ),
        )
        shifted = emitter.either(
            self._with_bit,
            lambda: all_of(_shifted_with_bit, columns, moved),
            lambda: all_of(_shifted_to_even, columns, moved),
        )
        results = emitter.either(
            self._code.has_clips, lambda: all_of(_clipped, columns, shifted), lambda: shifted
        )
        if len(results) > len(targets):  # pairs are always bytes
            self._store_bytes(results, targets)
            return
        with emitter.builder.if_else(self._code.to_bytes) as (yes, no):
            with yes:
                self._store_bytes(results, targets)
            with no:
                for result, target in zip(results, targets, strict=True):
                    emitter.store(result, target, 1)

    def _store_bytes(self, results: list[Value], targets: list[Value]) -> None:
        """Write bytes: each event's own, or those of the first and the second chunk packed."""
        emitter, builder = self._emitter, self._emitter.builder
        if len(results) > len(targets):
            firsts, seconds = results[: len(targets)], results[len(targets) :]
            octets = [
                emitter.signed_bytes_saturated(first, second)
                for first, second in zip(firsts, seconds, strict=True)
            ]
        else:
            octets = [_saturated_bytes(emitter, result) for result in results]
        flips = spread(builder, self._code.flip, octets[0].type)
        for each, target in zip(octets, targets, strict=True):
            emitter.store(builder.xor(each, flips), target, 1)


def _emit_scale(
    builder: Any,
    reading: Value,
    numbers: Value,
    rows: Value,
    target: Value,
    memory: Value,
    lines: Value,
) -> None:
    emitter = Emitter(builder)
    code, ahead = ScaleCode(emitter, reading, numbers), ReadAhead(emitter, memory, lines)
    _Scaler(emitter, code, rows, target, ahead).run()


@intrinsic
def _scale(typingctx, reading, numbers, rows, target, memory, lines):  # type: ignore[no-untyped-def]
    return instructions(6, _emit_scale)


@inline_kernel
def scale_rows(
    reading: Place, numbers: Place, rows: Place, target: Place, memory: Place, lines: Place
) -> None:
    """Cast `TILE` rows of 16-bit inputs.

    Parameters
    ----------
    reading, numbers
        Addresses of how rows are read, see `ScaleCode`, and of the numbers of all layers, the table among them.
    rows, target
        Addresses. Each row is read in whole vectors, also beyond its end, and written as many times `CHUNK` results.
    memory, lines
        What is needed next, as `ReadAhead` takes it; `LINES_AHEAD` lines of it are read for each chunk.
    """
    _scale(reading, numbers, rows, target, memory, lines)
