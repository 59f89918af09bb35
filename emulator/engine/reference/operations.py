"""Definition of each operation for one event, element by element."""

from __future__ import annotations

from functools import singledispatch
from operator import mul
from typing import TYPE_CHECKING

from emulator.engine.reference.arithmetic import (
    accumulate,
    cast_exact,
    divide_toward_zero,
)
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    # One raw for each element of a tensor.
    Raws = list[int]


@singledispatch
def evaluate_node(node: Node, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    """Evaluate one node for one event.

    Parameters
    ----------
    node
        Any operation but the input.
    inputs
        Raws of the elements of each of its inputs.
    tensors
        Shape and type of each of its inputs.
    """
    msg = f"no reference for {type(node).__name__}"
    raise TypeError(msg)


@evaluate_node.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    fraction = max(tensors[0].format.fraction, node.offset_format.fraction)
    x_unit = 1 << fraction - tensors[0].format.fraction
    offset_unit = 1 << fraction - node.offset_format.fraction
    result = []
    for x, offset, shift in zip(inputs[0], node.offset, node.shift, strict=True):
        inner = cast_exact(x * x_unit - offset * offset_unit, fraction, node.inner)
        if shift >= 0:
            inner //= 1 << shift
        else:  # bits that leave at the top are lost, whatever the overflow mode
            low = node.inner.raw_min
            inner = (inner * (1 << -shift) - low) % (1 << node.inner.width) + low
        result.append(cast_exact(inner, node.inner.fraction, node.format))
    return result


@evaluate_node.register(Dense)
def _(node: Dense, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    fraction = tensors[0].format.fraction + node.weight_format.fraction
    result = []
    for weights, bias in zip(zip(*node.weights, strict=True), node.bias, strict=True):
        start = cast_exact(bias, node.bias_format.fraction, node.accumulator)
        products = list(map(mul, inputs[0], weights))
        total = accumulate(products, fraction, start, node.accumulator)
        result.append(cast_exact(total, node.accumulator.fraction, node.format))
    return result


@evaluate_node.register(Relu)
def _(node: Relu, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    return [cast_exact(max(x, 0), tensors[0].format.fraction, node.format) for x in inputs[0]]


@evaluate_node.register(Quantize)
def _(node: Quantize, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    return [cast_exact(x, tensors[0].format.fraction, node.format) for x in inputs[0]]


def _common_fraction(tensors: Sequence[Tensor]) -> tuple[int, int, int]:
    """Return the fraction bits of both inputs, and what their raws are multiplied with for it."""
    first, second = (tensor.format.fraction for tensor in tensors)
    fraction = max(first, second)
    return fraction, 1 << fraction - first, 1 << fraction - second


@evaluate_node.register(Add)
def _(node: Add, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    fraction, first, second = _common_fraction(tensors)
    pairs = zip(*inputs, strict=True)
    return [cast_exact(x * first + y * second, fraction, node.format) for x, y in pairs]


@evaluate_node.register(Subtract)
def _(node: Subtract, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    fraction, first, second = _common_fraction(tensors)
    pairs = zip(*inputs, strict=True)
    return [cast_exact(x * first - y * second, fraction, node.format) for x, y in pairs]


@evaluate_node.register(Square)
def _(node: Square, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    return [cast_exact(x * x, 2 * tensors[0].format.fraction, node.format) for x in inputs[0]]


@evaluate_node.register(Sum)
def _(node: Sum, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    total = accumulate(inputs[0], tensors[0].format.fraction, 0, node.accumulator)
    return [cast_exact(total, node.accumulator.fraction, node.format)]


@evaluate_node.register(Reshape)
@evaluate_node.register(Flatten)
def _(node: Node, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    return inputs[0]


@evaluate_node.register(Conv2d)
def _(node: Conv2d, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    height, width, channels = tensors[0].shape
    kernel_height, kernel_width = node.kernel
    top, bottom, left, right = node.padding
    fraction = tensors[0].format.fraction + node.weight_format.fraction

    def pixel(row: int, column: int, channel: int) -> int:
        if 0 <= row < height and 0 <= column < width:
            return inputs[0][(row * width + column) * channels + channel]
        return 0

    result = []
    for row in range(-top, height + bottom - kernel_height + 1, node.stride[0]):
        for column in range(-left, width + right - kernel_width + 1, node.stride[1]):
            patch = [
                pixel(row + i, column + j, channel)
                for i in range(kernel_height)
                for j in range(kernel_width)
                for channel in range(channels)
            ]
            for filter_, bias in enumerate(node.bias):
                start = cast_exact(bias, node.bias_format.fraction, node.accumulator)
                products = [
                    x * weights[filter_] for x, weights in zip(patch, node.weights, strict=True)
                ]
                total = accumulate(products, fraction, start, node.accumulator)
                result.append(cast_exact(total, node.accumulator.fraction, node.format))
    return result


@evaluate_node.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    product = tensors[0].format.fraction + node.scale_format.fraction
    fraction = max(product, node.bias_format.fraction)
    product_unit = 1 << fraction - product
    bias_unit = 1 << fraction - node.bias_format.fraction
    result = []
    for place, x in enumerate(inputs[0]):
        channel = place % len(node.scale)
        exact = x * node.scale[channel] * product_unit + node.bias[channel] * bias_unit
        result.append(cast_exact(exact, fraction, node.format))
    return result


@evaluate_node.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    result = []
    for place, x in enumerate(inputs[0]):
        own = node.formats[place % len(node.formats)]
        if own is None:
            result.append(0)
            continue
        narrow = cast_exact(x, tensors[0].format.fraction, own)
        result.append(cast_exact(narrow, own.fraction, node.format))
    return result


@evaluate_node.register(Multiply)
def _(node: Multiply, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    fraction = tensors[0].format.fraction + tensors[1].format.fraction
    return [cast_exact(x * y, fraction, node.format) for x, y in zip(*inputs, strict=True)]


@evaluate_node.register(UnaryLut)
def _(node: UnaryLut, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    patterns = 1 << tensors[0].format.width
    entries = [node.table[x + patterns if x < 0 else x] for x in inputs[0]]
    return [cast_exact(entry, node.table_format.fraction, node.format) for entry in entries]


@evaluate_node.register(Sigmoid)
@evaluate_node.register(Tanh)
def _(node: Sigmoid | Tanh, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    size, fraction = len(node.table), tensors[0].format.fraction
    span = {Sigmoid: 16, Tanh: 8}[type(node)]
    result = []
    for x in inputs[0]:
        if fraction >= 0:
            place = divide_toward_zero(x * size, span * (1 << fraction))
        else:
            place = divide_toward_zero(x * size * (1 << -fraction), span)
        entry = node.table[max(0, min(place + size // 2, size - 1))]
        result.append(cast_exact(entry, node.table_format.fraction, node.format))
    return result


def _windows(node: MaxPool | AveragePool, raws: Raws, tensor: Tensor) -> list[Raws]:
    """Return the elements of each window, for each position and channel."""
    height, width, channels = tensor.shape
    return [
        [
            raws[((row + i) * width + column + j) * channels + channel]
            for i in range(node.window[0])
            for j in range(node.window[1])
        ]
        for row in range(0, height - node.window[0] + 1, node.stride[0])
        for column in range(0, width - node.window[1] + 1, node.stride[1])
        for channel in range(channels)
    ]


@evaluate_node.register(MaxPool)
def _(node: MaxPool, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    windows = _windows(node, inputs[0], tensors[0])
    return [cast_exact(max(window), tensors[0].format.fraction, node.format) for window in windows]


@evaluate_node.register(AveragePool)
def _(node: AveragePool, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    accumulator, source = node.accumulator, tensors[0].format.fraction
    fraction = max(source, accumulator.fraction)
    unit, total_unit = 1 << fraction - source, 1 << fraction - accumulator.fraction
    result = []
    for window in _windows(node, inputs[0], tensors[0]):
        total = 0
        for x in window:
            total = cast_exact(total * total_unit + x * unit, fraction, accumulator)
        mean = divide_toward_zero(total, len(window))
        result.append(cast_exact(mean, accumulator.fraction, node.format))
    return result


@evaluate_node.register(Constant)
def _(node: Constant, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    return list(node.raws)


@evaluate_node.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Raws], tensors: Sequence[Tensor]) -> Raws:
    first, second = (
        [cast_exact(x, tensor.format.fraction, node.format) for x in raws]
        for raws, tensor in zip(inputs, tensors, strict=True)
    )
    n_first, n_second = (tensor.shape[-1] for tensor in tensors)
    result = []
    while first:
        result += first[:n_first] + second[:n_second]
        first, second = first[n_first:], second[n_second:]
    return result
