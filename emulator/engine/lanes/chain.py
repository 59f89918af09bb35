"""Which nodes at the start of a network run in lanes, with the proof of each layer's kernel.

A chain is: the input, at most one scaling (`OffsetShift`, `Quantize` or `Relu`), then dense layers, each
followed by any number of `Relu` and `Quantize`. It ends where a result is used twice, leaves the
network, or cannot be proved; the rest of the network runs on general tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from emulator.engine.exact_sums import (
    exact_sum_fraction,
    kept_format,
    start_values,
    sum_range,
    term_fraction,
)
from emulator.engine.lanes.casts import NotProvedError, Step, prove_casts
from emulator.engine.lanes.inputs import INT8, INT16, UINT8, can_be_bytes, scale_rows
from emulator.engine.lanes.target import HAS_QUADS
from emulator.engine.widths import INT32
from emulator.fixed import Interval
from emulator.graph.operations import Dense, OffsetShift, Quantize, Relu
from emulator.graph.ranges import node_ranges

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from emulator.engine.cast_columns import CastRow
    from emulator.engine.lanes.inputs import ScaleRow
    from emulator.graph.graph import Graph
    from emulator.graph.operations import Node
    from emulator.graph.ranges import Ranges

#: Kernels of dense layers, by how many inputs share a 32-bit lane.
LaneKernel = Literal["dot8", "dot16", "dot32"]
PACKED: dict[LaneKernel, int] = {"dot8": 4, "dot16": 2, "dot32": 1}


@dataclass(frozen=True)
class Layer:
    """One dense layer with the casts that follow it, as a kernel runs it.

    Attributes
    ----------
    nodes
        Names: the dense node and what is merged into its casts.
    packed
        Inputs in a lane: 4, 2 or 1.
    base
        Subtracted from the inputs so that bytes are unsigned: 0, or -128 for signed bytes.
    weights, starts
        Raws at the fraction at which the sum is exact; ``weights[i][j]``.
    casts
        In order; none if nothing is to be done.
    sums, result
        Ranges of the sums and of the results.
    """

    nodes: tuple[str, ...]
    packed: int
    base: int
    weights: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    casts: tuple[CastRow, ...]
    sums: Interval
    result: Interval
    reason: str


@dataclass(frozen=True)
class Chain:
    """The part of a network that runs in lanes.

    ``scaling`` is the name of the node that scales the inputs, if there is one; ``scales`` its columns.
    """

    n_features: int
    scaling: str | None
    scales: tuple[ScaleRow, ...]
    layers: tuple[Layer, ...]

    @property
    def last(self) -> str:
        """The node whose result leaves the chain."""
        return self.layers[-1].nodes[-1]

    @property
    def kernels(self) -> Mapping[str, tuple[LaneKernel, Layer]]:
        """For each node that is part of a layer, its kernel and that layer."""
        names = {packed: name for name, packed in PACKED.items()}
        return {node: (names[each.packed], each) for each in self.layers for node in each.nodes}


@dataclass(frozen=True)
class NoChain:
    """Why no part of a network runs in lanes (of those kernels that were allowed)."""

    node: str
    reason: str


def find_chain(graph: Graph, kernel: LaneKernel | None = None) -> Chain | NoChain:
    """Return the longest chain that is proved exact, each layer with its narrowest kernel.

    Parameters
    ----------
    kernel
        If given, every layer of the chain must use this one.
    """
    path = _path(graph)
    ranges = node_ranges(graph)
    scaling, rest = _split(path)
    first = scaling or graph.input
    scales: tuple[ScaleRow, ...] = ()
    allowed: Collection[LaneKernel] = PACKED
    try:
        if isinstance(scaling, OffsetShift | Quantize | Relu):
            source = graph.input
            scales = scale_rows(scaling, source.format, source.size)
            allowed = {"dot8", "dot16"} if can_be_bytes(scales) else {"dot16"}
        layers = _layers(graph, first, rest, ranges, kernel, allowed)
    except NotProvedError as error:
        return NoChain(first.name, str(error))
    if isinstance(layers, NoChain):
        return layers
    return Chain(graph.input.size, scaling.name if scaling else None, scales, layers)


def _path(graph: Graph) -> list[Node]:
    """Return the nodes after the input of which each is all that reads the one before."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    path: list[Node] = [graph.input]
    while path[-1].name not in graph.outputs:
        following = readers.get(path[-1].name, [])
        if len(following) != 1 or not isinstance(
            following[0], OffsetShift | Dense | Relu | Quantize
        ):
            break
        path.append(following[0])
    return path[1:]


def _split(path: Sequence[Node]) -> tuple[Node | None, list[list[Node]]]:
    """Return the scaling, if any, and each dense node with the casts that follow it."""
    scaling = path[0] if path and not isinstance(path[0], Dense) else None
    groups: list[list[Node]] = []
    for node in path[1:] if scaling else path:
        if isinstance(node, Dense):
            groups.append([node])
        elif groups and isinstance(node, Relu | Quantize):
            groups[-1].append(node)
        else:
            break
    return scaling, groups


def _layers(
    graph: Graph,
    source: Node,
    groups: Sequence[Sequence[Node]],
    ranges: Mapping[str, Ranges],
    kernel: LaneKernel | None,
    allowed: Collection[LaneKernel],
) -> tuple[Layer, ...] | NoChain:
    """Return the layers; ``allowed`` are the kernels that can read what the first one is given."""
    if not groups:
        return NoChain(source.name, "no dense layer follows the input alone")
    layers: list[Layer] = []
    for group in groups:
        try:
            layer = _layer(graph, source, group, ranges, kernel, PACKED if layers else allowed)
        except NotProvedError as error:
            if not layers or kernel:
                return NoChain(group[0].name, str(error))
            break
        layers.append(layer)
        source = graph[layer.nodes[-1]]
        if len(layer.nodes) < len(group):
            break
    return tuple(layers)


def _layer(
    graph: Graph,
    source: Node,
    group: Sequence[Node],
    ranges: Mapping[str, Ranges],
    kernel: LaneKernel | None,
    allowed: Collection[LaneKernel],
) -> Layer:
    dense = group[0]
    assert isinstance(dense, Dense)  # noqa: S101 - groups begin with one
    tensor = graph.tensors[source.name]
    fraction = term_fraction(dense, tensor)
    at = exact_sum_fraction(dense, fraction)
    if at is None:
        msg = f"every step is cast to {dense.accumulator}"
        raise NotProvedError(msg)
    weights = tuple(tuple(raw << at - fraction for raw in row) for row in dense.weights)
    starts = tuple(start >> dense.accumulator.fraction - at for start in start_values(dense))
    sums = sum_range(dense, ranges[source.name], tensor, at)
    steps = [Step(at, kept_format(dense.accumulator, at)), Step(at, dense.format)]
    merged, casts, result = _merged(sums, steps, group)
    inputs = Interval.hull(ranges[source.name])
    numbers = Interval.hull(Interval(min(row), max(row)) for row in weights)
    packed, reason = _narrowest(inputs, numbers, kernel, allowed)
    return Layer(
        nodes=merged,
        packed=packed,
        base=-128 if packed == 4 and not inputs.within(UINT8) else 0,
        weights=weights,
        starts=starts,
        casts=casts,
        sums=sums,
        result=result,
        reason=reason,
    )


def _merged(
    sums: Interval, steps: Sequence[Step], group: Sequence[Node]
) -> tuple[tuple[str, ...], tuple[CastRow, ...], Interval]:
    """Return as many nodes of a group as can be proved together, their casts and the result."""
    steps = list(steps)
    casts, result = prove_casts(sums, steps)
    names = [group[0].name]
    for before, node in pairwise(group):
        steps.append(Step(before.format.fraction, node.format, relu=isinstance(node, Relu)))
        try:
            casts, result = prove_casts(sums, steps)
        except NotProvedError:
            break
        names.append(node.name)
    return tuple(names), casts, result


def _narrowest(
    inputs: Interval,
    weights: Interval,
    kernel: LaneKernel | None,
    allowed: Collection[LaneKernel],
) -> tuple[int, str]:
    """Return how many inputs may share a lane, at most or as asked, and why."""
    what = f"inputs {inputs.low} … {inputs.high}, weights {weights.low} … {weights.high}"
    bytes_fit = (inputs.within(UINT8) or inputs.within(INT8)) and weights.within(INT8)
    possible: dict[LaneKernel, bool] = {
        "dot8": bytes_fit and HAS_QUADS,
        "dot16": inputs.within(INT16) and weights.within(INT16),
        "dot32": inputs.within(INT32) and weights.within(INT32),
    }
    for name in (kernel,) if kernel else PACKED:
        if possible[name] and name in allowed:
            return PACKED[name], f"{what}; sums modulo 2^32"
    if kernel and possible[kernel]:
        msg = f"scaled inputs come as {' or '.join(sorted(allowed))}, not {kernel}"
        raise NotProvedError(msg)
    lacks = " (this processor has no such instruction)" if bytes_fit and kernel == "dot8" else ""
    msg = f"{what} do not fit {kernel or 'dot32'}{lacks}"
    raise NotProvedError(msg)
