"""Arithmetic of every operation, over any kind of exact number.

The same walk gives the ranges of a network (numbers are intervals) and counts its overflows on data
(numbers are columns of events). The reference does not know it.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Protocol, TypeVar

from emulator.fixed import FixedFormat
from emulator.graph.operations import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
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
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Self

    from emulator.graph.windows import Adder


class Number(Protocol):
    """What is asked of a number; all of it is exact."""

    @classmethod
    def weighted_sums(  # noqa: D102
        cls, parts: Sequence[Self], columns: Iterable[Sequence[int]], /
    ) -> Iterator[Self]: ...
    def __add__(self, other: Self, /) -> Self: ...
    def plus(self, constant: int) -> Self: ...  # noqa: D102
    def times(self, factor: int) -> Self: ...  # noqa: D102
    def product(self, other: Self) -> Self: ...  # noqa: D102
    def square(self) -> Self: ...  # noqa: D102
    def positive(self) -> Self: ...  # noqa: D102
    def maximum(self, other: Self) -> Self: ...  # noqa: D102
    def shifted_right(self, bits: int) -> Self: ...  # noqa: D102
    def divided(self, divisor: int) -> Self: ...  # noqa: D102


N = TypeVar("N", bound=Number)


class Arithmetic(Protocol[N]):
    """What depends on the kind of number."""

    def constant(self, raw: int) -> N:
        """Return a number that is always the same."""
        ...

    def cast(self, x: N, fraction: int, target: FixedFormat, place: str) -> N:
        """Cast to a type; ``place`` says which cast of the node it is."""
        ...

    def look_up(self, x: N, node: UnaryLut | Sigmoid | Tanh, source: FixedFormat) -> N:
        """Find the entries of a table."""
        ...


@singledispatch
def evaluate_numbers(
    node: Node, inputs: Sequence[Sequence[N]], tensors: Sequence[Tensor], arithmetic: Arithmetic[N]
) -> list[N]:
    """Return the elements of a node's result.

    Parameters
    ----------
    node
        Any operation but the input.
    inputs
        Elements of each of its inputs.
    tensors
        Shape and type of each of its inputs.
    arithmetic
        Of the kind of number.
    """
    msg = f"no arithmetic for {type(node).__name__}"
    raise TypeError(msg)


@evaluate_numbers.register(OffsetShift)
def _(
    node: OffsetShift,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    source = tensors[0].format
    fraction = max(source.fraction, node.offset_format.fraction)
    x_unit = 1 << fraction - source.fraction
    offset_unit = 1 << fraction - node.offset_format.fraction
    wrapping = FixedFormat(node.inner.width, node.inner.integer, node.inner.signed)
    result = []
    for x, offset, shift in zip(inputs[0], node.offset, node.shift, strict=True):
        moved = x.times(x_unit).plus(-offset * offset_unit)
        inner = arithmetic.cast(moved, fraction, node.inner, "inner")
        if shift >= 0:
            shifted = inner.shifted_right(shift)
        else:
            shifted = arithmetic.cast(
                inner.times(1 << -shift), wrapping.fraction, wrapping, "left shift"
            )
        result.append(arithmetic.cast(shifted, node.inner.fraction, node.format, "result"))
    return result


def _accumulated(
    elements: Sequence[N],
    columns: Iterable[Sequence[int]],
    starts: Sequence[N],
    fraction: int,
    accumulator: FixedFormat,
    arithmetic: Arithmetic[N],
) -> Iterator[N]:
    """Yield, for each column of weights, what stands in the accumulator after all products."""
    if accumulator.overflow == "WRAP" and accumulator.fraction >= fraction:
        # Wrapping commutes with adding, and nothing is rounded: one sum, one wrap.
        unit = 1 << accumulator.fraction - fraction
        sums = type(elements[0]).weighted_sums(elements, columns)
        for start, part in zip(starts, sums, strict=True):
            total = start + (part.times(unit) if unit > 1 else part)
            yield arithmetic.cast(total, accumulator.fraction, accumulator, "accumulator")
        return
    for start, weights in zip(starts, columns, strict=True):
        total = start
        for x, weight in zip(elements, weights, strict=True):
            if weight:  # what has none adds 0, which no cast and no step changes
                term = x if weight == 1 else x.times(weight)
                product = arithmetic.cast(term, fraction, accumulator, "product")
                exact = total + product
                total = arithmetic.cast(exact, accumulator.fraction, accumulator, "accumulator")
        yield total


@evaluate_numbers.register(Dense)
@evaluate_numbers.register(Conv2d)
@evaluate_numbers.register(Sum)
def _(
    node: Adder,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction, accumulator = tensors[0].format.fraction, node.accumulator
    zero = arithmetic.constant(0)
    starts = [zero]
    if not isinstance(node, Sum):
        fraction += node.weight_format.fraction
        starts = [
            arithmetic.cast(
                arithmetic.constant(bias), node.bias_format.fraction, accumulator, "bias"
            )
            for bias in node.bias
        ]
    found = patches(node, tensors[0])
    columns = weight_columns(node, len(found[0].places))
    result = []
    for patch in found:
        elements = [zero if at == BEYOND else inputs[0][at] for at in patch.places]
        result += [
            arithmetic.cast(total, accumulator.fraction, node.format, "result")
            for total in _accumulated(elements, columns, starts, fraction, accumulator, arithmetic)
        ]
    return result


@evaluate_numbers.register(Relu)
def _(
    node: Relu, inputs: Sequence[Sequence[N]], tensors: Sequence[Tensor], arithmetic: Arithmetic[N]
) -> list[N]:
    fraction = tensors[0].format.fraction
    return [arithmetic.cast(x.positive(), fraction, node.format, "result") for x in inputs[0]]


@evaluate_numbers.register(Quantize)
def _(
    node: Quantize,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = tensors[0].format.fraction
    return [arithmetic.cast(x, fraction, node.format, "result") for x in inputs[0]]


@evaluate_numbers.register(Add)
@evaluate_numbers.register(Subtract)
def _(
    node: Node, inputs: Sequence[Sequence[N]], tensors: Sequence[Tensor], arithmetic: Arithmetic[N]
) -> list[N]:
    fractions = [tensor.format.fraction for tensor in tensors]
    fraction = max(fractions)
    left, right = (1 << fraction - part for part in fractions)
    if isinstance(node, Subtract):
        right = -right
    return [
        arithmetic.cast(x.times(left) + y.times(right), fraction, node.format, "result")
        for x, y in zip(*inputs, strict=True)
    ]


@evaluate_numbers.register(Multiply)
def _(
    node: Multiply,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = sum(tensor.format.fraction for tensor in tensors)
    pairs = zip(*inputs, strict=True)
    return [arithmetic.cast(x.product(y), fraction, node.format, "result") for x, y in pairs]


@evaluate_numbers.register(Square)
def _(
    node: Square,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = 2 * tensors[0].format.fraction
    return [arithmetic.cast(x.square(), fraction, node.format, "result") for x in inputs[0]]


def normalized(
    node: BatchNormalization, inputs: Sequence[N], source: Tensor
) -> tuple[list[N], int]:
    """Return the exact ``x * scale + bias``, and their fraction bits."""
    product = source.format.fraction + node.scale_format.fraction
    fraction = max(product, node.bias_format.fraction)
    unit, bias_unit = 1 << fraction - product, 1 << fraction - node.bias_format.fraction
    constants = zip(spread(node.scale, source.size), spread(node.bias, source.size), strict=True)
    return [
        x.times(scale * unit).plus(bias * bias_unit)
        for x, (scale, bias) in zip(inputs, constants, strict=True)
    ], fraction


@evaluate_numbers.register(BatchNormalization)
def _(
    node: BatchNormalization,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    exact, fraction = normalized(node, inputs[0], tensors[0])
    return [arithmetic.cast(part, fraction, node.format, "result") for part in exact]


@evaluate_numbers.register(QuantizeEach)
def _(
    node: QuantizeEach,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = tensors[0].format.fraction
    result = []
    for x, own in zip(inputs[0], spread(node.formats, tensors[0].size), strict=True):
        if own is None:
            result.append(arithmetic.constant(0))
            continue
        narrow = arithmetic.cast(x, fraction, own, "own type")
        result.append(arithmetic.cast(narrow, own.fraction, node.format, "result"))
    return result


@evaluate_numbers.register(UnaryLut)
@evaluate_numbers.register(Sigmoid)
@evaluate_numbers.register(Tanh)
def _(
    node: UnaryLut | Sigmoid | Tanh,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = node.table_format.fraction
    entries = [arithmetic.look_up(x, node, tensors[0].format) for x in inputs[0]]
    return [arithmetic.cast(entry, fraction, node.format, "result") for entry in entries]


@evaluate_numbers.register(MaxPool)
def _(
    node: MaxPool,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction = tensors[0].format.fraction
    result = []
    for window in pool_windows(node, tensors[0]):
        for channel in range(tensors[0].shape[-1]):
            first, *others = (inputs[0][place + channel] for place in window)
            for other in others:
                first = first.maximum(other)
            result.append(arithmetic.cast(first, fraction, node.format, "result"))
    return result


@evaluate_numbers.register(AveragePool)
def _(
    node: AveragePool,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    fraction, accumulator = tensors[0].format.fraction, node.accumulator
    common = max(fraction, accumulator.fraction)
    unit, total_unit = 1 << common - fraction, 1 << common - accumulator.fraction
    result = []
    for window in pool_windows(node, tensors[0]):
        for channel in range(tensors[0].shape[-1]):
            total = arithmetic.constant(0)
            for place in window:
                exact = total.times(total_unit) + inputs[0][place + channel].times(unit)
                total = arithmetic.cast(exact, common, accumulator, "accumulator")
            mean = total.divided(len(window))
            result.append(arithmetic.cast(mean, accumulator.fraction, node.format, "result"))
    return result


@evaluate_numbers.register(Constant)
def _(
    node: Constant,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    return [arithmetic.constant(raw) for raw in node.raws]


@evaluate_numbers.register(Concatenate)
def _(
    node: Concatenate,
    inputs: Sequence[Sequence[N]],
    tensors: Sequence[Tensor],
    arithmetic: Arithmetic[N],
) -> list[N]:
    parts = [
        [arithmetic.cast(x, tensor.format.fraction, node.format, "result") for x in elements]
        for elements, tensor in zip(inputs, tensors, strict=True)
    ]
    steps = [tensor.shape[-1] for tensor in tensors]
    result: list[N] = []
    for row in range(tensors[0].size // steps[0]):
        for part, step in zip(parts, steps, strict=True):
            result += part[row * step : (row + 1) * step]
    return result


@evaluate_numbers.register(Reshape)
@evaluate_numbers.register(Flatten)
def _(
    node: Node, inputs: Sequence[Sequence[N]], tensors: Sequence[Tensor], arithmetic: Arithmetic[N]
) -> list[N]:
    return list(inputs[0])
