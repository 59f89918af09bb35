"""The node before the first dense layer as a monotone cast in 16-bit lanes, where that is exact."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.engine.cast_columns import rounding_columns
from emulator.engine.lanes.casts import NotProvedError
from emulator.fixed import FixedFormat, Interval
from emulator.graph.operations import OffsetShift, Quantize, Relu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INT8 = Interval(-(2**7), 2**7 - 1)
UINT8 = Interval(0, 2**8 - 1)
INT16 = Interval(-(2**15), 2**15 - 1)
BITS = 16

#: Unsigned bytes are written as signed ones, this much lower.
BYTE_BASE = 128

#: Operations of one number that may stand before the first dense layer.
Monotone = OffsetShift | Quantize | Relu


@dataclass(frozen=True, slots=True)
class ScaleRow:
    """The columns of one input; see `scaling` for what they do."""

    low: int
    high: int
    left: int
    offset: int
    bit_shift: int
    bit_mask: int
    add: int
    right: int
    kept: int
    bottom: int
    top: int

    @property
    def columns(self) -> tuple[int, ...]:
        """All columns in the order of the table."""
        return (
            self.low,
            self.high,
            self.left,
            self.offset,
            self.bit_shift,
            self.bit_mask,
            self.add,
            self.right,
            self.kept,
            self.bottom,
            self.top,
        )

    def apply(self, number: int) -> int:
        """Return what the kernel computes, in Python integers."""
        clipped = min(max(number, self.low), self.high)
        moved = (clipped << self.left) - self.offset
        bit = moved >> self.bit_shift & self.bit_mask
        kept = (moved + self.add + bit) >> self.right & self.kept
        return min(max(kept, self.bottom), self.top)

    @property
    def reached(self) -> Interval:
        """All numbers before the right shift; what rounding adds is less than the shift drops."""
        ends = Interval(
            (self.low << self.left) - self.offset, (self.high << self.left) - self.offset
        )
        return Interval.hull([ends, ends + Interval(0, 1 << self.right)])

    def may_be_lowered(self, by: int) -> bool:
        """Whether `lowered` is exact: the mask lets the number through, and 16 bits suffice."""
        lowest = self.reached.low - (by << self.right)
        return by % -self.kept == 0 and lowest >= INT16.low

    @property
    def rounds_to_even(self) -> bool:
        """Whether what rounding adds is a half, less one if the last bit that stays is not set."""
        one_bit = self.bit_mask > 0 and self.bit_mask & self.bit_mask - 1 == 0
        return one_bit and self.bit_mask << self.bit_shift == 1 << self.right

    @property
    def below_the_half(self) -> int:
        """All bits that rounding drops, where it `rounds_to_even`: what was floored before is none."""
        return (1 << self.right) - self.bit_mask

    def lowered(self, by: int) -> ScaleRow:
        """Return the same with results lower by a number; see `may_be_lowered`."""
        return replace(
            self, add=self.add - (by << self.right), bottom=self.bottom - by, top=self.top - by
        )

    def needs_clip(self, saturation: Interval) -> bool:
        """Whether ``kept``, ``bottom`` or ``top`` do more than a clip to ``saturation``."""
        ends = [
            replace(self, kept=-1, bottom=saturation.low, top=saturation.high).apply(x)
            for x in (self.low, self.high)
        ]
        return self.kept != -1 or ends != [self.bottom, self.top]

    def was_clipped(self, saturation: Interval) -> bool:
        """Whether results need a clip to less than ``saturation`` where inputs are not clipped."""
        bottom, top = self.low > INT16.low, self.high < INT16.high
        return (bottom and self.bottom > saturation.low) or (top and self.top < saturation.high)


IDENTITY = ScaleRow(INT16.low, INT16.high, 0, 0, 0, 0, 0, 0, -1, INT16.low, INT16.high)


@dataclass(frozen=True, slots=True)
class _Element:
    """What a node does to one element, all at exact fractions: move, inner cast, shift, cast."""

    unit: int
    offset: int
    fraction: int
    inner: FixedFormat
    shift: int
    result: FixedFormat
    relu: bool

    def moved(self, number: int) -> int:
        number = max(number, 0) if self.relu else number
        return number * self.unit - self.offset

    def evaluate(self, number: int) -> int:
        """Return the result for one number."""
        moved = self.moved(number)
        inner = Interval(moved, moved).cast(self.fraction, self.inner).low
        shifted = inner >> self.shift if self.shift >= 0 else inner << -self.shift
        return Interval(shifted, shifted).cast(self.inner.fraction, self.result).low


def scale_rows(node: Monotone, source: FixedFormat, size: int) -> tuple[ScaleRow, ...]:
    """Return the columns of each input, proved to give the node's results.

    Raises
    ------
    NotProvedError
        If the node is not monotone on its inputs, or 16 bits do not suffice.
    """
    known: dict[_Element, ScaleRow] = {}
    rows = []
    for place in range(size):
        element = _element(node, source, place)
        if element not in known:
            known[element] = _scale_row(element, Interval.of(source))
        rows.append(known[element])
    return tuple(rows)


def can_be_bytes(scales: Sequence[ScaleRow]) -> bool:
    """Whether results that fit bytes can be written as bytes; above 127 all are written lower."""
    return not are_lowered(scales) or all(scale.may_be_lowered(BYTE_BASE) for scale in scales)


def are_lowered(scales: Sequence[ScaleRow]) -> bool:
    """Whether bytes are written `BYTE_BASE` lower than they are."""
    return max(scale.top for scale in scales) > INT8.high


def _element(node: Monotone, source: FixedFormat, place: int) -> _Element:
    if not isinstance(node, OffsetShift):
        # As if moved by nothing in a type that changes nothing.
        same = FixedFormat(source.width + 1, source.integer + 1)
        return _Element(1, 0, source.fraction, same, 0, node.format, isinstance(node, Relu))
    fraction = max(source.fraction, node.offset_format.fraction)
    return _Element(
        unit=1 << fraction - source.fraction,
        offset=node.offset[place] << fraction - node.offset_format.fraction,
        fraction=fraction,
        inner=node.inner,
        shift=node.shift[place],
        result=node.format,
        relu=False,
    )


def _scale_row(element: _Element, inputs: Interval) -> ScaleRow:
    if not inputs.within(INT16):
        msg = "inputs need more than 16 bits"
        raise NotProvedError(msg)
    _require_monotone(element, inputs)
    # All is monotone: between the turning points nothing has saturated yet but at the very ends,
    # which the last clip sets right.
    low, high = _turning_points(element.evaluate, inputs)
    row = _columns(element, low, high)
    if not _fits_16_bits(row):
        msg = "a scaled input needs more than 16 bits"
        raise NotProvedError(msg)
    return row


def _require_monotone(element: _Element, inputs: Interval) -> None:
    """Check that nothing wraps or becomes 0, which a larger input could."""
    moved = Interval(element.moved(inputs.low), element.moved(inputs.high))
    inner = moved.cast(element.fraction, element.inner)
    left = inner.times(1 << max(-element.shift, 0))
    shifted = Interval(left.low >> max(element.shift, 0), left.high >> max(element.shift, 0))
    casts = (
        (moved, element.fraction, element.inner),
        (
            left,
            element.inner.fraction,
            FixedFormat(element.inner.width, element.inner.integer, element.inner.signed),
        ),
        (shifted, element.inner.fraction, element.result),
    )
    for numbers, fraction, target in casts:
        rounded = numbers.shifted(fraction - target.fraction, target)
        if target.overflow in {"WRAP", "SAT_ZERO"} and not rounded.within(Interval.of(target)):
            msg = f"an input may overflow {target}"
            raise NotProvedError(msg)


def _turning_points(evaluate: Callable[[int], int], inputs: Interval) -> tuple[int, int]:
    """Return the last input with the lowest result and the first one with the highest."""
    lowest, highest = evaluate(inputs.low), evaluate(inputs.high)
    if lowest == highest:
        return inputs.low, inputs.low

    def first(reached: Callable[[int], bool]) -> int:
        low, high = inputs.low, inputs.high  # not reached at low, reached at high
        while high - low > 1:
            middle = (low + high) // 2
            if reached(evaluate(middle)):
                high = middle
            else:
                low = middle
        return high

    return first(lambda result: result > lowest) - 1, first(lambda result: result == highest)


def _columns(element: _Element, low: int, high: int) -> ScaleRow:
    """Merge all shifts: append bits, drop those of inner type and shift, drop those of the result."""
    inner_drop = element.fraction - element.inner.fraction
    if inner_drop > 0 and element.inner.rounding != "TRN":
        msg = f"{element.inner} rounds before the shift"
        raise NotProvedError(msg)
    append = max(-inner_drop, 0) + max(-element.shift, 0)
    floor = max(inner_drop, 0) + max(element.shift, 0)
    if inner_drop > 0 and element.shift < 0:
        msg = "bits are dropped before a left shift"
        raise NotProvedError(msg)
    drop = element.inner.fraction - element.result.fraction
    left, offset = append + element.unit.bit_length() - 1, element.offset << append
    # Low bits that are always zero need not be there to be dropped.
    zeros = min(left, _trailing_zeros(offset, left), floor + max(drop, 0))
    left, offset = left - zeros, offset >> zeros
    floor, drop = max(floor - zeros, 0), drop - max(zeros - floor, 0)
    add, bit_shift, bit_mask, kept = 0, 0, 0, -1
    if drop > 0:
        add, bit_shift, bit_mask = rounding_columns(drop, element.result.rounding, BITS - 1)
        # The same in units that are not floored yet; the sign is where it was.
        add, bit_mask = add << floor, bit_mask << floor
    else:
        # Appended bits are zero; only what was floored must be cleared again.
        kept = -(1 << -drop) if floor else -1
        more = max(-drop - floor, 0)
        left, offset = left + more, offset << more
    right = max(floor + drop, 0)
    bottom, top = element.evaluate(low), element.evaluate(high)
    return ScaleRow(low, high, left, offset, bit_shift, bit_mask, add, right, kept, bottom, top)


def _trailing_zeros(number: int, most: int) -> int:
    return (number & -number).bit_length() - 1 if number else most


def _fits_16_bits(row: ScaleRow) -> bool:
    return max(row.left, row.right, row.bit_shift) < BITS and row.reached.within(INT16)
