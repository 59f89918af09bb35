"""Rows of signed bytes as unsigned ones: what stands before a first layer whose inputs are not scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.emitter import INT32, Emitter, Value, number, vector
from emulator.engine.lanes.target import TILE, VECTOR_BYTES
from emulator.jit import inline_kernel, instructions, intrinsic

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Place

#: Events whose instructions are interleaved.
_TOGETHER = 4


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
