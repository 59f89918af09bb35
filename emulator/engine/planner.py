"""Proofs of the widths that the engine may use, from exact intervals of the actual weights.

For every node the planner says which kernel may run it and which integers that kernel ever stores or
computes. If all of them fit, tiles hold 32-bit integers; else 64-bit ones; a network that needs more
than 62 bits is run by the plain-Python reference. Correctness never depends on the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

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
from emulator.graph.ranges import curve_reach, node_ranges
from emulator.graph.windows import BEYOND, patches, spread, weight_columns
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.graph.graph import Graph
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

#: Integers that tiles of 32 bits hold, and those that 64-bit arithmetic computes with room for a
#: subtraction.
INT32 = Interval(-(2**31), 2**31 - 1)
INT62 = Interval(-(2**61), 2**61 - 1)


@dataclass(frozen=True, slots=True)
class NodePlan(Record):
    """What is proved about one node.

    ``low`` and ``high`` bound its result; ``stored_bits`` is the width that holds every integer its
    kernel keeps in a tile, ``computed_bits`` that of every intermediate integer.
    """

    node: str
    operation: str
    kernel: Kernel
    low: int
    high: int
    stored_bits: int
    computed_bits: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """How a network is run: by tiles of 32- or 64-bit integers, or (0) by Python integers."""

    tile_bits: Literal[0, 32, 64]
    nodes: tuple[NodePlan, ...]


@dataclass(frozen=True, slots=True)
class _Proof:
    kernel: Kernel
    stored: Interval
    computed: Interval
    reason: str


def plan(graph: Graph) -> Plan:
    """Prove the widths of a network and choose its kernels.

    Examples
    --------
    >>> from emulator.graph import Graph
    >>> x = Input("x", (), FixedFormat(16, 16), size=1)
    >>> y = Square("y", ("x",), FixedFormat(33, 33))
    >>> plan(Graph((x, y), ("y",))).tile_bits
    32
    >>> z = Square("z", ("y",), FixedFormat(66, 66))
    >>> w = Square("w", ("z",), FixedFormat(130, 130))
    >>> plan(Graph((x, y, z, w), ("w",))).tile_bits
    0
    """
    ranges = node_ranges(graph)
    proofs = {
        node.name: _prove(
            node,
            [ranges[name] for name in node.inputs],
            [graph.tensors[name] for name in node.inputs],
        )
        for node in graph.nodes
    }
    nodes = tuple(_node_plan(graph[name], proof, ranges) for name, proof in proofs.items())
    if not all(proof.computed.within(INT62) for proof in proofs.values()):
        return Plan(0, nodes)
    narrow = all(proof.stored.within(INT32) for proof in proofs.values())
    return Plan(32 if narrow else 64, nodes)


def _node_plan(node: Node, proof: _Proof, ranges: Mapping[str, Ranges]) -> NodePlan:
    result = Interval.hull(ranges[node.name])
    return NodePlan(
        node=node.name,
        operation=type(node).__name__,
        kernel=proof.kernel,
        low=result.low,
        high=result.high,
        stored_bits=signed_bits(proof.stored),
        computed_bits=signed_bits(proof.computed),
        reason=proof.reason,
    )


def signed_bits(interval: Interval) -> int:
    """Return the bits, sign included, that hold every number of an interval."""
    return 1 + max(
        (~interval.low if interval.low < 0 else interval.low).bit_length(),
        (~interval.high if interval.high < 0 else interval.high).bit_length(),
    )


def start_values(node: Adder) -> tuple[int, ...]:
    """Return what each sum starts with, as raws of the accumulator."""
    if isinstance(node, Sum):
        return (0,)
    return tuple(
        Interval(bias, bias).cast(node.bias_format.fraction, node.accumulator).low
        for bias in node.bias
    )


def exact_sum_fraction(node: Adder, fraction: int) -> int | None:
    """Return the fraction bits at which one integer sum is exact, or None if steps are needed.

    One sum is exact when the accumulator wraps and keeps all ``fraction`` bits of the terms. Start
    values may need more of the accumulator's fraction bits than the terms.
    """
    accumulator = node.accumulator
    if accumulator.overflow != "WRAP" or accumulator.fraction < fraction:
        return None
    spare = accumulator.fraction - fraction
    for start in start_values(node):
        if start:
            trailing_zeros = (start & -start).bit_length() - 1
            spare = min(spare, trailing_zeros)
    return accumulator.fraction - spare if spare < accumulator.width else None


def kept_format(accumulator: FixedFormat, fraction: int) -> FixedFormat:
    """Return a wrapping accumulator without those of its fraction bits that are always zero."""
    width = accumulator.width - (accumulator.fraction - fraction)
    return FixedFormat(width, accumulator.integer, accumulator.signed)


@singledispatch
def _prove(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    msg = f"no plan for {type(node).__name__}"
    raise TypeError(msg)


def _element(node: Node, exact: Interval, fraction: int, *more: Interval) -> _Proof:
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
    return _Proof("element", result, Interval.hull(computed), f"cast to {node.format}")


@_prove.register(Input)
def _(node: Input, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    full = Interval.of(node.format)
    return _Proof("load", full, full, "hardware integers")


@_prove.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    source = tensors[0].format.fraction
    fraction = max(source, node.offset_format.fraction)
    full = Interval.of(node.inner)
    left = max(0, *(-shift for shift in node.shift))
    hull = moved_range(node, inputs[0], source)
    inner = _element(Quantize("", (), node.inner), hull, fraction).computed
    shifted = full.times(1 << left)
    last = _element(node, full, node.inner.fraction, inner, shifted)
    return _Proof("element", last.stored, last.computed, f"offset and shift in {node.inner}")


@_prove.register(Dense)
@_prove.register(Conv2d)
@_prove.register(Sum)
def _(node: Adder, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    fraction = term_fraction(node, tensors[0])
    accumulator = node.accumulator
    at = exact_sum_fraction(node, fraction)
    if at is None:
        terms = (part for row in _terms(node, inputs[0], tensors[0]) for part in row)
        largest = Interval.hull([Interval(0, 0), *terms])
        product = _element(Quantize("", (), accumulator), largest, fraction)
        full = Interval.of(accumulator)
        step = Interval.hull([full + full, full + full + Interval(0, -full.low), product.computed])
        last = _element(node, full, accumulator.fraction, step)
        reason = f"every step is cast to {accumulator}"
        return _Proof("stepwise", last.stored, last.computed, reason)
    hull = sum_range(node, inputs[0], tensors[0], at)
    kept = kept_format(accumulator, at)
    wrap = _element(Quantize("", (), kept), hull, at)
    last = _element(node, wrap.stored, at, wrap.computed)
    overflows = not hull.within(Interval.of(kept))
    reason = f"may wrap, once, to {accumulator}" if overflows else "no overflow is possible"
    return _Proof("exact sum", Interval.hull([hull, last.stored]), last.computed, reason)


def term_fraction(node: Adder, source: Tensor) -> int:
    """Return the fraction bits of the exact terms of a sum."""
    weight = 0 if isinstance(node, Sum) else node.weight_format.fraction
    return source.format.fraction + weight


def _terms(node: Adder, inputs: Ranges, source: Tensor) -> list[list[Interval]]:
    """Return the exact terms of each sum."""
    zero = Interval(0, 0)
    result = []
    for patch in patches(node, source):
        elements = [zero if place == BEYOND else inputs[place] for place in patch.places]
        result += [
            [x.times(weight) for x, weight in zip(elements, weights, strict=True)]
            for weights in weight_columns(node, len(elements))
        ]
    return result


def sum_range(node: Adder, inputs: Ranges, source: Tensor, at: int) -> Interval:
    """Return an interval that holds all sums, exact, at ``at`` fraction bits, start included."""
    starts = [start >> node.accumulator.fraction - at for start in start_values(node)]
    unit = 1 << at - term_fraction(node, source)
    terms = _terms(node, inputs, source)
    return Interval.hull(
        sum((part.times(unit) for part in row), Interval(start, start))
        for row, start in zip(terms, spread(starts, len(terms)), strict=True)
    )


def moved_range(node: OffsetShift, inputs: Ranges, source_fraction: int) -> Interval:
    """Return an interval that holds all exact ``x - offset`` at their common fraction."""
    fraction = max(source_fraction, node.offset_format.fraction)
    x_unit = 1 << fraction - source_fraction
    offset_unit = 1 << fraction - node.offset_format.fraction
    return Interval.hull(
        x.times(x_unit) + Interval(-offset, -offset).times(offset_unit)
        for x, offset in zip(inputs, node.offset, strict=True)
    )


@_prove.register(Relu)
@_prove.register(Quantize)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    return _element(node, Interval.hull(inputs[0]), tensors[0].format.fraction)


@_prove.register(Add)
@_prove.register(Subtract)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    fractions = [tensor.format.fraction for tensor in tensors]
    fraction = max(fractions)
    first, second = (
        Interval.hull(ranges).times(1 << fraction - part)
        for ranges, part in zip(inputs, fractions, strict=True)
    )
    exact = Interval.hull([first + second, first + second.times(-1)])
    return _element(node, exact, fraction, first, second)


@_prove.register(Square)
def _(node: Square, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    return _element(node, Interval.hull(inputs[0]).square(), 2 * tensors[0].format.fraction)


@_prove.register(Reshape)
@_prove.register(Flatten)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    hull = Interval.hull(inputs[0])
    return _Proof("none", hull, hull, "the same numbers under another shape")


@_prove.register(Multiply)
def _(node: Multiply, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    first, second = (Interval.hull(part) for part in inputs)
    fraction = sum(tensor.format.fraction for tensor in tensors)
    return _element(node, first.product(second), fraction)


@_prove.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    exact, fraction = normalized(node, inputs[0], tensors[0])
    # The product alone may be larger than the sum.
    largest = max(map(abs, node.scale)) << max(
        fraction - tensors[0].format.fraction - node.scale_format.fraction, 0
    )
    product = Interval.hull(inputs[0]).product(Interval(-largest, largest))
    return _element(node, Interval.hull(exact), fraction, product)


@_prove.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    hull, fraction = Interval.hull(inputs[0]), tensors[0].format.fraction
    stored, computed = [Interval(0, 0)], [Interval(0, 0)]
    for own in {own for own in node.formats if own is not None}:
        first = _element(Quantize("", (), own), hull, fraction)
        second = _element(node, first.stored, own.fraction)
        stored += [first.stored, second.stored]
        computed += [first.computed, second.computed]
    return _Proof("element", Interval.hull(stored), Interval.hull(computed), "a type for each")


@_prove.register(UnaryLut)
@_prove.register(Sigmoid)
@_prove.register(Tanh)
def _(
    node: UnaryLut | Sigmoid | Tanh, inputs: Sequence[Ranges], tensors: Sequence[Tensor]
) -> _Proof:
    reach = table_reach(node, Interval.hull(inputs[0]), tensors[0].format)
    result = Interval.of(node.format)
    if reach.high - reach.low >= MAX_TABLE:
        # More entries than memory should hold: left to Python integers.
        return _Proof("table", result, Interval(0, 1 << 62), "its input is too fine for a table")
    return _Proof("table", result, reach, f"{reach.high - reach.low + 1} entries, casts included")


def table_reach(node: UnaryLut | Sigmoid | Tanh, inputs: Interval, source: FixedFormat) -> Interval:
    """Return the inputs for which the result is tabulated; those beyond find its ends."""
    return inputs if isinstance(node, UnaryLut) else curve_reach(node, inputs, source)


@_prove.register(MaxPool)
def _(node: MaxPool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    hull = Interval.hull(inputs[0])
    proof = _element(node, hull, tensors[0].format.fraction)
    stored = Interval.hull([hull, proof.stored])
    return _Proof("pool", stored, proof.computed, proof.reason)


@_prove.register(AveragePool)
def _(node: AveragePool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    source, accumulator = tensors[0].format.fraction, node.accumulator
    fraction = max(source, accumulator.fraction)
    full = Interval.of(accumulator)
    total = full.times(1 << fraction - accumulator.fraction)
    exact = total + Interval.hull(inputs[0]).times(1 << fraction - source)
    step = _element(Quantize("", (), accumulator), exact, fraction)
    last = _element(node, full, accumulator.fraction, step.computed, total)
    stored = Interval.hull([full, last.stored])
    return _Proof("pool", stored, last.computed, f"every step is cast to {accumulator}")


@_prove.register(Constant)
def _(node: Constant, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    hull = Interval(min(node.raws), max(node.raws))
    return _Proof("element", hull, hull, "the same for every event")


@_prove.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> _Proof:
    first, second = (
        _element(node, Interval.hull(part), tensor.format.fraction)
        for part, tensor in zip(inputs, tensors, strict=True)
    )
    return _Proof(
        "element",
        Interval.hull([first.stored, second.stored]),
        Interval.hull([first.computed, second.computed]),
        first.reason,
    )
