"""Operations of a fixed-point network.

Each operation is a frozen dataclass of plain values (integers, tuples, types): the same definition is
read by the plain-Python reference, the engine, the hls4ml writer and the model file. Its ``infer``
states the rules it obeys and returns what it produces; a broken rule raises `GraphError` with the
node's name.

Tensors hold elements of one `FixedFormat` under a shape. Arithmetic inside a node is exact; the only
roundings and overflows are the casts that its fields name.
"""

from __future__ import annotations

from emulator.graph.operations.elements import (
    Add,
    BatchNormalization,
    Multiply,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Square,
    Subtract,
)
from emulator.graph.operations.node import Node, Tensor
from emulator.graph.operations.pools import AveragePool, MaxPool
from emulator.graph.operations.shapes import Concatenate, Constant, Flatten, Input, Reshape
from emulator.graph.operations.sums import Conv2d, Dense, Sum
from emulator.graph.operations.tables import Sigmoid, Tanh, UnaryLut

#: Every operation by its name in the model file.
OPERATIONS: dict[str, type[Node]] = {
    operation.__name__: operation
    for operation in (
        Input,
        OffsetShift,
        Dense,
        Relu,
        Quantize,
        Add,
        Subtract,
        Square,
        Sum,
        Reshape,
        Flatten,
        Conv2d,
        BatchNormalization,
        Sigmoid,
        Tanh,
        UnaryLut,
        QuantizeEach,
        Multiply,
        Constant,
        Concatenate,
        AveragePool,
        MaxPool,
    )
}

__all__ = [
    "OPERATIONS",
    "Add",
    "AveragePool",
    "BatchNormalization",
    "Concatenate",
    "Constant",
    "Conv2d",
    "Dense",
    "Flatten",
    "Input",
    "MaxPool",
    "Multiply",
    "Node",
    "OffsetShift",
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
]
