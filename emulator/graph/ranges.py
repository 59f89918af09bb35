"""Exact ranges of every node, from its types and actual weights, in Python integers."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from emulator.fixed import FixedFormat, Interval
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
from emulator.graph.windows import BEYOND, patches, pool_windows, spread, weight_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.graph.graph import Graph
    from emulator.graph.windows import Adder

    # One interval of raws for each element of a tensor.
    Ranges = tuple[Interval, ...]


def node_ranges(graph: Graph) -> Mapping[str, Ranges]:
    """Return an interval of raws for each element of each node; nothing can ever lie outside.

    The input is taken to use all of its type.

    Examples
    --------
    >>> from emulator.graph import Graph
    >>> x = Input("x", (), FixedFormat(4, 4), size=1)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False))
    >>> node_ranges(Graph((x, y), ("y",)))["y"]
    (Interval(low=0, high=64),)
    """
    ranges: dict[str, Ranges] = {}
    for node in graph.nodes:
        inputs = [ranges[name] for name in node.inputs]
        tensors = [graph.tensors[name] for name in node.inputs]
        ranges[node.name] = _ranges(node, inputs, tensors)
    return ranges


def accumulate_range(
    terms: Sequence[Interval], fraction: int, start: Interval, accumulator: FixedFormat
) -> Interval:
    """Return the interval of a sum of terms, each cast to the accumulator, added step by step."""
    total = start
    for term in terms:
        total = (total + term.cast(fraction, accumulator)).cast(accumulator.fraction, accumulator)
    return total


@singledispatch
def _ranges(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    msg = f"no ranges for {type(node).__name__}"
    raise TypeError(msg)


@_ranges.register(Input)
def _(node: Input, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return (Interval.of(node.format),) * node.size


@_ranges.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    source = tensors[0].format
    fraction = max(source.fraction, node.offset_format.fraction)
    result = []
    for x, offset, shift in zip(inputs[0], node.offset, node.shift, strict=True):
        moved = x.times(1 << fraction - source.fraction) + Interval(-offset, -offset).times(
            1 << fraction - node.offset_format.fraction
        )
        inner = moved.cast(fraction, node.inner)
        if shift >= 0:
            shifted = Interval(inner.low >> shift, inner.high >> shift)
        else:
            wrapping = FixedFormat(node.inner.width, node.inner.integer, node.inner.signed)
            shifted = inner.times(1 << -shift).cast(wrapping.fraction, wrapping)
        result.append(shifted.cast(node.inner.fraction, node.format))
    return tuple(result)


@_ranges.register(Dense)
@_ranges.register(Conv2d)
@_ranges.register(Sum)
def _(node: Adder, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = tensors[0].format.fraction
    accumulator = node.accumulator
    starts = [Interval(0, 0)]
    if not isinstance(node, Sum):
        fraction += node.weight_format.fraction
        starts = [
            Interval(bias, bias).cast(node.bias_format.fraction, accumulator) for bias in node.bias
        ]
    result = []
    for patch in patches(node, tensors[0]):
        # What lies beyond the edge adds 0, which no cast and no step changes.
        elements = [Interval(0, 0) if at == BEYOND else inputs[0][at] for at in patch.places]
        columns = weight_columns(node, len(elements))
        for start, weights in zip(starts, columns, strict=True):
            terms = [x.times(weight) for x, weight in zip(elements, weights, strict=True)]
            total = accumulate_range(terms, fraction, start, accumulator)
            result.append(total.cast(accumulator.fraction, node.format))
    return tuple(result)


@_ranges.register(Relu)
def _(node: Relu, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = tensors[0].format.fraction
    return tuple(
        Interval(max(x.low, 0), max(x.high, 0)).cast(fraction, node.format) for x in inputs[0]
    )


@_ranges.register(Quantize)
def _(node: Quantize, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return tuple(x.cast(tensors[0].format.fraction, node.format) for x in inputs[0])


def _pair(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor], sign: int) -> Ranges:
    fractions = [tensor.format.fraction for tensor in tensors]
    fraction = max(fractions)
    left, right = (1 << fraction - part for part in fractions)
    return tuple(
        (x.times(left) + y.times(sign * right)).cast(fraction, node.format)
        for x, y in zip(*inputs, strict=True)
    )


@_ranges.register(Add)
def _(node: Add, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return _pair(node, inputs, tensors, 1)


@_ranges.register(Subtract)
def _(node: Subtract, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return _pair(node, inputs, tensors, -1)


@_ranges.register(Square)
def _(node: Square, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return tuple(x.square().cast(2 * tensors[0].format.fraction, node.format) for x in inputs[0])


@_ranges.register(Reshape)
@_ranges.register(Flatten)
def _(node: Node, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return inputs[0]


@_ranges.register(Multiply)
def _(node: Multiply, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = sum(tensor.format.fraction for tensor in tensors)
    pairs = zip(*inputs, strict=True)
    return tuple(x.product(y).cast(fraction, node.format) for x, y in pairs)


@_ranges.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    exact, fraction = normalized_ranges(node, inputs[0], tensors[0])
    return tuple(part.cast(fraction, node.format) for part in exact)


def normalized_ranges(
    node: BatchNormalization, inputs: Ranges, source: Tensor
) -> tuple[Ranges, int]:
    """Return the intervals of the exact ``x * scale + bias``, and their fraction bits."""
    product = source.format.fraction + node.scale_format.fraction
    fraction = max(product, node.bias_format.fraction)
    unit, bias_unit = 1 << fraction - product, 1 << fraction - node.bias_format.fraction
    constants = zip(spread(node.scale, source.size), spread(node.bias, source.size), strict=True)
    return tuple(
        x.times(scale * unit) + Interval(bias * bias_unit, bias * bias_unit)
        for x, (scale, bias) in zip(inputs, constants, strict=True)
    ), fraction


@_ranges.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = tensors[0].format.fraction
    formats = spread(node.formats, tensors[0].size)
    return tuple(
        x.cast(fraction, each).cast(each.fraction, node.format) if each else Interval(0, 0)
        for x, each in zip(inputs[0], formats, strict=True)
    )


@_ranges.register(UnaryLut)
@_ranges.register(Sigmoid)
@_ranges.register(Tanh)
def _(
    node: UnaryLut | Sigmoid | Tanh, inputs: Sequence[Ranges], tensors: Sequence[Tensor]
) -> Ranges:
    found: dict[Interval, Interval] = {}  # elements often share their interval
    for x in inputs[0]:
        if x not in found:
            entries = _reached_entries(node, x, tensors[0].format)
            reached = Interval(min(entries), max(entries))
            found[x] = reached.cast(node.table_format.fraction, node.format)
    return tuple(found[x] for x in inputs[0])


def _reached_entries(
    node: UnaryLut | Sigmoid | Tanh, x: Interval, source: FixedFormat
) -> tuple[int, ...]:
    if isinstance(node, UnaryLut):
        if x.low < 0 <= x.high:  # the bits of negative numbers stand in the upper half
            return node.table[x.low :] + node.table[: x.high + 1]
        first = x.low % len(node.table)
        return node.table[first : first + x.high - x.low + 1]
    reach = curve_reach(node, x, source)
    if 2 * curve_end(node, source) > len(node.table):  # no entry in between is left out
        first, last = (table_place(node, end, source) for end in (reach.low, reach.high))
        return node.table[first : last + 1]
    return tuple(
        node.table[table_place(node, raw, source)] for raw in range(reach.low, reach.high + 1)
    )


def curve_end(node: Sigmoid | Tanh, source: FixedFormat) -> int:
    """Return the raw from which on, and from whose negative down, the ends of a table are found."""
    return node.reach << max(source.fraction, 0)


def curve_reach(node: Sigmoid | Tanh, x: Interval, source: FixedFormat) -> Interval:
    """Return the raws that find entries; those beyond find what its ends find."""
    end = curve_end(node, source)
    return Interval(min(max(x.low, -end), end), max(min(x.high, end), -end))


def table_place(node: UnaryLut | Sigmoid | Tanh, raw: int, source: FixedFormat) -> int:
    """Return which entry of a table a raw of type ``source`` finds."""
    n = len(node.table)
    if isinstance(node, UnaryLut):
        return raw % n
    scaled, unit = raw * n, 2 * node.reach
    if source.fraction >= 0:
        unit <<= source.fraction
    else:
        scaled <<= -source.fraction
    toward_zero = scaled // unit if scaled >= 0 else -(-scaled // unit)
    return min(max(toward_zero + n // 2, 0), n - 1)


@_ranges.register(MaxPool)
def _(node: MaxPool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    result = []
    for window in pool_windows(node, tensors[0]):
        for channel in range(tensors[0].shape[-1]):
            parts = [inputs[0][place + channel] for place in window]
            largest = Interval(max(part.low for part in parts), max(part.high for part in parts))
            result.append(largest.cast(tensors[0].format.fraction, node.format))
    return tuple(result)


@_ranges.register(AveragePool)
def _(node: AveragePool, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = tensors[0].format.fraction
    result = []
    for window in pool_windows(node, tensors[0]):
        for channel in range(tensors[0].shape[-1]):
            parts = [inputs[0][place + channel] for place in window]
            mean = average_range(node, parts, fraction)
            result.append(mean.cast(node.accumulator.fraction, node.format))
    return tuple(result)


def average_range(node: AveragePool, parts: Sequence[Interval], fraction: int) -> Interval:
    """Return the interval of a mean, raws of the accumulator."""
    accumulator = node.accumulator
    common = max(fraction, accumulator.fraction)
    unit, total_unit = 1 << common - fraction, 1 << common - accumulator.fraction
    total = Interval(0, 0)
    for part in parts:
        total = (total.times(total_unit) + part.times(unit)).cast(common, accumulator)
    return total.divided(len(parts))


@_ranges.register(Constant)
def _(node: Constant, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    return tuple(Interval(raw, raw) for raw in node.raws)


@_ranges.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    parts = [
        tuple(x.cast(tensor.format.fraction, node.format) for x in ranges)
        for ranges, tensor in zip(inputs, tensors, strict=True)
    ]
    steps = [tensor.shape[-1] for tensor in tensors]
    result: list[Interval] = []
    for row in range(tensors[0].size // steps[0]):
        for part, step in zip(parts, steps, strict=True):
            result += part[row * step : (row + 1) * step]
    return tuple(result)
