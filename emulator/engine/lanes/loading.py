"""Rows of events into tiles: lanes become events by transposing blocks of 32-bit words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.engine.lanes.emitter import INT32, Emitter, Value, number, vector
from emulator.engine.lanes.target import LANES, ROW_BYTES, TILE, VECTOR_BYTES
from emulator.jit import instructions, intrinsic, kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.lanes.emitter import Place


def transpose(emitter: Emitter, rows: Sequence[Value]) -> list[Value]:
    """Transpose `LANES` vectors of as many 32-bit words.

    With 16 lanes, first inside blocks of 128 bits, which is cheap, then whole blocks: two sources
    each, no table of places in a register.
    """
    if len(rows) == 16:
        return _transpose_16(emitter, rows)
    count, distance, current = len(rows), 1, list(rows)
    while distance < count:
        following = list(current)
        for row in range(count):
            if row & distance:
                continue
            low, high = [], []
            for column in range(count):
                if column & distance:
                    low.append(count + column - distance)
                    high.append(count + column)
                else:
                    low.append(column)
                    high.append(column + distance)
            pair = current[row], current[row + distance]
            following[row] = emitter.shuffle(*pair, low)
            following[row + distance] = emitter.shuffle(*pair, high)
        current, distance = following, 2 * distance
    return current


def _transpose_16(emitter: Emitter, rows: Sequence[Value]) -> list[Value]:
    quarters = range(0, 16, 4)
    low = [place for q in quarters for place in (q, q + 16, q + 1, q + 17)]
    high = [place + 2 for place in low]
    pairs = []
    for row in range(0, 16, 2):
        pairs.append(emitter.shuffle(rows[row], rows[row + 1], low))
        pairs.append(emitter.shuffle(rows[row], rows[row + 1], high))
    low = [place for q in quarters for place in (q, q + 1, q + 16, q + 17)]
    high = [place + 2 for place in low]
    fours: list[Value] = []
    for row in range(0, 16, 4):
        for pair in (0, 1):
            two = pairs[row + pair], pairs[row + pair + 2]
            fours += [emitter.shuffle(*two, low), emitter.shuffle(*two, high)]
    even = [place for q in (0, 8, 16, 24) for place in range(q, q + 4)]
    odd = [place + 4 for place in even]
    result: list[Value] = [None] * 16
    for column in range(4):
        a, b, c, d = (fours[4 * part + column] for part in range(4))
        ab_even, ab_odd = emitter.shuffle(a, b, even), emitter.shuffle(a, b, odd)
        cd_even, cd_odd = emitter.shuffle(c, d, even), emitter.shuffle(c, d, odd)
        result[column] = emitter.shuffle(ab_even, cd_even, even)
        result[column + 4] = emitter.shuffle(ab_odd, cd_odd, even)
        result[column + 8] = emitter.shuffle(ab_even, cd_even, odd)
        result[column + 12] = emitter.shuffle(ab_odd, cd_odd, odd)
    return result


def _emit_load(
    builder: Any, rows: Value, row_bytes: Value, target: Value, n_blocks: Value, flip: Value
) -> None:
    emitter = Emitter(builder)
    flipped = emitter.spread(builder.trunc(flip, INT32))

    def part(place: Value, _: list[Value]) -> list[Value]:
        first = emitter.at(rows, builder.mul(place, builder.mul(row_bytes, number(LANES))))
        column = emitter.at(target, builder.mul(place, number(VECTOR_BYTES)))

        def block(block_place: Value, _: list[Value]) -> list[Value]:
            shift = builder.mul(block_place, number(VECTOR_BYTES))
            words = [
                emitter.load(
                    emitter.at(first, builder.mul(row_bytes, number(row)), shift), vector(), 1
                )
                for row in range(LANES)
            ]
            columns = transpose(emitter, words)
            place = emitter.at(column, builder.mul(block_place, number(LANES * ROW_BYTES)))
            for row, value in enumerate(columns):
                emitter.store(
                    builder.xor(value, flipped), emitter.at(place, row * ROW_BYTES), VECTOR_BYTES
                )
            return []

        emitter.loop(n_blocks, block)
        return []

    emitter.loop(number(TILE // LANES), part)


@intrinsic
def _load(typingctx, rows, row_bytes, target, n_blocks, flip):  # type: ignore[no-untyped-def]
    return instructions(5, _emit_load)


@kernel
def load_tile(rows: Place, row_bytes: Place, target: Place, n_blocks: Place, flip: Place) -> None:
    """Transpose the words of `TILE` rows.

    Parameters
    ----------
    rows, target
        Addresses. Each row is read in ``n_blocks`` blocks of `LANES` words, also beyond its end.
    flip
        Bits that are inverted in every word: signed bytes become unsigned by 0x80808080.
    """
    _load(rows, row_bytes, target, n_blocks, flip)
