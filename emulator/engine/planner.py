"""Proofs of the widths that the engine may use, from exact intervals of the actual weights.

For every node the planner says which kernel may run it and which integers that kernel ever stores or
computes. If all of them fit, tiles hold 32-bit integers; else 64-bit ones; a network that needs more
than 62 bits is run by the plain-Python reference. Correctness never depends on the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emulator.engine.proofs import prove
from emulator.engine.widths import INT32, INT62, signed_bits
from emulator.fixed import Interval
from emulator.graph.ranges import node_ranges
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.engine.proofs import Kernel, Proof
    from emulator.graph.graph import Graph
    from emulator.graph.operations import Node
    from emulator.graph.ranges import Ranges


@dataclass(frozen=True, slots=True)
class NodePlan(Record):
    """What is proved about one node.

    ``low`` and ``high`` bound its result; ``stored_bits`` is the width that holds every integer its
    kernel keeps in a tile, ``computed_bits`` that of every intermediate integer.
    """

    node: str
    operation: str
    kernel: Kernel
    low: int
    high: int
    stored_bits: int
    computed_bits: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """How a network is run: by tiles of 32- or 64-bit integers, or (0) by Python integers."""

    tile_bits: Literal[0, 32, 64]
    nodes: tuple[NodePlan, ...]


def plan(graph: Graph) -> Plan:
    """Prove the widths of a network and choose its kernels.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square
    >>> x = Input("x", (), FixedFormat(16, 16), size=1)
    >>> y = Square("y", ("x",), FixedFormat(33, 33))
    >>> plan(Graph((x, y), ("y",))).tile_bits
    32
    >>> z = Square("z", ("y",), FixedFormat(66, 66))
    >>> w = Square("w", ("z",), FixedFormat(130, 130))
    >>> plan(Graph((x, y, z, w), ("w",))).tile_bits
    0
    """
    ranges = node_ranges(graph)
    proofs = {
        node.name: prove(
            node,
            [ranges[name] for name in node.inputs],
            [graph.tensors[name] for name in node.inputs],
        )
        for node in graph.nodes
    }
    nodes = tuple(_node_plan(graph[name], proof, ranges) for name, proof in proofs.items())
    if not all(proof.computed.within(INT62) for proof in proofs.values()):
        return Plan(0, nodes)
    narrow = all(proof.stored.within(INT32) for proof in proofs.values())
    return Plan(32 if narrow else 64, nodes)


def _node_plan(node: Node, proof: Proof, ranges: Mapping[str, Ranges]) -> NodePlan:
    result = Interval.hull(ranges[node.name])
    return NodePlan(
        node=node.name,
        operation=type(node).__name__,
        kernel=proof.kernel,
        low=result.low,
        high=result.high,
        stored_bits=signed_bits(proof.stored),
        computed_bits=signed_bits(proof.computed),
        reason=proof.reason,
    )
