"""Exact ranges of every node, from its types and actual weights, in Python integers."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from emulator.fixed import FixedFormat, Interval
from emulator.graph.operations import (
    Add,
    Dense,
    Input,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Square,
    Subtract,
    Sum,
    Tensor,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.graph.graph import Graph

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
def _(node: Dense, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    fraction = tensors[0].format.fraction + node.weight_format.fraction
    result = []
    for output, bias in enumerate(node.bias):
        start = Interval(bias, bias).cast(node.bias_format.fraction, node.accumulator)
        terms = [x.times(row[output]) for x, row in zip(inputs[0], node.weights, strict=True)]
        total = accumulate_range(terms, fraction, start, node.accumulator)
        result.append(total.cast(node.accumulator.fraction, node.format))
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


@_ranges.register(Sum)
def _(node: Sum, inputs: Sequence[Ranges], tensors: Sequence[Tensor]) -> Ranges:
    total = accumulate_range(
        inputs[0], tensors[0].format.fraction, Interval(0, 0), node.accumulator
    )
    return (total.cast(node.accumulator.fraction, node.format),)
