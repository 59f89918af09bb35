"""The first layer: events are read as they stand in memory, and outputs are the lanes.

A word of inputs of one event is read into all lanes and multiplied with the weights of as many outputs: rows
need not be transposed, only the fewer results of `LANES` events are. Weights are read as one 32-bit word
for each group of inputs and each output, in blocks of `LANES` outputs: word ``(block * n_groups + group) *
LANES + output``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.cast_code import cast_sums
from emulator.engine.lanes.dots import dot
from emulator.engine.lanes.emitter import INT32, Emitter, Value, number, vector
from emulator.engine.lanes.packing import words_of_events
from emulator.engine.lanes.target import HAS_QUADS, LANES, LINE_BYTES, ROW_BYTES, TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.engine.lanes.emitter import Place
    from emulator.engine.lanes.packing import Clip

#: Events whose addresses follow from one pointer without a register for each.
_FROM_ONE_POINTER = 4


def _emit_rows(
    packed: int,
    builder: Any,
    rows: Value,
    row_bytes: Value,
    weights: Value,
    starts: Value,
    target: Value,
    n_groups: Value,
    n_blocks: Value,
    packed_out: Value,
    n_casts: Value,
    casts: Value,
    base: Value,
    ahead: Value,
) -> None:
    emitter = Emitter(builder)
    below = emitter.spread(builder.trunc(base, INT32))
    part_bytes = builder.mul(row_bytes, number(LANES))

    def block(place: Value, _: list[Value]) -> list[Value]:
        shift = builder.mul(place, number(VECTOR_BYTES))
        words = emitter.at(weights, builder.mul(shift, n_groups))
        start = emitter.load(emitter.at(starts, shift), vector(), 4)

        def part(part_place: Value, _: list[Value]) -> list[Value]:
            source = emitter.at(rows, builder.mul(part_place, part_bytes))
            line_bytes = builder.mul(n_groups, number(LINE_BYTES))
            lines = emitter.at(ahead, builder.mul(part_place, line_bytes))
            totals = _sums(emitter, packed, source, row_bytes, words, start, n_groups, lines)
            results, clip = cast_sums(emitter, n_casts, casts, below, totals)
            at = emitter.at(target, builder.mul(part_place, number(VECTOR_BYTES)))
            _store(emitter, results, clip, packed_out, at, place)
            return []

        emitter.loop(number(TILE // LANES), part)
        return []

    emitter.loop(n_blocks, block)


def _sums(
    emitter: Emitter,
    packed: int,
    source: Value,
    row_bytes: Value,
    words: Value,
    start: Value,
    n_groups: Value,
    lines: Value,
) -> list[Value]:
    """Return the sums of `LANES` outputs for each of `LANES` events."""
    builder = emitter.builder
    two, four = builder.shl(row_bytes, number(1)), builder.shl(row_bytes, number(2))
    steps = [number(0), row_bytes, two, builder.add(two, row_bytes)]
    pointers = [source]
    while len(pointers) < LANES // _FROM_ONE_POINTER:
        pointers.append(builder.add(pointers[-1], four))

    def group(place: Value, carried: list[Value]) -> list[Value]:
        # One line for each group reads about as much as is used.
        emitter.prefetch(builder.add(lines, builder.mul(place, number(LINE_BYTES))))
        word, at, totals = carried[0], carried[1 : 1 + len(pointers)], carried[1 + len(pointers) :]
        weight = emitter.load(word, vector(), 4)
        sums = []
        for event, total in enumerate(totals):
            pointer = builder.add(at[event // _FROM_ONE_POINTER], steps[event % _FROM_ONE_POINTER])
            inputs = emitter.spread(emitter.load(pointer, INT32, 1))
            sums.append(dot(emitter, packed, total, inputs, weight))
        following = [builder.add(pointer, number(4)) for pointer in at]
        return [builder.add(word, number(VECTOR_BYTES)), *following, *sums]

    found = emitter.loop(n_groups, group, [words, *pointers, *[start] * LANES])
    return found[1 + len(pointers) :]


def _store(
    emitter: Emitter,
    results: list[Value],
    clip: Clip,
    packed_out: Value,
    target: Value,
    block: Value,
) -> None:
    """Write the results of `LANES` events in the form that the next layer reads."""
    builder = emitter.builder
    for packed in (1, 2, 4) if HAS_QUADS else (1, 2):
        with builder.if_then(builder.icmp_signed("==", packed_out, number(packed))):
            block_bytes = number(LANES // packed * ROW_BYTES)
            first = emitter.at(target, builder.mul(block, block_bytes))
            for row, words in enumerate(words_of_events(emitter, packed, results, clip)):
                emitter.store(words, emitter.at(first, row * ROW_BYTES), VECTOR_BYTES)


def _rows(packed: int) -> Callable[..., None]:
    emit = partial(_emit_rows, packed)

    @intrinsic
    def rows(  # type: ignore[no-untyped-def]  # numba reads the names of the arguments
        typingctx,
        rows,
        row_bytes,
        weights,
        starts,
        target,
        n_groups,
        n_blocks,
        packed_out,
        n_casts,
        casts,
        base,
        ahead,
    ):
        return instructions(12, emit)

    return rows


_quads, _pairs, _words = (_rows(packed) for packed in (4 if HAS_QUADS else 2, 2, 1))


@inline_kernel
def first_quads(
    rows: Place,
    row_bytes: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
    ahead: Place,
) -> None:
    """Run a first layer whose inputs are unsigned 8-bit integers on `TILE` rows.

    Parameters
    ----------
    rows
        Address of the first row; up to three bytes behind the last one are read.
    row_bytes
        From one row to the next.
    weights, starts, target, n_groups, n_blocks, packed_out, n_casts, casts, base
        As `dots.dense_quads` takes them, in blocks of `LANES` outputs.
    ahead
        Address of what is needed next: a line of it is read for each group and `LANES` events.
    """
    _quads(
        rows,
        row_bytes,
        weights,
        starts,
        target,
        n_groups,
        n_blocks,
        packed_out,
        n_casts,
        casts,
        base,
        ahead,
    )


@inline_kernel
def first_pairs(
    rows: Place,
    row_bytes: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
    ahead: Place,
) -> None:
    """Run a first layer whose inputs are 16-bit integers on `TILE` rows; see `first_quads`."""
    _pairs(
        rows,
        row_bytes,
        weights,
        starts,
        target,
        n_groups,
        n_blocks,
        packed_out,
        n_casts,
        casts,
        base,
        ahead,
    )


@inline_kernel
def first_words(
    rows: Place,
    row_bytes: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
    ahead: Place,
) -> None:
    """Run a first layer whose inputs are 32-bit integers on `TILE` rows; see `first_quads`."""
    _words(
        rows,
        row_bytes,
        weights,
        starts,
        target,
        n_groups,
        n_blocks,
        packed_out,
        n_casts,
        casts,
        base,
        ahead,
    )
