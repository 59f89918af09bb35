"""What hls4ml is told of each operation: types, and the entry of its layer list."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed import to_float
from emulator.graph import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Graph,
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
from firmware.hls.settings import DISTRIBUTED_ARITHMETIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.fixed import FixedFormat
    from firmware.hls.settings import HlsSettings


def layer_types(node: Node, inputs: Sequence[Tensor]) -> Mapping[str, FixedFormat]:
    """Return all types of a node, under hls4ml's names for them."""
    types = {"result": node.format}
    if isinstance(node, Dense | Conv2d):
        types |= {"weight": node.weight_format, "bias": node.bias_format}
    if isinstance(node, Dense | Conv2d | Sum | AveragePool):
        types["accum"] = node.accumulator
    if isinstance(node, MaxPool):  # hls4ml casts the maximum to it before the result
        types["accum"] = inputs[0].format
    if isinstance(node, OffsetShift):
        types |= {"offset": node.offset_format, "inner": node.inner}
    if isinstance(node, BatchNormalization):
        types |= {"scale": node.scale_format, "bias": node.bias_format}
    if isinstance(node, UnaryLut):
        types["table"] = node.table_format
    if isinstance(node, Constant):
        types["value"] = node.format
    return types


def layer_settings(node: Node) -> dict[str, Any]:
    """Return what hls4ml reads from its configuration of the layer, beside types and strategy."""
    if isinstance(node, UnaryLut | Sigmoid | Tanh):
        return {"TableSize": len(node.table), "table_t": str(node.table_format)}
    return {}


def layer_entry(node: Node, graph: Graph) -> dict[str, Any]:
    """Return the entry of a node in hls4ml's layer list."""
    inputs = [graph.tensors[name] for name in node.inputs]
    # hls4ml wires a layer without inputs to the one before it; ours drops that.
    names = list(node.inputs) or ([graph.input.name] if isinstance(node, Constant) else [])
    entry = {"name": node.name, "inputs": names, **_attributes(node, inputs, graph)}
    return {**entry, "n_in": inputs[0].size} if inputs else entry


def n_weight_files(graph: Graph, settings: HlsSettings) -> int:
    """Return how many files of constants hls4ml writes for a graph."""
    return sum(_n_weight_files(node, settings) for node in graph.nodes)


def _n_weight_files(node: Node, settings: HlsSettings) -> int:
    if isinstance(node, Dense | Conv2d):  # shifts and additions hold the weights in the code
        return 0 if settings.strategy == DISTRIBUTED_ARITHMETIC else 2
    if isinstance(node, OffsetShift | BatchNormalization):
        return 2
    return int(isinstance(node, UnaryLut | Constant))


@singledispatch
def _attributes(node: Node, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    msg = f"no hls4ml layer for {type(node).__name__}"
    raise TypeError(msg)


@_attributes.register(Input)
def _(node: Input, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "InputLayer", "input_shape": [node.size]}


@_attributes.register(Constant)
def _(node: Constant, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {
        "class_name": "L1Constant",
        "n_in": len(node.raws),
        "target_shape": list(node.shape),
        "value_data": to_float(node.raws, node.format),
    }


@_attributes.register(Dense)
def _(node: Dense, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {
        "class_name": "Dense",
        "n_out": len(node.bias),
        "weight_data": to_float(node.weights, node.weight_format),
        "bias_data": to_float(node.bias, node.bias_format),
        "use_bias": True,
        "data_format": "channels_last",
    }


@_attributes.register(Conv2d)
def _(node: Conv2d, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    height, width, channels = inputs[0].shape
    out_height, out_width, n_filters = graph.tensors[node.name].shape
    weights = to_float(node.weights, node.weight_format)
    return {
        "class_name": "Conv2D",
        **dict(zip(("in_height", "in_width", "n_chan"), (height, width, channels), strict=True)),
        "out_height": out_height,
        "out_width": out_width,
        "n_filt": n_filters,
        **dict(zip(("filt_height", "filt_width"), node.kernel, strict=True)),
        **dict(zip(("stride_height", "stride_width"), node.stride, strict=True)),
        **dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), node.padding, strict=True)),
        "weight_data": weights.reshape(*node.kernel, channels, n_filters),
        "bias_data": to_float(node.bias, node.bias_format),
        "use_bias": True,
        "data_format": "channels_last",
    }


@_attributes.register(OffsetShift)
def _(node: OffsetShift, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {
        "class_name": "L1OffsetShift",
        "offset_data": to_float(node.offset, node.offset_format),
        "shift_data": np.array(node.shift, dtype=np.float64),
    }


@_attributes.register(BatchNormalization)
def _(node: BatchNormalization, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    n = len(node.scale)
    return {
        "class_name": "BatchNormalization",
        "n_filt": -1 if n == inputs[0].size else n,
        "scale_data": to_float(node.scale, node.scale_format),
        "bias_data": to_float(node.bias, node.bias_format),
    }


@_attributes.register(Relu)
@_attributes.register(Sigmoid)
@_attributes.register(Tanh)
def _(node: Node, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "Activation", "activation": type(node).__name__.lower()}


@_attributes.register(UnaryLut)
def _(node: UnaryLut, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {
        "class_name": "UnaryLUT",
        "activation": "unary_lut",
        "table_data": to_float(node.table, node.table_format),
    }


@_attributes.register(Quantize)
def _(node: Quantize, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "L1Quantize"}


@_attributes.register(QuantizeEach)
def _(node: QuantizeEach, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    shape = inputs[0].shape
    if len(node.formats) < inputs[0].size:  # one for each channel
        shape = (*(1 for _ in shape[:-1]), shape[-1])
    # Zero bits stand for no type; the integer bits are then of no meaning.
    signed, width, integer = (
        np.array([[int(getattr(own, name)) if own else 0 for own in node.formats]])
        for name in ("signed", "width", "integer")
    )
    first = next((own for own in node.formats if own), node.format)
    return {
        "class_name": "FixedPointQuantizer",
        "mask_kbi": tuple(part.reshape(1, *shape) for part in (signed, width, integer)),
        "RND": first.rounding,
        "SAT": first.overflow,
        "fusible": False,
        "overrides": {},
    }


@_attributes.register(Square)
def _(node: Square, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "L1Square"}


@_attributes.register(Sum)
def _(node: Sum, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "L1Sum"}


@_attributes.register(Add)
@_attributes.register(Subtract)
@_attributes.register(Multiply)
def _(node: Node, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "Merge", "op": type(node).__name__.lower()}


@_attributes.register(Concatenate)
def _(node: Concatenate, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    axes = len(inputs[0].shape)
    return {"class_name": "Concatenate", "op": f"concatenate{axes}d", "axis": -1}


@_attributes.register(Reshape)
@_attributes.register(Flatten)
def _(node: Node, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    return {"class_name": "L1Reshape", "target_shape": list(graph.tensors[node.name].shape)}


@_attributes.register(MaxPool)
@_attributes.register(AveragePool)
def _(node: MaxPool | AveragePool, inputs: Sequence[Tensor], graph: Graph) -> dict[str, Any]:
    height, width, channels = inputs[0].shape
    out_height, out_width, _ = graph.tensors[node.name].shape
    kind = "Max" if isinstance(node, MaxPool) else "Average"
    return {
        "class_name": f"{kind}Pooling2D",
        "in_height": height,
        "in_width": width,
        "n_filt": channels,
        "out_height": out_height,
        "out_width": out_width,
        **dict(zip(("pool_height", "pool_width"), node.window, strict=True)),
        **dict(zip(("stride_height", "stride_width"), node.stride, strict=True)),
        **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
        "count_pad": False,
        "data_format": "channels_last",
    }
