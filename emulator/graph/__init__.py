"""The fixed-point network: operations with executable rules, the graph, and its exact ranges."""

from __future__ import annotations

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
    "OffsetShift",
    "Quantize",
    "Relu",
    "Square",
    "Subtract",
    "Sum",
    "Tensor",
    "node_ranges",
]
