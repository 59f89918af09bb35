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


def quant(
    source: str, output: str, *, signed: int = 1, scale: str = "scale", zero: str = "zero"
) -> Any:
    """A quantizer of 6 bits, 2 of them after the point, as its specification says."""
    settings = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
    return node("Quant", [source, scale, zero, "bits"], output, **settings)


def by_hand(path: Path, *nodes: Any, last: str, shape: tuple[int | str, ...] = (1, 4)) -> Path:
    """A model of 4 inputs with a matrix ``w``, or of an image with a kernel ``k``."""
    numbers = {
        "w": np.linspace(-3, 3, 8).reshape(4, 2),
        "scale": np.array(0.25),
        "zero": np.array(0.0),
        "bits": np.array(6.0),
        "third": np.array(1 / 3),
        "each": np.array([0.25, 0.5]),
        "pair": np.array([0.5, 0.75]),
        "other": np.array([1.0, 4.0]),
        "k": np.linspace(-2, 2, 8).reshape(2, 1, 2, 2),
        "w8": np.linspace(-3, 3, 16).reshape(8, 2),
    }
    tensors = [
        onnx.numpy_helper.from_array(part.astype(np.float32), name)
        for name, part in numbers.items()
    ]
    used = {name for one in nodes for name in one.input}
    tensors = [tensor for tensor in tensors if tensor.name in used]
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size)
        for name, size in (("x", shape), (last, (shape[0], 2)))
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


#: Typed inputs and weights, and their products ``p``.
DENSE = (quant("x", "q"), quant("w", "wq"), node("MatMul", ["q", "wq"], "p"))


def test_model_that_hls4ml_would_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = by_hand(tmp_path / "n.onnx", *DENSE, quant("p", "y"), last="y")
    assert read_qonnx(path, INPUT).graph.outputs

    def wrong(model: Any, _: object) -> dict[str, Any]:
        return {model.graph.output[0].name: np.array([[0.25, 0.0]])}

    monkeypatch.setattr("qonnx.core.onnx_exec.execute_onnx", wrong)
    with pytest.raises(
        InputFileError, match=r"another network of it: for \[.*\] qonnx gives \[0.25"
    ):
        read_qonnx(path, INPUT)


@pytest.mark.parametrize("batch", [8, "n"])
def test_batches_of_any_size_are_read(tmp_path: Path, batch: int | str) -> None:
    path = by_hand(tmp_path / "n.onnx", *DENSE, quant("p", "y"), last="y", shape=(batch, 4))
    kinds = [type(part).__name__ for part in read_qonnx(path, INPUT).graph.nodes]
    assert kinds == ["Input", "Quantize", "Dense"]


def test_images_are_read_and_proved(tmp_path: Path) -> None:
    window = {"kernel_shape": [2, 2], "pads": [0, 0, 0, 0]}
    path = by_hand(
        tmp_path / "n.onnx",
        quant("x", "q"),
        quant("k", "kq"),
        node("Conv", ["q", "kq"], "c", strides=[1, 1], dilations=[1, 1], group=1, **window),
        node("Relu", ["c"], "r"),
        quant("r", "rq", signed=0),
        node("MaxPool", ["rq"], "m", strides=[1, 1], **window),
        node("Flatten", ["m"], "f", axis=1),
        quant("w8", "w8q"),
        node("MatMul", ["f", "w8q"], "y"),
        last="y",
        shape=(1, 1, 4, 4),
    )
    foreign = read_qonnx(path, INPUT)  # compares with qonnx's own execution
    kinds = [type(part).__name__ for part in foreign.graph.nodes]
    assert kinds[-5:] == ["Conv2d", "Relu", "MaxPool", "Flatten", "Dense"]
    assert prove(foreign, n_events=1_000).n_mismatch == 0


def test_an_image_as_output_is_refused_in_words_of_the_user(tmp_path: Path) -> None:
    window = {"kernel_shape": [2, 2], "pads": [0, 0, 0, 0], "strides": [1, 1]}
    path = by_hand(
        tmp_path / "n.onnx",
        quant("x", "q"),
        quant("k", "kq"),
        node("Conv", ["q", "kq"], "c", dilations=[1, 1], group=1, **window),
        quant("c", "y"),
        last="y",
        shape=(1, 1, 4, 4),
    )
    model = onnx.load(path)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    for size in (1, 2, 3, 3):
        model.graph.output[0].type.tensor_type.shape.dim.add().dim_value = size
    onnx.save(model, path)
    with pytest.raises(InputFileError, match=r"'y' is an image \(2 x 3 x 3 .* end it with Flatten"):
        read_qonnx(path, INPUT)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [node("MatMul", ["x", "w"], "y")],
            "'the_y'.* its weights pass no Quant node, so that their type is nowhere stated",
        ),
        ([node("Erf", ["x"], "y")], "'the_y'.* it is a Erf, unknown to hls4ml"),
        (
            [*DENSE, quant("p", "pq"), node("Softmax", ["pq"], "s"), quant("s", "y")],
            "it is a softmax, whose C-simulation has not been verified",
        ),
        ([quant("x", "y", scale="third")], "'the_y'.* its scale 0.333333 is no power of two"),
        ([quant("x", "y", scale="each")], "'the_y'.* it has a scale for each channel"),
        ([quant("x", "y", zero="bits")], "'the_y'.* its zero point is 6, not 0"),
        ([quant("x", "y", scale="x")], "'the_y'.* its scale or zero point is no constant"),
        (
            [*DENSE, node("BatchNormalization", ["p", *("pair", "each", "pair", "other")], "y")],
            "'the_y'.* its parameters pass no Quant node",
        ),
        (
            [node("BipolarQuant", ["x", "scale"], "y")],
            "'the_y'.* it is a BipolarQuant, and types of one bit are no fixed-point types",
        ),
        # hls4ml would take a type of its own, in which large numbers wrap.
        ([*DENSE, node("Relu", ["p"], "y")], "the type of its result is stated nowhere"),
        ([*DENSE, node("Add", ["p", "pair"], "y")], "the type of its bias is stated nowhere"),
    ],
    ids=[
        *("weights without type", "operation", "softmax", "scale", "channels", "zero point"),
        *("no constant", "normalisation", "one bit", "result without type", "bias without type"),
    ],
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
    with pytest.raises(InputFileError, match="keeps 'scale' in another file, which is not read"):
        read_qonnx(path, INPUT)


@pytest.mark.parametrize("content", [b"", b"\x08nothing of the kind", b"\x08\x07"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="is no ONNX model"):
        read_qonnx(path, INPUT)
