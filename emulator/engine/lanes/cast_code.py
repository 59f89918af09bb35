"""Casts of sums as vector instructions, in the shortest of some ways."""

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
from emulator.engine.lanes.packing import Ending
from emulator.engine.lanes.shifts import Shift

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Emitter, Value
    from emulator.engine.lanes.layer_code import LayerCode

#: In place of a number of full casts: one short cast, that rounds halves up or to even.
SHIFT_AND_CLIP, TO_EVEN = 0, -1

#: Added to that: results are shifted as 16-bit integers, once two are packed.
ONCE_PACKED = -2

#: Furthest shift of 16-bit integers that leaves all unsigned bytes where they saturate.
MOST_ONCE_PACKED = 7


def cast_sums(
    emitter: Emitter, layer: LayerCode, totals: list[Value]
) -> tuple[list[Value], Ending]:
    """Cast a layer's sums in the shortest of some ways, which it names, but for the ending that is returned."""
    builder, n_casts, casts = emitter.builder, layer.n_casts, layer.casts

    def column(place: int) -> Value:
        return emitter.load(emitter.at(casts, 4 * place), INT32, 4)

    full = builder.icmp_signed(">", n_casts, number(0))
    is_late = builder.icmp_signed("<=", n_casts, number(ONCE_PACKED))
    to_even = builder.icmp_signed("!=", builder.and_(n_casts, number(1)), number(0))
    # All rows that round to even have a 1 there.
    shift = Shift(emitter, column(RIGHT), column(BIT_MASK), to_even)
    results = emitter.either(
        full,
        lambda: full_casts(emitter, casts, n_casts, totals, layer.below),
        lambda: emitter.either(is_late, lambda: totals, lambda: shift.apply(totals)),
    )
    lowest, highest = number(-(2**31), INT32), number(2**31 - 1, INT32)
    ending = Ending(
        low=builder.select(full, lowest, column(LOW)),
        high=builder.select(full, highest, column(HIGH)),
        shift=shift,
        is_late=is_late,
    )
    return results, ending


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
