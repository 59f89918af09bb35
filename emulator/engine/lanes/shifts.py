"""Shifts to the right that floor or round halves to even, of 32-bit sums or of 16-bit integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.lanes.emitter import constant, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine.lanes.emitter import Emitter, Value


def shifted_to_even(
    emitter: Emitter, value: Value, below: Value, one: Value, right: Value
) -> Value:
    """Shift to the right integers to which a half has been added, in each lane.

    Parameters
    ----------
    below
        The bits that the shift drops, and the last one that stays: where none is set, it was a half below an even number.
    one
        Subtracted elsewhere: the last of the bits ``below``. No constant, which LLVM would subtract in two instructions.
    """
    builder = emitter.builder
    is_some = builder.icmp_signed("!=", builder.and_(value, below), constant(0, value.type))
    return builder.ashr(builder.select(is_some, builder.sub(value, one), value), right)


class Shift:
    """The same shift of all lanes.

    Parameters
    ----------
    right, one
        32-bit scalars: how far, and a 1 that is no constant.
    to_even
        Condition: whether a half has been added, and halves are rounded to even.
    """

    def __init__(self, emitter: Emitter, right: Value, one: Value, to_even: Value) -> None:
        self._emitter, self._right, self._one, self._to_even = emitter, right, one, to_even

    def apply(self, values: Sequence[Value]) -> list[Value]:
        """Shift integers of 16 or 32 bits."""
        emitter, builder = self._emitter, self._emitter.builder
        kind = values[0].type
        mask = builder.sub(builder.shl(self._one, builder.add(self._right, self._one)), self._one)
        right, one, below = (
            spread(builder, self._fit(each, kind.element), kind)
            for each in (self._right, self._one, mask)
        )
        return emitter.either(
            self._to_even,
            lambda: [shifted_to_even(emitter, each, below, one, right) for each in values],
            lambda: [builder.ashr(each, right) for each in values],
        )

    def _fit(self, scalar: Value, kind: Value) -> Value:
        return scalar if scalar.type == kind else self._emitter.builder.trunc(scalar, kind)
