"""The peers: the same dense network in torch and onnxruntime, float32 and int8, as their users run it.

All have the weights of a graph, as floats, and ReLU between the layers; they know nothing of its types, so
their numbers are near its own and not equal to them. int8 is each library's static quantization, with scales
from the first rows, which is the fastest that both have.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.fixed import to_float
from emulator.graph import Dense

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.graph import Graph

    Floats = NDArray[np.float32]
    Layers = list[tuple[Floats, Floats]]
    Run = Callable[[Floats], Floats]

#: Events in a call: each peer runs with the one that is fastest for it.
BATCHES = (1_024, 4_096, 16_384, 65_536)

N_CALIBRATION = 2_048


def layers_of(graph: Graph) -> Layers:
    """Return weights (inputs, outputs) and biases of the dense layers of a graph, as floats."""
    return [
        (
            np.asarray(to_float(node.weights, node.weight_format), dtype=np.float32),
            np.asarray(to_float(node.bias, node.bias_format), dtype=np.float32),
        )
        for node in graph.nodes
        if isinstance(node, Dense)
    ]


def scores_by_numpy(layers: Layers, values: Floats) -> Floats:
    """Return what the floats of a network say, computed the plain way."""
    for place, (weights, bias) in enumerate(layers):
        values = values @ weights + bias
        if place < len(layers) - 1:
            values = np.maximum(values, 0)
    return values


def torch_network(layers: Layers, calibration: Floats, *, precision: str, threads: int) -> Run:
    """Return a network of torch; int8 by the quantization of its own backend for x86."""
    import torch

    torch.set_num_threads(threads)
    modules: list[torch.nn.Module] = []
    for weights, bias in layers:
        linear = torch.nn.Linear(*weights.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        modules += [linear, torch.nn.ReLU()]
    model: Any = torch.nn.Sequential(*modules[:-1]).eval()
    if precision == "int8":
        model = _torch_int8(model, torch.from_numpy(calibration))

    def run(values: Floats) -> Floats:
        with torch.inference_mode():
            found: Floats = model(torch.from_numpy(values)).numpy()
            return found

    return run


def _torch_int8(model: Any, calibration: Any) -> Any:
    import torch

    quantization: Any = torch.ao.quantization
    wrapped = quantization.QuantWrapper(model)
    wrapped.qconfig = quantization.get_default_qconfig("x86")
    pairs = [[f"module.{place}", f"module.{place + 1}"] for place in range(0, len(model) - 1, 2)]
    prepared = quantization.prepare(quantization.fuse_modules(wrapped.eval(), pairs))
    with torch.inference_mode():
        prepared(calibration)
    return quantization.convert(prepared)


def onnx_network(
    layers: Layers, calibration: Floats, *, precision: str, threads: int, folder: Path
) -> Run:
    """Return a network of onnxruntime; int8 by its static quantization to QLinear operators."""
    import onnx
    import onnxruntime

    path = folder / "float32.onnx"
    onnx.save(_onnx_model(layers), path)
    if precision == "int8":
        path = _onnx_int8(path, calibration)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(values: Floats) -> Floats:
        (found,) = session.run(None, {"x": values})
        return np.asarray(found)

    return run


def _onnx_model(layers: Layers) -> Any:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, name = [], [], "x"
    for place, (weights, bias) in enumerate(layers):
        constants += [
            numpy_helper.from_array(weights, f"w{place}"),
            numpy_helper.from_array(bias, f"b{place}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"w{place}", f"b{place}"], [f"d{place}"]))
        name = f"d{place}"
        if place < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [name], [f"r{place}"]))
            name = f"r{place}"
    n_in, n_out = layers[0][0].shape[0], layers[-1][0].shape[1]
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, n_in])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n_out])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _onnx_int8(path: Path, calibration: Floats) -> Path:
    from onnxruntime import quantization

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter([{"x": calibration}])

        def get_next(self) -> dict[str, Floats] | None:
            return next(self.batches, None)

    result = path.with_name("int8.onnx")
    logging.disable(logging.WARNING)  # advice to optimize the shape first
    try:
        quantization.quantize_static(
            path,
            result,
            Calibration(),
            quant_format=quantization.QuantFormat.QOperator,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)
    return result


def in_batches(run: Run, values: Floats, size: int) -> Floats:
    """Run a network batch by batch."""
    return np.concatenate(
        [run(values[start : start + size]) for start in range(0, len(values), size)]
    )


def fastest_batch(run: Run, values: Floats) -> int:
    """Return the size of batches with which a peer is fastest here."""

    def seconds(size: int) -> float:
        best = float("inf")
        for _ in range(5):
            start = perf_counter()
            in_batches(run, values, size)
            best = min(best, perf_counter() - start)
        return best

    return min(BATCHES, key=seconds)


def hls4ml_predict(graph: Graph, folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.int64]]:
    """Return hls4ml's own `predict` of a graph, compiled as hls4ml does it, from rows to raws."""
    from firmware.hls import build_model_graph

    model = build_model_graph(graph, folder / "hls4ml")
    model.compile()
    (name,) = graph.outputs
    down = 2.0**-graph.input.format.fraction
    up = 2.0 ** graph.tensors[name].format.fraction

    def run(rows: NDArray[np.int16]) -> NDArray[np.int64]:
        values = np.ascontiguousarray(rows * down, dtype=np.float64)
        found = np.asarray(model.predict(values)).reshape(len(rows), -1)
        return np.rint(found * up).astype(np.int64)

    return run
