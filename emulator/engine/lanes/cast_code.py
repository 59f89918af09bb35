"""Casts of sums as vector instructions, in the shortest of three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.cast_columns import (
    ADD,
    BIT_MASK,
    BIT_SHIFT,
    CAST_COLUMNS,
    FLOOR,
    HIGH,
    KEEP,
    LEFT,
    LOW,
    MASK,
    RIGHT,
)
from emulator.engine.lanes.emitter import INT32, number, vector
from emulator.engine.lanes.packing import Clip

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Emitter, Value
    from emulator.engine.lanes.layer_code import LayerCode

#: In place of a number of full casts: one short cast, that rounds halves up or to even.
SHIFT_AND_CLIP, TO_EVEN = 0, -1


def cast_sums(emitter: Emitter, layer: LayerCode, totals: list[Value]) -> tuple[list[Value], Clip]:
    """Cast a layer's sums in the shortest of three ways, which it names, but for the clip that is returned."""
    builder, n_casts, casts = emitter.builder, layer.n_casts, layer.casts
    full = builder.icmp_signed(">", n_casts, number(0))
    plain = builder.icmp_signed("==", n_casts, number(SHIFT_AND_CLIP))
    results = emitter.either(
        full,
        lambda: full_casts(emitter, casts, n_casts, totals, layer.below),
        lambda: emitter.either(
            plain,
            lambda: shift(emitter, casts, totals, to_even=False),
            lambda: shift(emitter, casts, totals, to_even=True),
        ),
    )
    low, high = (emitter.load(emitter.at(casts, 4 * column), INT32, 4) for column in (LOW, HIGH))
    lowest, highest = number(-(2**31), INT32), number(2**31 - 1, INT32)
    return results, Clip(builder.select(full, lowest, low), builder.select(full, highest, high))


def shift(emitter: Emitter, table: Value, totals: list[Value], *, to_even: bool) -> list[Value]:
    """Only shift to the right; what rounding adds stands in the start of the sums.

    ``to_even``: a half has been added to all; where nothing is left below the shift it was a half before,
    and the last bit of the result is cleared.
    """
    builder = emitter.builder
    right = emitter.load_spread(emitter.at(table, 4 * RIGHT))
    results = [builder.ashr(total, right) for total in totals]
    if not to_even:
        return results
    # All rows that round to even have a 1 there.
    one = emitter.load_spread(emitter.at(table, 4 * BIT_MASK))
    below = builder.sub(builder.shl(one, right), one)
    return [
        emitter.cleared(result, builder.and_(total, below), one)
        for result, total in zip(results, totals, strict=True)
    ]


def full_casts(
    emitter: Emitter, table: Value, count: Value, totals: list[Value], base: Value
) -> list[Value]:
    """Apply ``count`` casts in order, with every rounding and overflow, and subtract ``base``."""

    def one(place: Value, values: list[Value]) -> list[Value]:
        row = emitter.at(table, emitter.builder.mul(place, number(4 * CAST_COLUMNS)))
        columns = [emitter.load_spread(emitter.at(row, 4 * c)) for c in range(CAST_COLUMNS)]
        return [_full_cast(emitter, columns, value) for value in values]

    results = emitter.loop(count, one, totals)
    return [emitter.builder.sub(result, base) for result in results]


def _full_cast(emitter: Emitter, columns: list[Value], value: Value) -> Value:
    builder = emitter.builder
    value = emitter.larger(value, columns[FLOOR])
    bit = builder.and_(builder.ashr(value, columns[BIT_SHIFT]), columns[BIT_MASK])
    value = builder.add(builder.add(value, columns[ADD]), bit)
    value = builder.ashr(builder.shl(value, columns[LEFT]), columns[RIGHT])
    value = builder.and_(value, columns[MASK])
    clipped = emitter.smaller(emitter.larger(value, columns[LOW]), columns[HIGH])
    same = builder.sext(builder.icmp_signed("==", clipped, value), vector())
    return builder.and_(clipped, builder.or_(same, columns[KEEP]))
