"""Shapes, tables, pools and products as alkaid's variables; importing this registers them."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed import FixedFormat, Interval
from emulator.graph import (
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Flatten,
    MaxPool,
    Multiply,
    Node,
    QuantizeEach,
    Reshape,
    Sigmoid,
    Tanh,
    UnaryLut,
)
from emulator.graph.windows import pool_windows
from firmware.rtl.casts import (
    CONSTANT_BITS,
    InexactError,
    cast,
    constant,
    exact_constant,
    fresh,
    is_constant,
    overflowed,
    plus,
    plus_constant,
    raw_of,
    rounded,
)
from firmware.rtl.variables import variables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.graph import Tensor
    from firmware.rtl.variables import Variables

#: Entries of a table that is laid out in look-up tables; larger ones belong into a memory.
TABLE_ENTRIES = 1 << 12


@variables_of.register(Reshape)
@variables_of.register(Flatten)
def _(node: Node, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    return list(inputs[0])


@variables_of.register(Constant)
def _(node: Constant, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    return [constant(raw, node.format.fraction) for raw in node.raws]


@variables_of.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    parts = [
        [cast(x, tensor.format.fraction, node.format) for x in variables]
        for variables, tensor in zip(inputs, tensors, strict=True)
    ]
    lengths = [tensor.shape[-1] for tensor in tensors]
    result: Variables = []
    for row in range(tensors[0].size // lengths[0]):
        for part, length in zip(parts, lengths, strict=True):
            result += part[row * length : (row + 1) * length]
    return result


@variables_of.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    result: Variables = []
    for place, x in enumerate(inputs[0]):
        own = node.formats[place % len(node.formats)]
        if own is None:
            result.append(constant(0, node.format.fraction))
            continue
        narrow = cast(x, tensors[0].format.fraction, own)
        result.append(cast(fresh(narrow), own.fraction, node.format))
    return result


@variables_of.register(BatchNormalization)
def _(
    node: BatchNormalization, inputs: Sequence[Variables], tensors: Sequence[Tensor]
) -> Variables:
    source, scale, bias = tensors[0].format.fraction, node.scale_format, node.bias_format
    fraction = max(source + scale.fraction, bias.fraction)
    result: Variables = []
    for place, x in enumerate(inputs[0]):
        factor, start = (part[place % len(node.scale)] for part in (node.scale, node.bias))
        if is_constant(x) or not factor:
            raw = raw_of(x, source) * factor if factor else 0
            product = constant(raw, source + scale.fraction)
        else:
            product = fresh(x * exact_constant(factor, scale.fraction))
        result.append(cast(plus_constant(product, start, bias.fraction), fraction, node.format))
    return result


@variables_of.register(Multiply)
def _(node: Multiply, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    first, second = (tensor.format.fraction for tensor in tensors)
    return [
        cast(_product(x, y, first, second), first + second, node.format)
        for x, y in zip(*inputs, strict=True)
    ]


def _product(x: Any, y: Any, x_fraction: int, y_fraction: int) -> Any:
    if is_constant(x) and is_constant(y):
        return constant(raw_of(x, x_fraction) * raw_of(y, y_fraction), x_fraction + y_fraction)
    if is_constant(y):
        return _product(y, x, y_fraction, x_fraction)
    if not is_constant(x):
        return fresh(x**2 if x is y else x * y)
    raw = raw_of(x, x_fraction)
    return fresh(y * exact_constant(raw, x_fraction)) if raw else constant(0, 0)


@variables_of.register(MaxPool)
def _(node: MaxPool, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction = tensors[0].format.fraction
    return [
        cast(reduce(_larger, [inputs[0][place] for place in places]), fraction, node.format)
        for places in _windows(node, tensors[0])
    ]


def _larger(x: Any, y: Any) -> Any:
    if is_constant(x) and is_constant(y):
        return x if x.low >= y.low else y
    if is_constant(x):
        return _larger(y, x)
    if is_constant(y):
        return fresh(x.max_of(float(y.low)))
    # Not alkaid's own comparison of two variables: here only differences and signs are needed.
    return fresh(plus(_rectified_difference(x, y), y))


def _rectified_difference(x: Any, y: Any) -> Any:
    """Return the larger of x - y and 0."""
    difference = plus(x, -y)
    if difference.high <= 0:
        return constant(0, 0)
    return difference if difference.low >= 0 else fresh(difference.relu())


@variables_of.register(AveragePool)
def _(node: AveragePool, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    n_elements = node.window[0] * node.window[1]
    shift = n_elements.bit_length() - 1
    if n_elements != 1 << shift:
        msg = f"it divides by {n_elements}, only powers of two are exact"
        raise InexactError(msg)
    accumulator, source = node.accumulator, tensors[0].format.fraction
    fraction = max(source, accumulator.fraction)
    result: Variables = []
    for places in _windows(node, tensors[0]):
        total = constant(0, 0)
        for place in places:
            total = cast(plus(total, inputs[0][place]), fraction, accumulator)
        mean = _halved(total, shift, accumulator.fraction)
        result.append(cast(mean, accumulator.fraction, node.format))
    return result


def _halved(total: Any, shift: int, fraction: int) -> Any:
    """Divide by a power of two, toward zero, on the same grid."""
    if is_constant(total):
        raw = raw_of(total, fraction)
        return constant((abs(raw) >> shift) * (1 if raw >= 0 else -1), fraction)
    return fresh(rounded(total * 2.0**-shift, fraction, "TRN_ZERO"))


def _windows(node: MaxPool | AveragePool, source: Tensor) -> list[tuple[int, ...]]:
    """Return the places of each window's elements, for each position and channel."""
    return [
        tuple(place + channel for place in window)
        for window in pool_windows(node, source)
        for channel in range(source.shape[-1])
    ]


@variables_of.register(UnaryLut)
def _(node: UnaryLut, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction, patterns = tensors[0].format.fraction, 1 << tensors[0].format.width
    results = _results(node)
    return [_read(x, fraction, lambda raw: results[raw % patterns], node.format) for x in inputs[0]]


@variables_of.register(Sigmoid)
@variables_of.register(Tanh)
def _(node: Sigmoid | Tanh, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    size, span, fraction = len(node.table), 2 * node.reach, max(tensors[0].format.fraction, 0)
    per_unit = size // span
    if size == per_unit * span and per_unit & (per_unit - 1) == 0:
        # Places in the table are the input on a coarser grid, which needs fewer entries here.
        fraction = min(fraction, per_unit.bit_length() - 1)
    # Beyond its reach the table gives what it gives at its ends.
    reach = FixedFormat(fraction + span.bit_length() + 1, span.bit_length() + 1, overflow="SAT")
    results = _results(node)

    def entry(raw: int) -> int:
        place = abs(raw) * size // (span << fraction) * (1 if raw >= 0 else -1)
        return results[max(0, min(place + size // 2, size - 1))]

    found: Variables = []
    for x in inputs[0]:
        if is_constant(x):
            # Its raw in full: constants are not rounded by the tracer.
            coarse = _constant_on_grid(x, tensors[0].format.fraction, fraction)
        else:
            coarse = overflowed(rounded(x, fraction, "TRN_ZERO"), reach)
        found.append(_read(fresh(coarse), fraction, entry, node.format))
    return found


def _constant_on_grid(x: Any, source: int, fraction: int) -> Any:
    target = FixedFormat(50, 50 - fraction, rounding="TRN_ZERO", overflow="SAT")
    raw = Interval(raw_of(x, source), raw_of(x, source)).cast(source, target).low
    return constant(raw, fraction)


def _results(node: UnaryLut | Sigmoid | Tanh) -> list[int]:
    """Return the entries of a table, cast to the type of the result."""
    return [
        Interval(raw, raw).cast(node.table_format.fraction, node.format).low for raw in node.table
    ]


def _read(x: Any, fraction: int, entry: Callable[[int], int], target: FixedFormat) -> Any:
    """Look up what an input gives, for every raw that it may have."""
    if is_constant(x):
        return constant(entry(raw_of(x, fraction)), target.fraction)
    if target.width > CONSTANT_BITS:
        msg = f"alkaid keeps {CONSTANT_BITS} bits of table entries, these are {target}"
        raise InexactError(msg)
    low, high, step = x.qint
    n_entries = round((high - low) / step) + 1
    if n_entries > TABLE_ENTRIES:
        msg = f"its table would have {n_entries} entries, at most {TABLE_ENTRIES} are laid out"
        raise InexactError(msg)
    raws = [int((low + place * step) * 2.0**fraction) for place in range(n_entries)]
    results = [entry(raw) for raw in raws]
    if len(set(results)) == 1:
        return constant(results[0], target.fraction)
    if n_entries == 2:
        # Not by alkaid's selection, which its optimizer can spoil where numbers are scaled.
        bit = fresh(plus_constant(x, -raws[0], fraction) * (1 / step))
        rise = fresh(bit * exact_constant(results[1] - results[0], target.fraction))
        return plus_constant(rise, results[0], target.fraction)
    # As an array: alkaid turns it around for numbers that it keeps with a negative factor.
    return fresh(x.lookup(np.array(results) * 2.0**-target.fraction))
