"""Proofs of each operation: which integers its general kernel ever stores or computes, from exact intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

from emulator.engine.exact_sums import (
    exact_sum_fraction,
    kept_format,
    sum_range,
    term_fraction,
    term_range,
)
from emulator.fixed import FixedFormat, Interval
from emulator.graph.evaluation import normalized
from emulator.graph.operations import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool,
    Multiply,
    Node,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Reshape,
    Sigmoid,
    Square,
    Subtract,
    Sum,
    Tanh,
    Tensor,
    UnaryLut,
)
from emulator.graph.ranges import curve_reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.graph.ranges import Ranges
    from emulator.graph.windows import Adder

#: How a node is run. ``exact sum``: one integer sum and one wrap; ``stepwise``: each product and
#: each partial sum is cast; ``element``: no sum at all; ``table``: one look-up; ``pool``:
#: windows; ``none``: its input's numbers are its result. The others are the lane kernels.
Kernel = Literal[
    "load",
    "none",
    "element",
    "table",
    "pool",
    "exact sum",
    "stepwise",
    "scale16",
    "dot8",
    "dot16",
    "dot32",
]

#: Most entries of a table.
MAX_TABLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """How a node is run, the integers that its kernel stores, those that it computes, and why."""

    kernel: Kernel
    stored: Interval
    computed: Interval
    reason: str


@singledispatch
def prove(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    """Return the proof of a node, given the ranges and the shapes and formats of what it reads.

    Raises
    ------
    TypeError
        If the operation is not known.
    """
    msg = f"no plan for {type(node).__name__}"
    raise TypeError(msg)


def _element(node: Node, exact: Interval, fraction: int, *more: Interval) -> Proof:
    """Proof for one exact number per element that is cast to the node's format."""
    drop = fraction - node.format.fraction
    rounded = exact.shifted(drop, node.format)
    computed = [exact, rounded, *more]
    if drop > 0:
        computed.append(exact + Interval(0, 1 << drop))  # rounding adds before it shifts
    full = Interval.of(node.format)
    if not rounded.within(full):
        computed += [full, rounded + Interval(0, -full.low)]  # wrapping counts from the lowest raw
    result = exact.cast(fraction, node.format)
    return Proof("element", result, Interval.hull(computed), f"cast to {node.format}")


@prove.register(Input)
def _(node: Input, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    full = Interval.of(node.format)
    return Proof("load", full, full, "hardware integers")


@prove.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    source = tensors[0].format.fraction
    fraction = max(source, node.offset_format.fraction)
    full = Interval.of(node.inner)
    left = max(0, *(-shift for shift in node.shift))
    hull = moved_range(node, inputs[0], source)
    inner = _element(Quantize("", (), node.inner), hull, fraction).computed
    shifted = full.times(1 << left)
    last = _element(node, full, node.inner.fraction, inner, shifted)
    return Proof("element", last.stored, last.computed, f"offset and shift in {node.inner}")


@prove.register(Dense)
@prove.register(Conv2d)
@prove.register(Sum)
def _(node: Adder, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    fraction = term_fraction(node, tensors[0])
    accumulator = node.accumulator
    at = exact_sum_fraction(node, fraction)
    if at is None:
        terms = term_range(node, inputs[0], tensors[0])
        product = _element(Quantize("", (), accumulator), terms, fraction)
        full = Interval.of(accumulator)
        step = Interval.hull([full + full, full + full + Interval(0, -full.low), product.computed])
        last = _element(node, full, accumulator.fraction, step)
        reason = f"every step is cast to {accumulator}"
        return Proof("stepwise", last.stored, last.computed, reason)
    hull = sum_range(node, inputs[0], tensors[0], at)
    kept = kept_format(accumulator, at)
    wrap = _element(Quantize("", (), kept), hull, at)
    last = _element(node, wrap.stored, at, wrap.computed)
    overflows = not hull.within(Interval.of(kept))
    reason = f"may wrap, once, to {accumulator}" if overflows else "no overflow is possible"
    return Proof("exact sum", Interval.hull([hull, last.stored]), last.computed, reason)


def moved_range(node: OffsetShift, inputs: Ranges, source_fraction: int) -> Interval:
    """Return an interval that holds all exact ``x - offset`` at their common fraction."""
    fraction = max(source_fraction, node.offset_format.fraction)
    x_unit = 1 << fraction - source_fraction
    offset_unit = 1 << fraction - node.offset_format.fraction
    return Interval.hull(
        x.times(x_unit) + Interval(-offset, -offset).times(offset_unit)
        for x, offset in zip(inputs, node.offset, strict=True)
    )


@prove.register(Relu)
@prove.register(Quantize)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    return _element(node, Interval.hull(inputs[0]), tensors[0].format.fraction)


@prove.register(Add)
@prove.register(Subtract)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    fractions = [tensor.format.fraction for tensor in tensors]
    fraction = max(fractions)
    first, second = (
        Interval.hull(ranges).times(1 << fraction - part)
        for ranges, part in zip(inputs, fractions, strict=True)
    )
    exact = Interval.hull([first + second, first + second.times(-1)])
    return _element(node, exact, fraction, first, second)


@prove.register(Square)
def _(node: Square, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    return _element(node, Interval.hull(inputs[0]).square(), 2 * tensors[0].format.fraction)


@prove.register(Reshape)
@prove.register(Flatten)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    hull = Interval.hull(inputs[0])
    return Proof("none", hull, hull, "the same numbers under another shape")


@prove.register(Multiply)
def _(node: Multiply, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    first, second = (Interval.hull(part) for part in inputs)
    fraction = sum(tensor.format.fraction for tensor in tensors)
    return _element(node, first.product(second), fraction)


@prove.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    exact, fraction = normalized(node, inputs[0], tensors[0])
    # The product alone may be larger than the sum.
    largest = max(map(abs, node.scale)) << max(
        fraction - tensors[0].format.fraction - node.scale_format.fraction, 0
    )
    product = Interval.hull(inputs[0]).product(Interval(-largest, largest))
    return _element(node, Interval.hull(exact), fraction, product)


@prove.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    hull, fraction = Interval.hull(inputs[0]), tensors[0].format.fraction
    stored, computed = [Interval(0, 0)], [Interval(0, 0)]
    for own in {own for own in node.formats if own is not None}:
        first = _element(Quantize("", (), own), hull, fraction)
        second = _element(node, first.stored, own.fraction)
        stored += [first.stored, second.stored]
        computed += [first.computed, second.computed]
    return Proof("element", Interval.hull(stored), Interval.hull(computed), "a type for each")


@prove.register(UnaryLut)
@prove.register(Sigmoid)
@prove.register(Tanh)
def _(
    node: UnaryLut | Sigmoid | Tanh, inputs: Sequence[Ranges], tensors: Sequence[Tensor]
) -> Proof:
    reach = table_reach(node, Interval.hull(inputs[0]), tensors[0].format)
    result = Interval.of(node.format)
    if reach.high - reach.low >= MAX_TABLE:
        # More entries than memory should hold: left to Python integers.
        return Proof("table", result, Interval(0, 1 << 62), "its input is too fine for a table")
    return Proof("table", result, reach, f"{reach.high - reach.low + 1} entries, casts included")


def table_reach(node: UnaryLut | Sigmoid | Tanh, inputs: Interval, source: FixedFormat) -> Interval:
    """Return the inputs for which the result is tabulated; those beyond find its ends."""
    return inputs if isinstance(node, UnaryLut) else curve_reach(node, inputs, source)


@prove.register(MaxPool)
def _(node: MaxPool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    hull = Interval.hull(inputs[0])
    proof = _element(node, hull, tensors[0].format.fraction)
    stored = Interval.hull([hull, proof.stored])
    return Proof("pool", stored, proof.computed, proof.reason)


@prove.register(AveragePool)
def _(node: AveragePool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    source, accumulator = tensors[0].format.fraction, node.accumulator
    fraction = max(source, accumulator.fraction)
    full = Interval.of(accumulator)
    total = full.times(1 << fraction - accumulator.fraction)
    exact = total + Interval.hull(inputs[0]).times(1 << fraction - source)
    step = _element(Quantize("", (), accumulator), exact, fraction)
    last = _element(node, full, accumulator.fraction, step.computed, total)
    stored = Interval.hull([full, last.stored])
    return Proof("pool", stored, last.computed, f"every step is cast to {accumulator}")


@prove.register(Constant)
def _(node: Constant, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    hull = Interval(min(node.raws), max(node.raws))
    return Proof("element", hull, hull, "the same for every event")


@prove.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Proof:
    first, second = (
        _element(node, Interval.hull(part), tensor.format.fraction)
        for part, tensor in zip(inputs, tensors, strict=True)
    )
    return Proof(
        "element",
        Interval.hull([first.stored, second.stored]),
        Interval.hull([first.computed, second.computed]),
        first.reason,
    )
