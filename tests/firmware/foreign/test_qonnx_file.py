"""QONNX models, exported by Brevitas and written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError
from emulator.fixed import FixedFormat, to_float
from emulator.graph import Dense
from firmware.errors import UnreadableLayerError
from firmware.foreign import prove, read_qonnx

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Task = tuple[NDArray[np.float32], NDArray[np.float32]]

pytestmark = pytest.mark.usefixtures("_others_may_warn")

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

INPUT = FixedFormat(13, 13)


def trained_by_brevitas(task: Task) -> torch.nn.Module:
    """Two layers with scales that are powers of two, trained for a moment."""
    layers = pytest.importorskip("brevitas.nn")
    quant = pytest.importorskip("brevitas.quant")
    torch.manual_seed(2)
    weights = {
        "weight_quant": quant.Int8WeightPerTensorFixedPoint,
        "bias_quant": quant.Int8BiasPerTensorFixedPointInternalScaling,
        "weight_bit_width": 6,
    }
    model = torch.nn.Sequential(
        layers.QuantIdentity(
            bit_width=8, act_quant=quant.Int8ActPerTensorFixedPoint, return_quant_tensor=True
        ),
        layers.QuantLinear(4, 6, bias=True, **weights),
        layers.QuantReLU(bit_width=7, act_quant=quant.Uint8ActPerTensorFixedPoint),
        layers.QuantLinear(6, 1, bias=True, **weights),
    )
    inputs, target = (torch.from_numpy(part) for part in task)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()


def test_model_of_brevitas_is_read_and_proved(tmp_path: Path, task: Task) -> None:
    export = pytest.importorskip("brevitas.export").export_qonnx
    pytest.importorskip("onnxoptimizer")
    model = trained_by_brevitas(task)
    path = tmp_path / "student.onnx"
    inputs = torch.from_numpy(task[0])
    export(model, args=inputs[:1], export_path=str(path))
    foreign = read_qonnx(path, INPUT)
    assert foreign.graph.input.format == INPUT
    assert sum(isinstance(node, Dense) for node in foreign.graph.nodes) == 2
    proof = prove(foreign, n_events=5_000)
    assert (proof.n_events, proof.n_mismatch) == (5_000, 0)
    assert proof.n_values > 20
    # Brevitas' own result too.
    with torch.no_grad():
        expected = model(inputs).numpy()
    rows = task[0].astype(np.int64)
    (score,) = foreign.graph.outputs
    ours = to_float(evaluate_rows(foreign.graph, rows)[score], foreign.graph[score].format)
    np.testing.assert_array_equal(ours, expected)


def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    domain = "qonnx.custom_op.general" if kind == "Quant" else ""
    return onnx.helper.make_node(
        kind, inputs, [output], name=f"the_{output}", domain=domain, **attributes
    )


def quant(source: str, output: str, *, signed: int = 1) -> Any:
    """A quantizer of 6 bits, 2 of them after the point, as its specification says."""
    settings = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
    return node("Quant", [source, "scale", "zero", "bits"], output, **settings)


def by_hand(path: Path, *nodes: Any, last: str) -> Path:
    """A model of 4 inputs with a matrix ``w``."""
    numbers = {
        "w": np.linspace(-3, 3, 8).reshape(4, 2),
        "scale": np.array(0.25),
        "zero": np.array(0.0),
        "bits": np.array(6.0),
    }
    tensors = [
        onnx.numpy_helper.from_array(part.astype(np.float32), name)
        for name, part in numbers.items()
    ]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])
        for name, size in (("x", 4), (last, 2))
    ]
    graph = onnx.helper.make_graph(list(nodes), "by_hand", ends[:1], ends[1:], tensors)
    opsets = [("", 13), ("qonnx.custom_op.general", 1)]
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid(*opset) for opset in opsets]
    )
    onnx.save(model, path)
    return path


def test_model_written_by_hand_has_the_types_of_its_quantizers(tmp_path: Path) -> None:
    path = by_hand(
        tmp_path / "n.onnx",
        quant("x", "q"),
        quant("w", "wq"),
        node("MatMul", ["q", "wq"], "product"),
        node("Relu", ["product"], "positive"),
        quant("positive", "y", signed=0),
        last="y",
    )
    graph = read_qonnx(path, INPUT).graph
    kinds = [type(part).__name__ for part in graph.nodes]
    assert kinds == ["Input", "Quantize", "Dense", "Relu"]
    assert graph.nodes[1].format == FixedFormat.parse("fixed<6,4,RND_CONV,SAT>")
    assert graph.nodes[3].format == FixedFormat.parse("ufixed<6,4,RND_CONV,SAT>")
    dense = graph.nodes[2]
    assert isinstance(dense, Dense)
    assert [weight for row in dense.weights for weight in row][:3] == [-12, -9, -5]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [node("MatMul", ["x", "w"], "y")],
            "'the_y'.* its weights pass no Quant node, so that their type is nowhere stated",
        ),
        ([node("Erf", ["x"], "y")], "'the_y'.* it is a Erf, unknown to hls4ml"),
        (
            [
                quant("x", "q"),
                quant("w", "wq"),
                node("MatMul", ["q", "wq"], "p"),
                node("Softmax", ["p"], "y"),
            ],
            "it is a softmax, whose C-simulation has not been verified",
        ),
    ],
    ids=["weights without type", "operation", "softmax"],
)
def test_what_has_no_exact_counterpart_is_refused_by_name(
    nodes: list[Any], message: str, tmp_path: Path
) -> None:
    path = by_hand(tmp_path / "n.onnx", *nodes, last="y")
    with pytest.raises(UnreadableLayerError, match=message):
        read_qonnx(path, INPUT)


def test_weights_in_other_files_are_not_read(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "n.onnx", quant("x", "y"), last="y")
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret.bin")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputFileError, match="keeps 'w' in another file, which is not read"):
        read_qonnx(path, INPUT)


@pytest.mark.parametrize("content", [b"", b"\x08nothing of the kind", b"\x08\x07"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="is no ONNX model"):
        read_qonnx(path, INPUT)
