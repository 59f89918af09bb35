"""An hls4ml ``ModelGraph`` becomes a graph, from its own attributes: weights, types, wiring.

What has no exact counterpart among the graph's operations is refused, naming the layer. See hls4ml
1.3.0, ``model/layers.py``, ``model/types.py`` and the ``nnet_utils`` templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from emulator.errors import FormatError, RangeError
from emulator.fixed import FixedFormat, Overflow, Rounding, quantize
from emulator.graph import (
    Add,
    Dense,
    Flatten,
    Graph,
    Input,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Reshape,
    Square,
    Subtract,
    Sum,
)
from firmware.errors import UnreadableLayerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def read_model_graph(model: Any) -> Graph:
    """Read a graph from hls4ml's model after its optimizer passes.

    Parameters
    ----------
    model
        An ``hls4ml.model.ModelGraph`` of the Vivado or Vitis back end.

    Returns
    -------
    A graph that computes, bit for bit, what the C-simulation of the model computes.

    Raises
    ------
    UnreadableLayerError
        If a layer, its strategy or one of its types has no exact counterpart.
    emulator.errors.GraphError
        If the graph that comes out breaks a rule, for example has two inputs.
    """
    # Layers name the *results* that they take, which may be called otherwise than their layers.
    makers = {out: layer.name for layer in model.get_layers() for out in layer.outputs}
    nodes = []
    for layer in model.get_layers():
        read = _READERS.get(layer.class_name)
        if read is None:
            known = ", ".join(_READERS)
            raise UnreadableLayerError(layer.name, f"it is a {layer.class_name}; known: {known}")
        inputs = () if layer.class_name == "Input" else tuple(makers[name] for name in layer.inputs)
        nodes.append(read(layer, inputs))
    return Graph(tuple(nodes), tuple(makers[name] for name in model.outputs))


def _format(layer: Any, precision: Any) -> FixedFormat:
    """Translate one of hls4ml's precisions."""
    width, integer = getattr(precision, "width", 0), getattr(precision, "integer", None)
    if integer is None or not hasattr(precision, "saturation_mode"):
        raise UnreadableLayerError(layer.name, f"its type {precision} is not fixed-point")
    if precision.saturation_bits:
        reason = f"its type {precision} wraps with saturation bits, which is not modelled"
        raise UnreadableLayerError(layer.name, reason)
    rounding = cast("Rounding", str(precision.rounding_mode))
    overflow = cast("Overflow", str(precision.saturation_mode))
    try:
        return FixedFormat(int(width), int(integer), bool(precision.signed), rounding, overflow)
    except FormatError as error:
        raise UnreadableLayerError(layer.name, f"its type {precision}: {error}") from error


def _result(layer: Any) -> FixedFormat:
    return _format(layer, layer.get_output_variable().type.precision)


def _named_type(layer: Any, name: str) -> FixedFormat:
    return _format(layer, layer.get_attr(name).precision)


def _flat_size(layer: Any, variable: Any) -> int:
    if len(variable.shape) != 1:
        raise UnreadableLayerError(layer.name, f"its shape {variable.shape} is not one-dimensional")
    return int(variable.shape[0])


def _constants(layer: Any, name: str) -> tuple[NDArray[np.int64], FixedFormat]:
    """Raws of a weight as C-simulation sees it: printed with F decimals, then cast."""
    weight = layer.weights[name]
    target = _format(layer, weight.type.precision)
    data = np.asarray(weight.data, dtype=np.float64)
    raws = np.ldexp(data, target.fraction)
    # Integers that the type holds are exact.
    low, high = float(target.lowest), float(target.raw_max)
    held = (raws >= max(low, -(2.0**53))) & (raws <= min(high, 2.0**53))
    if held.all() and (np.floor(raws) == raws).all():
        return raws.astype(np.int64), target
    printed = np.array([float(weight.precision_fmt.format(value)) for value in data.ravel()])
    try:
        return quantize(printed.reshape(data.shape), target), target
    except (RangeError, ValueError) as error:
        raise UnreadableLayerError(layer.name, f"its {name}: {error}") from error


def _integers(raws: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(raws.ravel().tolist())


def _read_input(layer: Any, inputs: tuple[str, ...]) -> Node:
    return Input(
        layer.name, inputs, _result(layer), size=_flat_size(layer, layer.get_output_variable())
    )


def _read_dense(layer: Any, inputs: tuple[str, ...]) -> Node:
    _flat_size(layer, layer.get_input_variable())
    weights, weight_format = _constants(layer, "weight")
    bias, bias_format = _constants(layer, "bias")
    accumulator = _named_type(layer, "accum_t")
    strategy = str(layer.get_attr("strategy")).lower()
    reuse = int(layer.get_attr("reuse_factor", 1))
    if strategy not in {"latency", "resource"}:
        raise UnreadableLayerError(layer.name, f"strategy {strategy!r} computes in its own way")
    if strategy == "resource" and reuse > 1 and accumulator.overflow != "WRAP":
        reason = f"{accumulator} saturates, and reuse factor {reuse} adds in another order"
        raise UnreadableLayerError(layer.name, reason)
    if layer.get_attr("_weights_transposed", False):
        weights = weights.T
    return Dense(
        layer.name,
        inputs,
        _result(layer),
        weights=tuple(tuple(row) for row in weights.tolist()),
        weight_format=weight_format,
        bias=_integers(bias),
        bias_format=bias_format,
        accumulator=accumulator,
    )


def _read_activation(layer: Any, inputs: tuple[str, ...]) -> Node:
    kinds: dict[str, type[Node]] = {"relu": Relu, "linear": Quantize}
    name = str(layer.get_attr("activation")).lower()
    if name not in kinds:
        reason = f"activation {name!r} is not known; known: {', '.join(kinds)}"
        raise UnreadableLayerError(layer.name, reason)
    return kinds[name](layer.name, inputs, _result(layer))


def _read_merge(layer: Any, inputs: tuple[str, ...]) -> Node:
    kinds: dict[str, type[Node]] = {"add": Add, "subtract": Subtract}
    name = str(layer.get_attr("op")).lower()
    if name not in kinds:
        reason = f"merging by {name!r} is not known; known: {', '.join(kinds)}"
        raise UnreadableLayerError(layer.name, reason)
    return kinds[name](layer.name, inputs, _result(layer))


def _read_offset_shift(layer: Any, inputs: tuple[str, ...]) -> Node:
    offset, offset_format = _constants(layer, "offset")
    shift, _ = _constants(layer, "shift")
    return OffsetShift(
        layer.name,
        inputs,
        _result(layer),
        offset=_integers(offset),
        offset_format=offset_format,
        shift=_integers(shift),
        inner=_named_type(layer, "inner_t"),
    )


def _read_quantize(layer: Any, inputs: tuple[str, ...]) -> Node:
    return Quantize(layer.name, inputs, _result(layer))


def _read_reshape(layer: Any, inputs: tuple[str, ...]) -> Node:
    shape = tuple(int(axis) for axis in layer.get_output_variable().shape)
    if len(shape) == 1:
        return Flatten(layer.name, inputs, _result(layer))
    return Reshape(layer.name, inputs, _result(layer), shape=shape)


def _read_square(layer: Any, inputs: tuple[str, ...]) -> Node:
    return Square(layer.name, inputs, _result(layer))


def _read_sum(layer: Any, inputs: tuple[str, ...]) -> Node:
    return Sum(layer.name, inputs, _result(layer), accumulator=_named_type(layer, "accum_t"))


_READERS: dict[str, Callable[[Any, tuple[str, ...]], Node]] = {
    "Input": _read_input,
    "Dense": _read_dense,
    "Activation": _read_activation,
    "Merge": _read_merge,
    "L1OffsetShift": _read_offset_shift,
    "L1Quantize": _read_quantize,
    "Reshape": _read_reshape,
    "L1Reshape": _read_reshape,
    "L1Square": _read_square,
    "L1Sum": _read_sum,
}
