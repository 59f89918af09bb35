"""What a network costs in multiplications, before any synthesis: EBOPs and non-zero weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

from emulator.graph.operations import (
    BatchNormalization,
    Conv2d,
    Dense,
    Flatten,
    Multiply,
    Node,
    QuantizeEach,
    Reshape,
    Square,
    Tensor,
)
from emulator.graph.windows import BEYOND, patches, spread, weight_columns
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat
    from emulator.graph.graph import Graph

    # Bits of each element of a tensor, the sign not counted.
    Bits = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeCost(Record):
    """Cost of one node.

    Parameters
    ----------
    node
        Its name.
    ebops
        Effective bit operations; 0 where nothing is multiplied.
    n_weights, n_nonzero
        Constants that are multiplied with something, and how many of them are not 0; biases are not
        counted.
    """

    node: str
    ebops: int
    n_weights: int
    n_nonzero: int


def graph_cost(graph: Graph) -> tuple[NodeCost, ...]:
    """Return the cost of each node, in order of evaluation.

    EBOPs (Sun et al., HGQ, arXiv:2405.00645, eq. 5) are the sum of ``b_i * b_j`` over all
    multiplications of the network. A constant has as many bits as its first and last non-zero bit
    enclose (``001011000`` has 4), anything else those of its type; signs are not counted. With all
    multiplications unrolled, EBOPs come near LUT + 55 DSP.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input
    >>> x = Input("x", (), FixedFormat(8, 8), size=2)
    >>> y = Square("y", ("x",), FixedFormat(16, 16))
    >>> graph_cost(Graph((x, y), ("y",)))[1]
    NodeCost(node='y', ebops=98, n_weights=0, n_nonzero=0)
    """
    costs = []
    for node in graph.nodes:
        bits = [element_bits(graph, name) for name in node.inputs]
        ebops = _ebops(node, bits, [graph.tensors[name] for name in node.inputs])
        weights = _weights(node)
        nonzero = sum(weight != 0 for weight in weights)
        costs.append(NodeCost(node.name, ebops, len(weights), nonzero))
    return tuple(costs)


def total_ebops(graph: Graph) -> int:
    """Return the EBOPs of the whole network; see `graph_cost`."""
    return sum(cost.ebops for cost in graph_cost(graph))


def constant_bits(raw: int) -> int:
    """Return how many bits the first and the last non-zero bit of ``|raw|`` enclose; 0 has none.

    Examples
    --------
    >>> [constant_bits(raw) for raw in (0, 1, -8, 0b1011000)]
    [0, 1, 1, 4]
    """
    size = abs(raw)
    return size.bit_length() - (size & -size).bit_length() + 1 if size else 0


def type_bits(target: FixedFormat) -> int:
    """Return the bits of a type, its sign not counted."""
    return target.width - target.signed


def element_bits(graph: Graph, name: str) -> Bits:
    """Return the bits of each element of a node's result, the sign not counted."""
    node = graph[name]
    if isinstance(node, Reshape | Flatten):
        return element_bits(graph, node.inputs[0])
    tensor = graph.tensors[name]
    if isinstance(node, QuantizeEach):
        formats = spread(node.formats, tensor.size)
        return tuple(type_bits(own) if own is not None else 0 for own in formats)
    return (type_bits(tensor.format),) * tensor.size


@singledispatch
def _weights(node: Node) -> Sequence[int]:
    """Return the constants that are multiplied with something."""
    return ()


@_weights.register(Dense)
@_weights.register(Conv2d)
def _(node: Dense | Conv2d) -> Sequence[int]:
    return [weight for row in node.weights for weight in row]


@_weights.register(BatchNormalization)
def _(node: BatchNormalization) -> Sequence[int]:
    return node.scale


@singledispatch
def _ebops(node: Node, inputs: Sequence[Bits], tensors: Sequence[Tensor]) -> int:
    return 0


@_ebops.register(Dense)
@_ebops.register(Conv2d)
def _(node: Dense | Conv2d, inputs: Sequence[Bits], tensors: Sequence[Tensor]) -> int:
    total = 0
    for patch in patches(node, tensors[0]):
        bits = [0 if place == BEYOND else inputs[0][place] for place in patch.places]
        for weights in weight_columns(node, len(bits)):
            total += sum(b * constant_bits(weight) for b, weight in zip(bits, weights, strict=True))
    return total


@_ebops.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Bits], tensors: Sequence[Tensor]) -> int:
    scales = spread(node.scale, tensors[0].size)
    return sum(bits * constant_bits(scale) for bits, scale in zip(inputs[0], scales, strict=True))


@_ebops.register(Square)
def _(node: Square, inputs: Sequence[Bits], tensors: Sequence[Tensor]) -> int:
    return sum(bits * bits for bits in inputs[0])


@_ebops.register(Multiply)
def _(node: Multiply, inputs: Sequence[Bits], tensors: Sequence[Tensor]) -> int:
    return sum(first * second for first, second in zip(*inputs, strict=True))
