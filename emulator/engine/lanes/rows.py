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
from emulator.engine.lanes.layer_code import LayerCode
from emulator.engine.lanes.packing import words_of_events
from emulator.engine.lanes.read_ahead import ReadAhead
from emulator.engine.lanes.target import HAS_QUADS, LANES, ROW_BYTES, TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.engine.lanes.emitter import Place
    from emulator.engine.lanes.packing import Ending

#: Events whose addresses follow from one pointer without a register for each.
_FROM_ONE_POINTER = 4

#: Bytes of four inputs share a lane.
QUADS = 4


def _emit_rows(
    packed: int,
    builder: Any,
    row_of_layer: Value,
    numbers: Value,
    rows: Value,
    row_bytes: Value,
    target: Value,
    memory: Value,
    lines: Value,
    n_read: Value,
) -> None:
    emitter = Emitter(builder)
    layer = LayerCode(emitter, row_of_layer, numbers)
    ahead = ReadAhead(emitter, memory, lines)
    part_bytes = builder.mul(row_bytes, number(LANES))

    def block(place: Value, _: list[Value]) -> list[Value]:
        shift = builder.mul(place, number(VECTOR_BYTES))
        words = emitter.at(layer.weights, builder.mul(shift, layer.n_groups))
        start = emitter.load(emitter.at(layer.starts, shift), vector(), 4)

        def part(part_place: Value, _: list[Value]) -> list[Value]:
            source = emitter.at(rows, builder.mul(part_place, part_bytes))
            read = builder.add(n_read, builder.mul(part_place, layer.n_groups))
            given = (source, row_bytes, words, start, layer.n_groups)
            totals = _sums(emitter, packed, *given, ahead, ahead.after(read))
            results, ending = cast_sums(emitter, layer, totals)
            at = emitter.at(target, builder.mul(part_place, number(VECTOR_BYTES)))
            _store(emitter, results, ending, layer.packed_out, at, place)
            return []

        emitter.loop(number(TILE // LANES), part)
        return []

    emitter.loop(layer.n_blocks, block)


def _sums(
    emitter: Emitter,
    packed: int,
    source: Value,
    row_bytes: Value,
    words: Value,
    start: Value,
    n_groups: Value,
    ahead: ReadAhead,
    lines: list[Value],
) -> list[Value]:
    """Return the sums of `LANES` outputs for each of `LANES` events; a line is read ahead for each group."""
    builder = emitter.builder
    two, four = builder.shl(row_bytes, number(1)), builder.shl(row_bytes, number(2))
    steps = [number(0), row_bytes, two, builder.add(two, row_bytes)]
    pointers = [source]
    while len(pointers) < LANES // _FROM_ONE_POINTER:
        pointers.append(builder.add(pointers[-1], four))

    def group(_: Value, carried: list[Value]) -> list[Value]:
        lines, (word, *at), totals = carried[:2], carried[2:-LANES], carried[-LANES:]
        weight = emitter.load(word, vector(), 4)
        sums = []
        for event, total in enumerate(totals):
            pointer = builder.add(at[event // _FROM_ONE_POINTER], steps[event % _FROM_ONE_POINTER])
            inputs = emitter.spread(emitter.load(pointer, INT32, 1))
            sums.append(dot(emitter, packed, total, inputs, weight))
        following = [builder.add(pointer, number(4)) for pointer in at]
        return [*ahead.read(lines), builder.add(word, number(VECTOR_BYTES)), *following, *sums]

    found = emitter.loop(n_groups, group, [*lines, words, *pointers, *[start] * LANES])
    return found[-LANES:]


def _store(
    emitter: Emitter,
    results: list[Value],
    ending: Ending,
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
            for row, words in enumerate(words_of_events(emitter, packed, results, ending)):
                emitter.store(words, emitter.at(first, row * ROW_BYTES), VECTOR_BYTES)


def _rows(packed: int) -> Callable[..., None]:
    emit = partial(_emit_rows, packed)

    @intrinsic
    def rows(  # type: ignore[no-untyped-def]  # numba reads the names of the arguments
        typingctx, layer, numbers, rows, row_bytes, target, memory, lines, n_read
    ):
        return instructions(8, emit)

    return rows


_quads, _pairs, _words = (_rows(packed) for packed in (QUADS if HAS_QUADS else 2, 2, 1))


@inline_kernel
def run_first(
    packed: int,
    layer: Place,
    numbers: Place,
    rows: Place,
    row_bytes: Place,
    target: Place,
    memory: Place,
    lines: Place,
    n_read: Place,
) -> None:
    """Run a first layer on `TILE` rows.

    Parameters
    ----------
    packed
        Inputs in 32 bits: 4 unsigned ones of 8, 2 of 16, or one.
    layer, numbers
        Addresses of its row of the table and of the numbers of all layers.
    rows
        Address of the first row; up to three bytes behind the last one are read.
    row_bytes
        From one row to the next.
    target
        Address of the results.
    memory, lines, n_read
        What is needed next, as `ReadAhead` takes it, and how many of its lines have been read: one is read for each
        group of inputs of `LANES` events.
    """
    if packed == QUADS:
        _quads(layer, numbers, rows, row_bytes, target, memory, lines, n_read)
    elif packed == 2:
        _pairs(layer, numbers, rows, row_bytes, target, memory, lines, n_read)
    else:
        _words(layer, numbers, rows, row_bytes, target, memory, lines, n_read)
