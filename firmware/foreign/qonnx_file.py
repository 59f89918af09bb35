"""QONNX models, as Brevitas exports them: ONNX with ``Quant`` nodes that state the types.

See the QONNX specification of ``Quant`` (https://github.com/fastmachinelearning/qonnx) and, for what
hls4ml makes of it, its ``quant_opt`` optimizer passes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError
from emulator.fixed import to_float
from emulator.graph import Sigmoid, Tanh
from firmware.errors import UnreadableLayerError
from firmware.foreign.archives import read_bytes
from firmware.foreign.conversion import ForeignModel, convert, hls_options, one_sentence, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.fixed import FixedFormat
    from emulator.graph import Graph

KIND = "QONNX model"

#: A type that no network has stands where hls4ml would fall back on one of its own.
NOT_STATED = (1, 0)

#: Events for which qonnx executes the model itself.
OWN_EVENTS = 32
#: Integers up to so many bits are exact in float32, sign included.
_FLOAT_BITS = 25

#: Nodes that the preparation by qonnx resolves before hls4ml sees them.
_RESOLVED = {"Gemm", "Transpose", "Constant", "Shape", "Gather", "Unsqueeze", "Squeeze", "Cast"}
_WEIGHTED = {"Gemm", "MatMul", "Conv"}
#: hls4ml takes images with the channels last only; ONNX has them first.
_OF_IMAGES = {"Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"}
_QUANTIZERS = {"Quant"}
_PASSED_ON = {"Transpose", "Reshape", "Identity", "Squeeze", "Unsqueeze"}


def read_qonnx(source: str | Path, input_format: FixedFormat) -> ForeignModel:
    """Read a QONNX model, with the types that its ``Quant`` nodes state.

    Parameters
    ----------
    source
        An ``.onnx`` file.
    input_format
        The type of what is fed in; the file states none before its first ``Quant``.

    Raises
    ------
    InputFileError
        If it is damaged, keeps weights in other files, or hls4ml cannot convert it.
    UnreadableLayerError
        If a node is unknown to hls4ml, has weights without a type, or has no exact counterpart.
    MissingToolError
        If hls4ml or qonnx is not installed.
    """
    path = Path(source)
    content = read_bytes(path)
    onnx = require("onnx")
    try:
        proto = onnx.load_model_from_string(content)
    # protobuf's own errors have no common base that is public.
    except Exception as error:
        raise InputFileError(path, "is no ONNX model, it cannot be decoded") from error
    require("hls4ml", "firmware")
    _check(path, onnx, proto)
    prepared = _prepared(path, proto)
    _check_ends(path, proto, prepared)
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model

    def make() -> Any:
        # Types left open are inferred by hls4ml from those that the file states.
        types = config_from_onnx_model(
            prepared,
            granularity="name",
            backend="Vitis",
            default_precision=f"fixed<{NOT_STATED[0]},{NOT_STATED[1]}>",
        )
        for tensor in prepared.graph.input:
            types["LayerName"][tensor.name]["Precision"] = {"result": str(input_format)}
        return convert_from_onnx_model(prepared, hls_config=types, **hls_options(Path("unused")))

    def check(model: Any) -> None:
        for layer in model.get_layers():
            _check_types(layer)

    found = convert(path, KIND, make, check)
    _check_own_result(path, prepared, found.graph)
    return found


def _check_ends(path: Path, proto: Any, prepared: Any) -> None:
    """Refuse a model whose result is an image: a trigger reads a row of numbers, in an order that is known."""
    for own, end in zip(proto.graph.output, prepared.graph.output, strict=True):
        shape = prepared.get_tensor_shape(end.name) or []
        if len(shape) > 2:
            sizes = " x ".join(str(size) for size in shape[1:])
            problem = (
                f"its output {own.name!r} is an image ({sizes} numbers), not a row of numbers; end it with "
                "Flatten, Reshape or a global pooling"
            )
            raise InputFileError(path, problem)


def _check_own_result(path: Path, prepared: Any, graph: Graph) -> None:
    """Refuse a model of which hls4ml would make another network than qonnx executes.

    Sigmoid and Tanh are tables in hardware, near the function, and are not compared; nor is what float32
    cannot hold.
    """
    tables = any(isinstance(node, Sigmoid | Tanh) for node in graph.nodes)
    if tables or any(part.format.width > _FLOAT_BITS for part in graph.tensors.values()):
        return
    rows = _small_rows(graph)
    ours = evaluate_rows(graph, rows)
    for place, row in enumerate(rows):
        own = _own_result(path, prepared, to_float(row, graph.input.format))
        for name, expected in zip(graph.outputs, own, strict=True):
            found = to_float(ours[name][place], graph.tensors[name].format)
            if not np.array_equal(found, expected):
                problem = (
                    f"hls4ml makes another network of it: for {row.tolist()} qonnx gives "
                    f"{expected.tolist()}, hls4ml {found.tolist()}"
                )
                raise InputFileError(path, problem)


def _own_result(path: Path, prepared: Any, values: NDArray[np.float64]) -> list[NDArray[Any]]:
    """Let qonnx execute a model for one event, as often as the model says that a batch has."""
    execute = require("qonnx.core.onnx_exec").execute_onnx
    with one_sentence(path, "qonnx cannot execute it"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (source,) = prepared.graph.input
        batch, *shape = prepared.get_tensor_shape(source.name)
        if not batch:  # left open by the model
            batch = 1
            prepared.set_tensor_shape(source.name, [batch, *shape])
        given = np.tile(values, batch).reshape(batch, *shape)
        found = execute(prepared, {source.name: given.astype(np.float32)})
        return [np.asarray(found[end.name][0], np.float64).ravel() for end in prepared.graph.output]


def _small_rows(graph: Graph) -> NDArray[np.int64]:
    """Draw events as detectors give them: many small integers, some large, over many magnitudes."""
    source = graph.input
    rng = np.random.default_rng(1)
    most = min(-source.format.lowest or source.format.raw_max, source.format.raw_max)
    scales = 2.0 ** rng.uniform(0, np.log2(most), (OWN_EVENTS, 1))
    rows = np.rint(rng.exponential(scales, (OWN_EVENTS, source.size))).astype(np.int64)
    if source.format.lowest < 0:
        rows *= rng.choice([1, 1, -1], rows.shape)
    return np.clip(rows, -most if source.format.lowest < 0 else 0, most)


def _check_types(layer: Any) -> None:
    """Refuse a layer that would be computed in a type of which the file says nothing."""
    kinds = {"result": layer.get_output_variable().type}
    # Zeros that hls4ml adds, for example as biases, need no type.
    kinds |= {name: one.type for name, one in layer.weights.items() if np.any(one.data)}
    for name in ("accum", "table"):
        if layer.get_attr(f"{name}_t") is not None:
            kinds[name] = layer.get_attr(f"{name}_t")
    for name, kind in kinds.items():
        precision = kind.precision
        if (precision.width, getattr(precision, "integer", None)) == NOT_STATED:
            reason = f"the type of its {name} is stated nowhere, it needs a Quant node"
            raise UnreadableLayerError(layer.name, reason)


def _check(path: Path, onnx: Any, proto: Any) -> None:
    graph = proto.graph
    if not graph.node:
        raise InputFileError(path, "is no ONNX model, it has no nodes")
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputFileError(path, f"keeps {tensor.name!r} in another file, which is not read")
    producers = {name: node for node in graph.node for name in node.output}
    _check_operations(graph)
    _check_quantizers(onnx, graph, producers)
    for node in graph.node:
        if node.op_type in _WEIGHTED and not _is_quantised(node.input[1], producers):
            reason = "its weights pass no Quant node, so that their type is nowhere stated"
            raise UnreadableLayerError(_name(node), reason)


def _check_operations(graph: Any) -> None:
    from hls4ml.converters import get_supported_onnx_layers

    known = {*get_supported_onnx_layers(), "Dropout", "Identity", *_RESOLVED}
    for node in graph.node:
        if node.op_type not in known:
            raise UnreadableLayerError(_name(node), f"it is a {node.op_type}, unknown to hls4ml")
        if node.op_type == "BipolarQuant":
            reason = "it is a BipolarQuant, and types of one bit are no fixed-point types"
            raise UnreadableLayerError(_name(node), reason)
        if any(attribute.type in {5, 10} for attribute in node.attribute):
            raise UnreadableLayerError(_name(node), "it holds a graph of its own")


def _check_quantizers(onnx: Any, graph: Any, producers: dict[str, Any]) -> None:
    """Refuse what hls4ml would take for something else: scales that are no shifts, zero points."""
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    constants |= {
        node.output[0]: onnx.numpy_helper.to_array(attribute.t)
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }
    for node in graph.node:
        if node.op_type == "BatchNormalization" and not all(
            _is_quantised(name, producers) for name in node.input[1:3]
        ):
            reason = "its parameters pass no Quant node, so that their type is nowhere stated"
            raise UnreadableLayerError(_name(node), reason)
        if node.op_type != "Quant":
            continue
        scale, zero = (constants.get(name) for name in node.input[1:3])
        if scale is None or zero is None:
            raise UnreadableLayerError(_name(node), "its scale or zero point is no constant")
        if scale.size > 1:
            reason = "it has a scale for each channel, which hls4ml does not convert"
            raise UnreadableLayerError(_name(node), reason)
        if zero.any():
            raise UnreadableLayerError(_name(node), f"its zero point is {zero.flat[0]:g}, not 0")
        if not (scale > 0).all() or (np.frexp(scale)[0] != 0.5).any():
            off = next(one for one in scale.flat if one <= 0 or np.frexp(one)[0] != 0.5)
            reason = f"its scale {off:g} is no power of two, so that it is no fixed-point type"
            raise UnreadableLayerError(_name(node), reason)


def _name(node: Any) -> str:
    return str(node.name or (node.output[0] if node.output else node.op_type))


def _is_quantised(tensor: str, producers: dict[str, Any]) -> bool:
    """Whether a tensor comes from a quantizer, perhaps under another shape."""
    for _ in range(len(producers) + 1):
        node = producers.get(tensor)
        if node is None:
            return False
        if node.op_type in _QUANTIZERS:
            return True
        if node.op_type not in _PASSED_ON:
            return False
        tensor = node.input[0]
    return False


def _prepared(path: Path, proto: Any) -> Any:
    """Bring a model into the form that hls4ml's front end asks for, as its documentation says."""
    wrapper = require("qonnx.core.modelwrapper").ModelWrapper
    clean = require("qonnx.util.cleanup").cleanup_model
    as_products = require("qonnx.transformation.gemm_to_matmul").GemmToMatMul
    # It warns of versions that qonnx leaves in parts of a model.
    require("onnxruntime").set_default_logger_severity(3)
    with one_sentence(path, "qonnx cannot prepare it"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = clean(wrapper(proto))
        if any(node.op_type in _OF_IMAGES for node in proto.graph.node):
            channels_last = require("qonnx.transformation.channels_last")
            model = model.transform(
                channels_last.ConvertToChannelsLastAndClean(make_input_channels_last=True)
            )
        return clean(model.transform(as_products()))
