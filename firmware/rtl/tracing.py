"""A graph becomes alkaid's program of shifts and additions, every operation exact."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.engine import plan
from emulator.fixed import FixedFormat, Interval, to_float
from emulator.graph import (
    Add,
    Conv2d,
    Dense,
    Graph,
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
from emulator.graph.windows import BEYOND, patches
from firmware.rtl import elements  # noqa: F401 - registers its operations
from firmware.rtl.casts import (
    CONSTANT_BITS,
    InexactError,
    cast,
    constant,
    floor,
    fresh,
    is_constant,
    overflowed,
    plus,
    plus_constant,
    raw_of,
    rectified,
)
from firmware.rtl.errors import UnsupportedRtlError
from firmware.rtl.library import alkaid_trace
from firmware.rtl.variables import variables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware.rtl.variables import Variables

#: alkaid holds ranges in doubles; a few bits are left for partial sums in another order.
COMPUTED_BITS = 48

#: alkaid keeps integer and fraction bits in one byte each; the square of a type has twice as many.
EXPONENT_BITS = 50

#: alkaid's number of the operation that gives a constant.
CONSTANT = 5

#: It keeps a power of two beside each number, which sums and selections move away from the number's own
#: point; what is left must fit the byte too.
MOVED_BITS = 120


def trace_graph(graph: Graph) -> Any:
    """Trace a network.

    Parameters
    ----------
    graph
        The network.

    Returns
    -------
    alkaid's ``CombLogic``: from the raws of the features to those of all outputs, in their order.

    Raises
    ------
    UnsupportedRtlError
        Naming the node that alkaid would not compute exactly, and why.
    MissingToolError
        If alkaid is not installed.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> trace_graph(Graph((x, y), ("y",))).predict(np.array([[-3.0, 20.0]]), n_threads=1)
    array([[  9., 255.]])
    """
    library = alkaid_trace()
    _check_widths(graph)
    values: dict[str, Variables] = {}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        tensors = [graph.tensors[name] for name in node.inputs]
        try:
            values[node.name] = variables_of(node, inputs, tensors)
            _check_points(values[node.name])
        except InexactError as error:
            raise UnsupportedRtlError(node.name, str(error)) from error
    # Raws, not values, at the ports: they need no more than each number's own bits.
    outputs = [
        variable * 2.0 ** graph.tensors[name].format.fraction
        for name in graph.outputs
        for variable in values[name]
    ]
    if all(is_constant(output) for output in outputs):
        # Alkaid would write ports without a bit.
        reason = "no output depends on the input, there is nothing to build"
        raise UnsupportedRtlError(graph.outputs[0], reason)
    unit = 2.0**graph.input.format.fraction
    inputs = [variable * unit for variable in values[graph.input.name]]
    # Where the point lies far away, alkaid's sorting of operations meets an infinity in float32; the
    # order is another then, the results are not.
    with np.errstate(over="ignore"):
        program = library.trace(inputs, outputs, optimize=False, keep_dead_inputs=True)
        # Not traced again: alkaid then narrows ranges, and a selection by the sign of a number that
        # turned out positive is taken for one by its highest bit.
        program = library.optimize(program, keep_dead_inputs=True, retrace=False)
    try:
        # Inside of the nodes too, and not of constants, which have no bits to keep.
        for operation in program.ops:
            if operation.opcode != CONSTANT:
                _check_point(operation.qint)
    except InexactError as error:
        raise UnsupportedRtlError(graph.outputs[0], str(error)) from error
    return program


def _check_widths(graph: Graph) -> None:
    for proof in plan(graph).nodes:
        if proof.computed_bits > COMPUTED_BITS:
            reason = (
                f"it computes with {proof.computed_bits} bits, at most {COMPUTED_BITS} are exact"
            )
            raise UnsupportedRtlError(proof.node, reason)
    for node in graph.nodes:
        for item in fields(node):
            part = getattr(node, item.name)
            if isinstance(part, FixedFormat) and (
                max(abs(part.integer), abs(part.fraction)) > EXPONENT_BITS
            ):
                reason = f"{part} has more than {EXPONENT_BITS} integer or fraction bits"
                raise UnsupportedRtlError(node.name, reason)


def _check_points(variables: Variables) -> None:
    for variable in variables:
        if not is_constant(variable):
            _check_point(variable.unscaled)


def _check_point(number: Any) -> None:
    _, integer, fraction = number.kif
    if max(abs(integer), abs(fraction)) > MOVED_BITS:
        msg = f"alkaid would keep its point more than {MOVED_BITS} bits away"
        raise InexactError(msg)


@variables_of.register(Input)
def _(node: Input, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    library = alkaid_trace()
    low, high = float(node.format.raw_min), float(node.format.raw_max)
    ports = [
        library.FVariable(low, high, 1.0, hwconf=library.HARDWARE, latency=0.0)
        for _ in range(node.size)
    ]
    return [port * 2.0**-node.format.fraction for port in ports]


@variables_of.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction = max(tensors[0].format.fraction, node.offset_format.fraction)
    inner, result = node.inner, []
    for x, offset, shift in zip(inputs[0], node.offset, node.shift, strict=True):
        moved = cast(plus_constant(x, -offset, node.offset_format.fraction), fraction, inner)
        if is_constant(moved):
            raw = raw_of(moved, inner.fraction)
            raw = raw >> shift if shift >= 0 else raw << -shift
            wrapped = Interval(raw, raw).cast(inner.fraction, _wrapping(inner)).low
            shifted = constant(wrapped, inner.fraction)
        elif shift >= 0:
            shifted = floor(moved * 2.0**-shift, inner.fraction)
        else:
            shifted = overflowed(moved * 2.0**-shift, _wrapping(inner))
        result.append(cast(fresh(shifted), inner.fraction, node.format))
    return result


def _wrapping(target: FixedFormat) -> FixedFormat:
    return FixedFormat(target.width, target.integer, target.signed)


@variables_of.register(Dense)
@variables_of.register(Conv2d)
def _(node: Dense | Conv2d, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    if node.weight_format.width > CONSTANT_BITS:
        msg = f"alkaid keeps {CONSTANT_BITS} bits of weights, these are {node.weight_format}"
        raise InexactError(msg)
    zero = constant(0, 0)
    results: Variables = []
    for patch in patches(node, tensors[0]):
        x = [zero if place == BEYOND else inputs[0][place] for place in patch.places]
        results += _weighted_sums(x, node, tensors[0].format.fraction)
    return results


def _weighted_sums(x: Variables, node: Dense | Conv2d, source_fraction: int) -> Variables:
    """Return what each column of the weights gives for one patch of elements."""
    fraction = source_fraction + node.weight_format.fraction
    accumulator = node.accumulator
    starts = [
        Interval(bias, bias).cast(node.bias_format.fraction, accumulator).low for bias in node.bias
    ]
    if _one_sum_is_exact(accumulator, fraction):
        sums = _products(x, node, source_fraction)
        totals = [
            overflowed(plus_constant(total, start, accumulator.fraction), accumulator)
            for total, start in zip(sums, starts, strict=True)
        ]
    else:
        totals = [
            _stepwise(
                [
                    _times(one, weight, node, source_fraction)
                    for one, weight in zip(x, column, strict=True)
                ],
                fraction,
                constant(start, accumulator.fraction),
                accumulator,
            )
            for column, start in zip(zip(*node.weights, strict=True), starts, strict=True)
        ]
    return [cast(total, accumulator.fraction, node.format) for total in totals]


def _one_sum_is_exact(accumulator: FixedFormat, fraction: int) -> bool:
    """Whether the order of additions does not matter: nothing is rounded, and sums only wrap."""
    return accumulator.overflow == "WRAP" and accumulator.fraction >= fraction


def _products(x: Variables, node: Dense | Conv2d, fraction: int) -> Variables:
    """Multiply with the matrix of weights, exactly, sharing common parts."""
    library = alkaid_trace()
    columns = len(node.bias)
    moving = [i for i, variable in enumerate(x) if not is_constant(variable)]
    total_fraction = fraction + node.weight_format.fraction
    still = [
        constant(
            sum(
                raw_of(variable, fraction) * row[column]
                for variable, row in zip(x, node.weights, strict=True)
                if is_constant(variable)
            ),
            total_fraction,
        )
        for column in range(columns)
    ]
    weights = to_float([node.weights[i] for i in moving], node.weight_format)
    live = np.flatnonzero(weights.any(axis=0)).tolist() if moving else []
    if not live:
        return still
    vector = library.FVArray(
        np.array([fresh(x[i]) for i in moving], dtype=object),
        # Groups of one-bit inputs would become look-up tables, which are kept in float32.
        {"binary_lut": False},
        hwconf=library.HARDWARE,
    )
    sums = np.asarray(vector @ weights[:, live]).tolist()
    for column, total in zip(live, sums, strict=True):
        still[column] = plus(fresh(total), still[column])
    return still


def _times(x: Any, weight: int, node: Dense | Conv2d, fraction: int) -> Any:
    if is_constant(x) or weight == 0:
        raw = raw_of(x, fraction) * weight if weight else 0
        return constant(raw, fraction + node.weight_format.fraction)
    return fresh(x * (weight * 2.0**-node.weight_format.fraction))


def _stepwise(terms: Variables, fraction: int, start: Any, accumulator: FixedFormat) -> Any:
    """Add terms as the definition says: each cast to the accumulator, and each sum too."""
    return reduce(
        lambda total, term: cast(
            plus(total, cast(term, fraction, accumulator)), accumulator.fraction, accumulator
        ),
        terms,
        start,
    )


@variables_of.register(Relu)
def _(node: Relu, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    return [cast(rectified(x), tensors[0].format.fraction, node.format) for x in inputs[0]]


@variables_of.register(Quantize)
def _(node: Quantize, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    return [cast(x, tensors[0].format.fraction, node.format) for x in inputs[0]]


@variables_of.register(Add)
@variables_of.register(Subtract)
def _(node: Node, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction = max(tensor.format.fraction for tensor in tensors)
    sign = 1.0 if isinstance(node, Add) else -1.0
    return [cast(plus(x, y * sign), fraction, node.format) for x, y in zip(*inputs, strict=True)]


@variables_of.register(Square)
def _(node: Square, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction = tensors[0].format.fraction
    squares = [
        constant(raw_of(x, fraction) ** 2, 2 * fraction) if is_constant(x) else fresh(x**2)
        for x in inputs[0]
    ]
    return [cast(x, 2 * fraction, node.format) for x in squares]


@variables_of.register(Sum)
def _(node: Sum, inputs: Sequence[Variables], tensors: Sequence[Tensor]) -> Variables:
    fraction, accumulator = tensors[0].format.fraction, node.accumulator
    if _one_sum_is_exact(accumulator, fraction):
        total = overflowed(_balanced_sum(inputs[0]), accumulator)
    else:
        total = _stepwise(inputs[0], fraction, constant(0, 0), accumulator)
    return [cast(total, accumulator.fraction, node.format)]


def _balanced_sum(terms: Variables) -> Any:
    """Add in pairs, which is the shallowest circuit."""
    while len(terms) > 1:
        pairs = [plus(left, right) for left, right in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(pairs) * 2 :]
    return terms[0]
