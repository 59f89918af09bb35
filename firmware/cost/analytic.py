"""An estimate in milliseconds, for searches: from types and weights alone, nothing is built."""

from __future__ import annotations

from functools import reduce, singledispatch
from math import ceil, log2
from operator import or_
from typing import TYPE_CHECKING

from emulator.graph import Dense, Node, QuantizeEach, Square, Sum, graph_cost
from firmware.cost.figures import CostFigure
from firmware.cost.fit import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat
    from emulator.graph import Graph, Tensor

#: Delay of one level of adders in alkaid's model, for three students of 57-32-16 with 8-bit weights.
NS_PER_LEVEL = 1.5
LATENCY_FACTOR = 2.0


def bit_products(graph: Graph) -> float:
    """Return bits of input times bits of weight over all multiplications, signs included.

    For operations without stored weights the EBOPs stand in.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> bit_products(Graph((x, Square("y", ("x",), FixedFormat(16, 16))), ("y",)))
    98
    """
    return sum(
        _bit_products(node, [_element_widths(graph, name) for name in node.inputs], cost.ebops)
        for node, cost in zip(graph.nodes, graph_cost(graph), strict=True)
    )


def _element_widths(graph: Graph, name: str) -> tuple[int, ...]:
    """Return the bits of each element of a node's result, its sign included."""
    node, tensor = graph[name], graph.tensors[name]
    if isinstance(node, QuantizeEach) and len(node.formats) == tensor.size:
        return tuple(0 if one is None else one.width for one in node.formats)
    return (tensor.format.width,) * tensor.size


@singledispatch
def _bit_products(node: Node, inputs: Sequence[tuple[int, ...]], ebops: int) -> int:
    return ebops


@_bit_products.register(Dense)
def _(node: Dense, inputs: Sequence[tuple[int, ...]], ebops: int) -> int:
    total = 0
    for column in zip(*node.weights, strict=True):
        # Units with types of their own stand on the common grid: zeros behind them cost nothing.
        behind = _common_trailing_zeros(column)
        bits = sum(width for width, weight in zip(inputs[0], column, strict=True) if weight)
        total += bits * (node.weight_format.width - behind)
    return total


def _common_trailing_zeros(raws: Sequence[int]) -> int:
    every = reduce(or_, raws)
    return (every & -every).bit_length() - 1 if every else 0


def adder_levels(graph: Graph) -> int:
    """Return the levels of adders between input and output, as if each sum were a balanced tree."""
    depth: dict[str, int] = {}
    for node in graph.nodes:
        before = max((depth[name] for name in node.inputs), default=0)
        depth[node.name] = before + _levels(node, [graph.tensors[name] for name in node.inputs])
    return max(depth[name] for name in graph.outputs)


@singledispatch
def _levels(node: Node, inputs: Sequence[Tensor]) -> int:
    """One level for a cast or an addition; none for the input."""
    return int(bool(inputs))


@_levels.register(Dense)
def _(node: Dense, inputs: Sequence[Tensor]) -> int:
    terms: int = 1 + max(
        sum(weight != 0 for weight in column) for column in zip(*node.weights, strict=True)
    )
    fraction = inputs[0].format.fraction + node.weight_format.fraction
    if not _wraps_exactly(node.accumulator, fraction):
        return terms + 1  # each product and each sum is cast, one after the other
    # A weight is half as many additions as it has bits, on average.
    return ceil(log2(terms * max(node.weight_format.width // 2, 1))) + 1


@_levels.register(Sum)
def _(node: Sum, inputs: Sequence[Tensor]) -> int:
    size: int = inputs[0].size
    tree = _wraps_exactly(node.accumulator, inputs[0].format.fraction)
    return (ceil(log2(size)) if tree else size) + 1


@_levels.register(Square)
def _(node: Square, inputs: Sequence[Tensor]) -> int:
    return ceil(log2(inputs[0].format.width)) + 4


def _wraps_exactly(accumulator: FixedFormat, fraction: int) -> bool:
    return accumulator.overflow == "WRAP" and accumulator.fraction >= fraction


def analytic_figures(graph: Graph) -> tuple[CostFigure, ...]:
    """Return EBOPs, LUTs for each flow and stage that is calibrated, and a latency.

    The LUTs are those of weights and sums; input shifts and scores are not in the calibration.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> figures = analytic_figures(Graph((x, Square("y", ("x",), FixedFormat(16, 16))), ("y",)))
    >>> [(one.quantity, one.flow, one.stage, round(one.value)) for one in figures][1]
    ('luts', 'latency', 'HLS report', 100)
    """
    products = bit_products(graph)
    ebops = sum(cost.ebops for cost in graph_cost(graph))
    figures = [
        CostFigure.counted("ebops", ebops, "distributed arithmetic", "estimate", "emulator.graph")
    ]
    for fit in fits():
        luts = fit.luts_per_bit_product * products
        factor = fit.uncertainty_factor
        figures.append(
            CostFigure("luts", luts, luts / factor, luts * factor, fit.flow, fit.stage, fit.source)
        )
    delay = adder_levels(graph) * NS_PER_LEVEL
    figures.append(
        CostFigure(
            "latency_ns",
            delay,
            delay / LATENCY_FACTOR,
            delay * LATENCY_FACTOR,
            "distributed arithmetic",
            "estimate",
            "levels of adders, without registers",
        )
    )
    return tuple(figures)
