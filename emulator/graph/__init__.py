"""The fixed-point network: operations with executable rules, the graph, its exact ranges and its cost."""

from __future__ import annotations

from emulator.graph.cost import NodeCost, graph_cost, total_ebops
from emulator.graph.graph import Graph
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
from emulator.graph.ranges import node_ranges

__all__ = [
    "Add",
    "Dense",
    "Graph",
    "Input",
    "Node",
    "NodeCost",
    "OffsetShift",
    "Quantize",
    "Relu",
    "Square",
    "Subtract",
    "Sum",
    "Tensor",
    "graph_cost",
    "node_ranges",
    "total_ebops",
]
