"""QONNX models, as Brevitas exports them: ONNX with ``Quant`` nodes that state the types.

See the QONNX specification of ``Quant`` (https://github.com/fastmachinelearning/qonnx) and, for what
hls4ml makes of it, its ``quant_opt`` optimizer passes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError
from firmware.errors import UnreadableLayerError
from firmware.foreign.archives import read_bytes
from firmware.foreign.conversion import ForeignModel, convert, hls_options, one_sentence, require

if TYPE_CHECKING:
    from emulator.fixed import FixedFormat

KIND = "QONNX model"

#: Nodes that the preparation by qonnx resolves before hls4ml sees them.
_RESOLVED = {"Gemm", "Transpose", "Constant", "Shape", "Gather", "Unsqueeze", "Squeeze", "Cast"}
_WEIGHTED = {"Gemm", "MatMul", "Conv"}
_QUANTIZERS = {"Quant", "BipolarQuant"}
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
    from hls4ml.converters import convert_from_onnx_model
    from hls4ml.utils.config import config_from_onnx_model

    def make() -> Any:
        # Types left open are inferred by hls4ml from those that the file states.
        types = config_from_onnx_model(prepared, granularity="name", backend="Vitis")
        for tensor in prepared.graph.input:
            types["LayerName"][tensor.name]["Precision"] = {"result": str(input_format)}
        return convert_from_onnx_model(prepared, hls_config=types, **hls_options(Path("unused")))

    return convert(path, KIND, make)


def _check(path: Path, onnx: Any, proto: Any) -> None:
    graph = proto.graph
    if not graph.node:
        raise InputFileError(path, "is no ONNX model, it has no nodes")
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InputFileError(path, f"keeps {tensor.name!r} in another file, which is not read")
    producers = {name: node for node in graph.node for name in node.output}
    _check_operations(graph)
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
        if any(attribute.type in {5, 10} for attribute in node.attribute):
            raise UnreadableLayerError(_name(node), "it holds a graph of its own")


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
    with one_sentence(path, "qonnx cannot prepare it"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clean(clean(wrapper(proto)).transform(as_products()))
