"""The specification: a network in plain Python integers, one event at a time.

Every other execution (engine, C-simulation, RTL) must equal this to the last bit. It is written from
the definitions, with no bit tricks and no code shared with the planner, the ranges or
`emulator.fixed`'s casts; of those it only knows what a type *is*.

Sources: the Vitis HLS user guide (UG1399), chapter on ``ap_fixed``, and the ``nnet_utils`` templates
of hls4ml 1.3.0.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import singledispatch
from operator import mul
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import RangeError
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
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.fixed.format import FixedFormat
    from emulator.graph.graph import Graph

    # One raw for each element of a tensor.
    Raws = list[int]


def evaluate(graph: Graph, row: Sequence[int]) -> dict[str, list[int]]:
    """Evaluate every node for one event.

    Parameters
    ----------
    graph
        The network.
    row
        One hardware integer for each feature, within the input's type.

    Returns
    -------
    For each node, in order of evaluation, the raws of its elements.

    Raises
    ------
    ValueError
        If the row has the wrong length.
    RangeError
        If an integer is out of the input's range.

    Examples
    --------
    >>> from emulator.fixed.format import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False, overflow="SAT"))
    >>> evaluate(Graph((x, y), ("y",)), [-3, 20])
    {'x': [-3, 20], 'y': [9, 255]}
    """
    values: dict[str, list[int]] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            values[node.name] = _checked_input(node, row)
            continue
        inputs = [values[name] for name in node.inputs]
        fractions = [graph[name].format.fraction for name in node.inputs]
        values[node.name] = _evaluate(node, inputs, fractions)
    return values


def evaluate_rows(
    graph: Graph, rows: NDArray[np.integer], *, jobs: int = 1
) -> dict[str, NDArray[np.int64]]:
    """Evaluate the graph's outputs for many events.

    Parameters
    ----------
    graph
        The network; its outputs must fit 64 bits.
    rows
        Hardware integers, (n events, n features).
    jobs
        Processes; they change nothing but the time.

    Returns
    -------
    For each output the raws, int64, (n events, size).
    """
    if jobs == 1 or len(rows) < 1_000:
        return _evaluate_block(graph, rows)
    blocks = np.array_split(rows, 4 * jobs)
    with ProcessPoolExecutor(jobs) as pool:
        parts = list(pool.map(_evaluate_block, [graph] * len(blocks), blocks))
    return {name: np.concatenate([part[name] for part in parts]) for name in graph.outputs}


def _evaluate_block(graph: Graph, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
    results: dict[str, list[list[int]]] = {name: [] for name in graph.outputs}
    for row in rows.tolist():
        values = evaluate(graph, row)
        for name, listed in results.items():
            listed.append(values[name])
    return {
        name: np.array(listed, dtype=np.int64).reshape(len(rows), graph.tensors[name].size)
        for name, listed in results.items()
    }


def cast_exact(raw: int, fraction: int, target: FixedFormat) -> int:
    """Cast one raw to a type: rounding first, then overflow.

    Examples
    --------
    >>> from emulator.fixed.format import FixedFormat
    >>> cast_exact(-6, 2, FixedFormat(4, 4, rounding="RND_CONV"))
    -2
    """
    return _overflow(_round(raw, fraction - target.fraction, target.rounding), target)


def _round(raw: int, drop: int, rounding: str) -> int:
    """Divide by ``2**drop`` and round to an integer."""
    if drop <= 0:
        return raw * (1 << -drop)
    divisor = 1 << drop
    floor, rest = divmod(raw, divisor)  # floor toward minus infinity, 0 <= rest < divisor
    if rest == 0 or rounding == "TRN":
        return floor
    if rounding == "TRN_ZERO":
        return floor + 1 if raw < 0 else floor
    if 2 * rest != divisor:  # nearest; only a tie needs a rule
        return floor + 1 if 2 * rest > divisor else floor
    up = {
        "RND": True,
        "RND_ZERO": raw < 0,
        "RND_INF": raw > 0,
        "RND_MIN_INF": False,
        "RND_CONV": floor % 2 == 1,
    }[rounding]
    return floor + 1 if up else floor


def _overflow(raw: int, target: FixedFormat) -> int:
    low, high = target.raw_min, target.raw_max
    if target.overflow == "SAT_SYM" and target.signed:
        low = -high
    if low <= raw <= high:
        return raw
    if target.overflow == "WRAP":
        return (raw - low) % (1 << target.width) + low
    if target.overflow == "SAT_ZERO":
        return 0
    return low if raw < low else high


def _accumulate(terms: Sequence[int], fraction: int, start: int, accumulator: FixedFormat) -> int:
    """Add exact terms as the hardware does: each cast to the accumulator, each sum too."""
    if accumulator.overflow == "WRAP" and accumulator.fraction >= fraction:
        # Nothing is rounded and wrapping commutes with adding: one sum, one wrap.
        exact = sum(terms) * (1 << accumulator.fraction - fraction)
        return _overflow(start + exact, accumulator)
    total = start
    for term in terms:
        total = _overflow(total + cast_exact(term, fraction, accumulator), accumulator)
    return total


def _checked_input(node: Input, row: Sequence[int]) -> list[int]:
    if len(row) != node.size:
        msg = f"the network takes {node.size} features, the row has {len(row)}"
        raise ValueError(msg)
    for place, raw in enumerate(row):
        if not node.format.lowest <= raw <= node.format.raw_max:
            msg = f"feature {place} is {raw}, out of the range of {node.format}"
            raise RangeError(msg)
    return [int(raw) for raw in row]


@singledispatch
def _evaluate(node: Node, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    msg = f"no reference for {type(node).__name__}"
    raise TypeError(msg)


@_evaluate.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    fraction = max(fractions[0], node.offset_format.fraction)
    x_unit = 1 << fraction - fractions[0]
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


@_evaluate.register(Dense)
def _(node: Dense, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    fraction = fractions[0] + node.weight_format.fraction
    result = []
    for weights, bias in zip(zip(*node.weights, strict=True), node.bias, strict=True):
        start = cast_exact(bias, node.bias_format.fraction, node.accumulator)
        products = list(map(mul, inputs[0], weights))
        total = _accumulate(products, fraction, start, node.accumulator)
        result.append(cast_exact(total, node.accumulator.fraction, node.format))
    return result


@_evaluate.register(Relu)
def _(node: Relu, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    return [cast_exact(max(x, 0), fractions[0], node.format) for x in inputs[0]]


@_evaluate.register(Quantize)
def _(node: Quantize, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    return [cast_exact(x, fractions[0], node.format) for x in inputs[0]]


@_evaluate.register(Add)
def _(node: Add, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    fraction = max(fractions)
    first, second = ((1 << fraction - part) for part in fractions)
    pairs = zip(*inputs, strict=True)
    return [cast_exact(x * first + y * second, fraction, node.format) for x, y in pairs]


@_evaluate.register(Subtract)
def _(node: Subtract, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    fraction = max(fractions)
    first, second = ((1 << fraction - part) for part in fractions)
    pairs = zip(*inputs, strict=True)
    return [cast_exact(x * first - y * second, fraction, node.format) for x, y in pairs]


@_evaluate.register(Square)
def _(node: Square, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    return [cast_exact(x * x, 2 * fractions[0], node.format) for x in inputs[0]]


@_evaluate.register(Sum)
def _(node: Sum, inputs: Sequence[Raws], fractions: Sequence[int]) -> Raws:
    total = _accumulate(inputs[0], fractions[0], 0, node.accumulator)
    return [cast_exact(total, node.accumulator.fraction, node.format)]
