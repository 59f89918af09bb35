"""The fixed-point network: operations with executable rules, the graph, its exact ranges and its cost."""

from __future__ import annotations

from emulator.graph.casts import InputCasts, cut_behind_casts
from emulator.graph.cost import NodeCost, graph_cost, total_ebops
from emulator.graph.graph import Graph
from emulator.graph.operations import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Input,
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
from emulator.graph.overflows import OverflowCount, count_overflows, possible_overflows
from emulator.graph.ranges import node_ranges

__all__ = [
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Concatenate",
    "Constant",
    "Conv2d",
    "Dense",
    "Flatten",
    "Graph",
    "Input",
    "InputCasts",
    "MaxPool",
    "Multiply",
    "Node",
    "NodeCost",
    "OffsetShift",
    "OverflowCount",
    "Quantize",
    "QuantizeEach",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Square",
    "Subtract",
    "Sum",
    "Tanh",
    "Tensor",
    "UnaryLut",
    "count_overflows",
    "cut_behind_casts",
    "graph_cost",
    "node_ranges",
    "possible_overflows",
    "total_ebops",
]
