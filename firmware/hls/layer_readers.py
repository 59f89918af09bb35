"""One reader for each kind of hls4ml layer: its attributes, constants and types become a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from emulator.errors import FormatError, RangeError
from emulator.fixed import FixedFormat, Overflow, Rounding, quantize
from emulator.graph import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
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
    UnaryLut,
)
from emulator.graph.tables import sigmoid_table, tanh_table
from firmware.errors import UnreadableLayerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Source:
    """A layer of hls4ml and the names of the nodes that it reads."""

    layer: Any
    inputs: tuple[str, ...]

    @property
    def common(self) -> tuple[str, tuple[str, ...], FixedFormat]:
        """What every node begins with: name, inputs, type of the result."""
        precision = self.layer.get_output_variable().type.precision
        return self.layer.name, self.inputs, self.format(precision)

    def refuse(self, reason: str) -> NoReturn:
        """Raise the error that names the layer."""
        raise UnreadableLayerError(self.layer.name, reason)

    def format(self, precision: Any) -> FixedFormat:
        """Translate one of hls4ml's precisions."""
        width, integer = getattr(precision, "width", 0), getattr(precision, "integer", None)
        if integer is None or not hasattr(precision, "saturation_mode"):
            self.refuse(f"its type {precision} is not fixed-point")
        if precision.saturation_bits:
            reason = f"its type {precision} wraps with saturation bits, which is not modelled"
            self.refuse(reason)
        rounding = cast("Rounding", str(precision.rounding_mode))
        overflow = cast("Overflow", str(precision.saturation_mode))
        try:
            return FixedFormat(int(width), int(integer), bool(precision.signed), rounding, overflow)
        except FormatError as error:
            self.refuse(f"its type {precision}: {error}")

    def named_type(self, name: str) -> FixedFormat:
        """Translate a type that the layer names."""
        return self.format(self.layer.get_attr(name).precision)

    def integers(self, *names: str) -> tuple[int, ...]:
        """Return integer attributes."""
        return tuple(int(self.layer.get_attr(name)) for name in names)

    def constants(self, name: str) -> tuple[NDArray[np.int64], FixedFormat]:
        """Raws of a weight as C-simulation sees it: printed with F decimals, then cast."""
        weight = self.layer.weights[name]
        target = self.format(weight.type.precision)
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
            self.refuse(f"its {name}: {error}")

    def flat_constants(self, name: str) -> tuple[tuple[int, ...], FixedFormat]:
        """Return the raws of a weight without its shape, and their type."""
        raws, target = self.constants(name)
        return _flat(raws), target


def _flat(raws: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(raws.ravel().tolist())


def _matrix(raws: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in raws.tolist())


def _accumulator(source: Source) -> FixedFormat:
    """Type of the accumulator of a layer of products, if it adds in the order of the inputs."""
    accumulator = source.named_type("accum_t")
    strategy = str(source.layer.get_attr("strategy")).lower()
    reuse = int(source.layer.get_attr("reuse_factor", 1))
    if strategy not in {"latency", "resource"}:
        source.refuse(f"strategy {strategy!r} computes in its own way")
    if strategy == "resource" and reuse > 1 and accumulator.overflow != "WRAP":
        source.refuse(f"{accumulator} saturates, and reuse factor {reuse} adds in another order")
    return accumulator


def _read_dense(source: Source) -> Node:
    shape = source.layer.get_input_variable().shape
    if len(shape) != 1:
        source.refuse(f"its shape {shape} is not one-dimensional")
    weights, weight_format = source.constants("weight")
    bias, bias_format = source.flat_constants("bias")
    accumulator = _accumulator(source)
    if source.layer.get_attr("_weights_transposed", False):
        weights = weights.T
    return Dense(
        *source.common,
        weights=_matrix(weights),
        weight_format=weight_format,
        bias=bias,
        bias_format=bias_format,
        accumulator=accumulator,
    )


def _require_channels_last(source: Source) -> None:
    if str(source.layer.get_attr("data_format")) != "channels_last":
        source.refuse("its channels come first; only the order (height, width, channel) is known")


def _read_conv2d(source: Source) -> Node:
    _require_channels_last(source)
    dilations = [int(source.layer.get_attr(f"dilation_{axis}", 1)) for axis in ("height", "width")]
    if dilations != [1, 1]:
        source.refuse(f"its dilation {dilations} is not modelled")
    weights, weight_format = source.constants("weight")
    bias, bias_format = source.flat_constants("bias")
    accumulator = _accumulator(source)
    if source.layer.get_attr("_weights_transposed", False):
        weights = np.transpose(weights, (1, 2, 3, 0))
    return Conv2d(
        *source.common,
        weights=_matrix(weights.reshape(-1, weights.shape[-1])),
        weight_format=weight_format,
        bias=bias,
        bias_format=bias_format,
        accumulator=accumulator,
        kernel=source.integers("filt_height", "filt_width"),
        stride=source.integers("stride_height", "stride_width"),
        padding=source.integers("pad_top", "pad_bottom", "pad_left", "pad_right"),
    )


def _read_batch_normalization(source: Source) -> Node:
    scale, scale_format = source.flat_constants("scale")
    bias, bias_format = source.flat_constants("bias")
    return BatchNormalization(
        *source.common,
        scale=scale,
        scale_format=scale_format,
        bias=bias,
        bias_format=bias_format,
    )


def _read_activation(source: Source) -> Node:
    kinds: dict[str, type[Node]] = {"relu": Relu, "linear": Quantize}
    tables: dict[str, Callable[[Source], Node]] = {"sigmoid": _read_sigmoid, "tanh": _read_tanh}
    name = str(source.layer.get_attr("activation")).lower()
    if name in tables:
        return tables[name](source)
    if name not in kinds:
        source.refuse(f"activation {name!r} is not known; known: {', '.join([*kinds, *tables])}")
    return kinds[name](*source.common)


def _read_sigmoid(source: Source) -> Node:
    table_format, (size,) = source.named_type("table_t"), source.integers("table_size")
    table = sigmoid_table(size, table_format)
    return Sigmoid(*source.common, table=table, table_format=table_format)


def _read_tanh(source: Source) -> Node:
    table_format, (size,) = source.named_type("table_t"), source.integers("table_size")
    table = tanh_table(size, table_format)
    return Tanh(*source.common, table=table, table_format=table_format)


def _read_softmax(source: Source) -> Node:
    source.refuse("it is a softmax, whose C-simulation has not been verified")


def _read_unary_lut(source: Source) -> Node:
    table, table_format = source.flat_constants("table")
    return UnaryLut(*source.common, table=table, table_format=table_format)


def _read_quantizer(source: Source) -> Node:
    layer = source.layer
    signed, width, integer = (np.asarray(part)[0] for part in layer.mask_kbi)
    shape = tuple(int(axis) for axis in layer.get_output_variable().shape)
    if all(part.size == 1 for part in (signed, width, integer)) or all(
        part.size == part.shape[-1] for part in (signed, width, integer)
    ):
        masks = [np.broadcast_to(part.ravel(), shape[-1]) for part in (signed, width, integer)]
    else:
        masks = [np.broadcast_to(part, shape).ravel() for part in (signed, width, integer)]
    rounding, overflow = cast("Rounding", str(layer.RND)), cast("Overflow", str(layer.SAT))
    try:
        formats = tuple(
            FixedFormat(int(b), int(i), bool(k), rounding, overflow) if b > 0 else None
            for k, b, i in zip(*masks, strict=True)
        )
    except FormatError as error:
        source.refuse(f"its quantizer: {error}")
    return QuantizeEach(*source.common, formats=formats)


def _read_merge(source: Source) -> Node:
    kinds: dict[str, type[Node]] = {"add": Add, "subtract": Subtract, "multiply": Multiply}
    name = str(source.layer.get_attr("op")).lower()
    if name not in kinds:
        source.refuse(f"merging by {name!r} is not known; known: {', '.join(kinds)}")
    return kinds[name](*source.common)


def _read_concatenate(source: Source) -> Node:
    axis, n_axes = int(source.layer.get_attr("axis")), len(source.layer.get_output_variable().shape)
    if axis not in {-1, n_axes}:  # counted with the events as axis 0
        source.refuse(f"it concatenates along axis {axis}; only the last one is known")
    return Concatenate(*source.common)


def _read_pool(source: Source) -> Node:
    _require_channels_last(source)
    if any(source.integers("pad_top", "pad_bottom", "pad_left", "pad_right")):
        source.refuse("it pools over padding, which is not modelled")
    accumulator = source.named_type("accum_t")
    window = source.integers("pool_height", "pool_width")
    stride = source.integers("stride_height", "stride_width")
    if str(source.layer.get_attr("pool_op")) == "Average":
        return AveragePool(*source.common, window=window, stride=stride, accumulator=accumulator)
    given = source.format(source.layer.get_input_variable().type.precision)
    held = (
        accumulator.fraction >= given.fraction
        and accumulator.integer - accumulator.signed >= given.integer - given.signed
        and accumulator.signed >= given.signed
    )
    if not held:
        source.refuse(f"its accumulator {accumulator} does not hold its input, {given}")
    return MaxPool(*source.common, window=window, stride=stride)


def _read_reshape(source: Source) -> Node:
    shape = tuple(int(axis) for axis in source.layer.get_output_variable().shape)
    if len(shape) == 1:
        return Flatten(*source.common)
    return Reshape(*source.common, shape=shape)


def _read_constant(source: Source) -> Node:
    raws, _ = source.flat_constants("value")
    shape = tuple(int(axis) for axis in source.layer.get_output_variable().shape)
    name, _, target = source.common
    return Constant(name, (), target, shape=shape, raws=raws)


def _read_offset_shift(source: Source) -> Node:
    offset, offset_format = source.flat_constants("offset")
    shift, _ = source.flat_constants("shift")
    return OffsetShift(
        *source.common,
        offset=offset,
        offset_format=offset_format,
        shift=shift,
        inner=source.named_type("inner_t"),
    )


def _read_quantize(source: Source) -> Node:
    return Quantize(*source.common)


def _read_square(source: Source) -> Node:
    return Square(*source.common)


def _read_sum(source: Source) -> Node:
    return Sum(*source.common, accumulator=source.named_type("accum_t"))


#: Readers by the class of the layer.
READERS: dict[str, Callable[[Source], Node]] = {
    "Dense": _read_dense,
    "Conv2D": _read_conv2d,
    "PointwiseConv2D": _read_conv2d,
    "BatchNormalization": _read_batch_normalization,
    "ApplyAlpha": _read_batch_normalization,
    "Activation": _read_activation,
    "Softmax": _read_softmax,
    "UnaryLUT": _read_unary_lut,
    "FixedPointQuantizer": _read_quantizer,
    "Merge": _read_merge,
    "Concatenate": _read_concatenate,
    "Pooling2D": _read_pool,
    "Reshape": _read_reshape,
    "L1Constant": _read_constant,
    "L1OffsetShift": _read_offset_shift,
    "L1Quantize": _read_quantize,
    "L1Reshape": _read_reshape,
    "L1Square": _read_square,
    "L1Sum": _read_sum,
}
