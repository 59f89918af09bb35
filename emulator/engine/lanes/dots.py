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
    from emulator.engine.lanes.packing import Clip


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
    packed: int,
    outputs: int,
    builder: Any,
    source: Value,
    weights: Value,
    starts: Value,
    target: Value,
    n_groups: Value,
    n_blocks: Value,
    packed_out: Value,
    n_casts: Value,
    casts: Value,
    base: Value,
) -> None:
    emitter = Emitter(builder)
    vectors = VECTORS * OUTPUTS // outputs if outputs == 1 else VECTORS
    vectors = min(vectors, TILE // LANES)
    n_parts = TILE // (LANES * vectors)
    below = emitter.spread(builder.trunc(base, INT32))
    group_bytes = 4 * outputs

    def block(place: Value, _: list[Value]) -> list[Value]:
        words = emitter.at(weights, builder.mul(place, builder.mul(n_groups, number(group_bytes))))
        first = emitter.at(starts, builder.mul(place, number(group_bytes)))

        def part(part_place: Value, _: list[Value]) -> list[Value]:
            shift = builder.mul(part_place, number(vectors * VECTOR_BYTES))
            totals = _sums(
                emitter, packed, outputs, vectors, words, first, n_groups, emitter.at(source, shift)
            )
            results, clip = cast_sums(emitter, n_casts, casts, below, totals)
            at = emitter.at(target, shift)
            _store(emitter, outputs, vectors, results, clip, packed_out, at, place)
            return []

        emitter.loop(number(n_parts), part)
        return []

    emitter.loop(n_blocks, block)


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
    clip: Clip,
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
                    emitter.store(pack_outputs(emitter, packed, members, clip), place, VECTOR_BYTES)


def _dots(packed: int, outputs: int) -> Callable[..., None]:
    emit = partial(_emit_dots, packed, outputs)

    @intrinsic
    def dots(  # type: ignore[no-untyped-def]  # numba reads the names of the arguments
        typingctx,
        source,
        weights,
        starts,
        target,
        n_groups,
        n_blocks,
        packed_out,
        n_casts,
        casts,
        base,
    ):
        return instructions(10, emit)

    return dots


_quads = _dots(4 if HAS_QUADS else 2, OUTPUTS)
_quad = _dots(4 if HAS_QUADS else 2, 1)
_pairs, _pair = _dots(2, OUTPUTS), _dots(2, 1)
_words, _word = _dots(1, OUTPUTS), _dots(1, 1)


@inline_kernel
def dense_quads(
    source: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
) -> None:
    """Run a layer whose inputs are four 8-bit integers in a lane; no blocks: a single output.

    Parameters
    ----------
    source, weights, starts, target, casts
        Addresses of the rows of inputs, the words of weights, the start values, the rows of results
        and the table of casts.
    packed_out
        How many results share a lane: 1, 2 or 4.
    n_casts
        Rows of the table that are applied, or `SHIFT_AND_CLIP` or `WITH_BIT`.
    base
        Subtracted from the results after full casts, so that bytes are unsigned.
    """
    if n_blocks == 0:
        _quad(source, weights, starts, target, n_groups, 1, 1, n_casts, casts, base)
    else:
        _quads(
            source, weights, starts, target, n_groups, n_blocks, packed_out, n_casts, casts, base
        )


@inline_kernel
def dense_pairs(
    source: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
) -> None:
    """Run a layer whose inputs are two 16-bit integers in a lane; see `dense_quads`."""
    if n_blocks == 0:
        _pair(source, weights, starts, target, n_groups, 1, 1, n_casts, casts, base)
    else:
        _pairs(
            source, weights, starts, target, n_groups, n_blocks, packed_out, n_casts, casts, base
        )


@inline_kernel
def dense_words(
    source: Place,
    weights: Place,
    starts: Place,
    target: Place,
    n_groups: Place,
    n_blocks: Place,
    packed_out: Place,
    n_casts: Place,
    casts: Place,
    base: Place,
) -> None:
    """Run a layer whose inputs are one 32-bit integer in a lane; see `dense_quads`."""
    if n_blocks == 0:
        _word(source, weights, starts, target, n_groups, 1, 1, n_casts, casts, base)
    else:
        _words(
            source, weights, starts, target, n_groups, n_blocks, packed_out, n_casts, casts, base
        )
