"""Sums of products of a dense layer on a tile, and the casts of their results.

A tile's row holds one 32-bit lane for each event. A lane packs four 8-bit, two 16-bit or one 32-bit
integer: as many inputs of one event. All sums are computed modulo 2**32; the chain's proof says that
this is exact.

Weights are read as one 32-bit word for each group of inputs and each output, in blocks of `OUTPUTS`
outputs: word ``(block * n_groups + group) * OUTPUTS + output``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.cast_code import cast_sums
from emulator.engine.lanes.emitter import (
    INT8,
    INT16,
    INT32,
    Emitter,
    Value,
    number,
    vector,
)
from emulator.engine.lanes.layer_code import LayerCode
from emulator.engine.lanes.packing import pack_outputs
from emulator.engine.lanes.target import (
    HAS_QUADS,
    LANES,
    OUTPUTS,
    ROW_BYTES,
    TILE,
    VECTOR_BYTES,
    VECTORS,
)
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.engine.lanes.emitter import Place
    from emulator.engine.lanes.packing import Ending


def dot(emitter: Emitter, packed: int, total: Value, inputs: Value, weights: Value) -> Value:
    """Add ``packed`` products for each lane."""
    builder = emitter.builder
    if packed == 1:
        return builder.add(total, builder.mul(inputs, weights))
    if packed == 2:
        narrow, wide = vector(INT16, 2 * LANES), vector(INT32, 2 * LANES)
        first, second = (
            builder.sext(builder.bitcast(word, narrow), wide) for word in (inputs, weights)
        )
        products = builder.mul(first, second)
        even = emitter.shuffle(products, products, range(0, 2 * LANES, 2))
        odd = emitter.shuffle(products, products, range(1, 2 * LANES, 2))
        return builder.add(total, builder.add(even, odd))
    octets = vector(INT8, 4 * LANES)
    first, second = (builder.bitcast(word, octets) for word in (inputs, weights))
    return emitter.call("llvm.x86.avx512.vpdpbusd.512", vector(), total, first, second)


def _emit_dots(
    packed: int, builder: Any, row: Value, numbers: Value, source: Value, target: Value
) -> None:
    emitter = Emitter(builder)
    layer = LayerCode(emitter, row, numbers)
    with builder.if_else(builder.icmp_signed("==", layer.n_blocks, number(0))) as (single, several):
        with single:
            _emit_blocks(emitter, packed, 1, layer, source, target)
        with several:
            _emit_blocks(emitter, packed, OUTPUTS, layer, source, target)


def _emit_blocks(
    emitter: Emitter, packed: int, outputs: int, layer: LayerCode, source: Value, target: Value
) -> None:
    """Run blocks of so many outputs; a block of a single output is all there is."""
    builder = emitter.builder
    vectors = VECTORS * OUTPUTS // outputs if outputs == 1 else VECTORS
    vectors = min(vectors, TILE // LANES)
    n_parts = TILE // (LANES * vectors)
    n_groups, group_bytes = layer.n_groups, 4 * outputs

    def block(place: Value, _: list[Value]) -> list[Value]:
        words = emitter.at(
            layer.weights, builder.mul(place, builder.mul(n_groups, number(group_bytes)))
        )
        first = emitter.at(layer.starts, builder.mul(place, number(group_bytes)))

        def part(part_place: Value, _: list[Value]) -> list[Value]:
            shift = builder.mul(part_place, number(vectors * VECTOR_BYTES))
            totals = _sums(
                emitter, packed, outputs, vectors, words, first, n_groups, emitter.at(source, shift)
            )
            results, ending = cast_sums(emitter, layer, totals)
            at = emitter.at(target, shift)
            packed_out = layer.packed_out if outputs > 1 else number(1)
            _store(emitter, outputs, vectors, results, ending, packed_out, at, place)
            return []

        emitter.loop(number(n_parts), part)
        return []

    emitter.loop(layer.n_blocks if outputs > 1 else number(1), block)


def _sums(
    emitter: Emitter,
    packed: int,
    outputs: int,
    vectors: int,
    words: Value,
    starts: Value,
    n_groups: Value,
    source: Value,
) -> list[Value]:
    """Return the sums of ``outputs`` outputs, each for ``vectors`` vectors of events."""
    builder = emitter.builder
    initial = []
    for output in range(outputs):
        initial += [emitter.load_spread(emitter.at(starts, 4 * output))] * vectors

    def group(place: Value, totals: list[Value]) -> list[Value]:
        row = emitter.at(source, builder.mul(place, number(ROW_BYTES)))
        inputs = [
            emitter.load(emitter.at(row, VECTOR_BYTES * part), vector(), VECTOR_BYTES)
            for part in range(vectors)
        ]
        word = emitter.at(words, builder.mul(place, number(4 * outputs)))
        sums = []
        for output in range(outputs):
            weight = emitter.load_spread(emitter.at(word, 4 * output))
            for part in range(vectors):
                total = totals[output * vectors + part]
                sums.append(dot(emitter, packed, total, inputs[part], weight))
        return sums

    return emitter.loop(n_groups, group, initial)


def _store(
    emitter: Emitter,
    outputs: int,
    vectors: int,
    results: list[Value],
    ending: Ending,
    packed_out: Value,
    target: Value,
    block: Value,
) -> None:
    """Write the results of a block in the form that the next layer reads."""
    builder = emitter.builder
    several = (1, 2, 4) if HAS_QUADS else (1, 2)
    for packed in several if outputs > 1 else (1,):
        with builder.if_then(builder.icmp_signed("==", packed_out, number(packed))):
            n_rows = outputs // packed
            first = emitter.at(target, builder.mul(block, number(n_rows * ROW_BYTES)))
            for row in range(n_rows):
                for part in range(vectors):
                    members = [
                        results[(row * packed + member) * vectors + part]
                        for member in range(packed)
                    ]
                    place = emitter.at(first, row * ROW_BYTES + part * VECTOR_BYTES)
                    emitter.store(
                        pack_outputs(emitter, packed, members, ending), place, VECTOR_BYTES
                    )


def _dots(packed: int) -> Callable[..., None]:
    emit = partial(_emit_dots, packed)

    @intrinsic
    def dots(typingctx, layer, numbers, source, target):  # type: ignore[no-untyped-def]
        return instructions(4, emit)

    return dots


_quads, _pairs, _words = (_dots(packed) for packed in (4 if HAS_QUADS else 2, 2, 1))


@inline_kernel
def run_layer(packed: int, layer: Place, numbers: Place, source: Place, target: Place) -> None:
    """Run a layer on a tile.

    Parameters
    ----------
    packed
        Inputs in a lane: 4 unsigned ones of 8 bits, 2 of 16 bits, or one.
    layer, numbers
        Addresses of its row of the table and of the numbers of all layers.
    source, target
        Addresses of the rows of inputs and of results.
    """
    if packed == 4:
        _quads(layer, numbers, source, target)
    elif packed == 2:
        _pairs(layer, numbers, source, target)
    else:
        _words(layer, numbers, source, target)
