"""Reading hls4ml's models, ours and foreign ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.errors import GraphError
from emulator.fixed import FixedFormat, to_float
from emulator.graph import Dense, Quantize, Sigmoid
from emulator.graph.tables import sigmoid_table
from firmware.errors import UnreadableLayerError
from firmware.hls import read_model_graph
from firmware.hls.library import load_extension, quiet_hls4ml


def foreign(
    *layers: dict[str, Any],
    shape: tuple[int, ...] = (2,),
    folder: Path = Path("unused"),
    **types: str,
) -> Any:
    """A model as another converter would hand it over."""
    load_extension()
    from hls4ml.model import ModelGraph

    names = {"x": "fixed<8,8>", **types}
    configuration = {
        "Backend": "Vitis",
        "ProjectName": "foreign",
        "OutputDir": str(folder),
        "Part": "xcvu13p-flga2577-2-e",
        "ClockPeriod": 5,
        "Version": "1.0.0",
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": True,
            "WriteTar": False,
            "TBOutputStream": "both",
        },
        "IOType": "io_parallel",
        "HLSConfig": {
            "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"},
            "LayerName": {name: {"Precision": {"result": kind}} for name, kind in names.items()},
        },
    }
    source = {"class_name": "InputLayer", "name": "x", "input_shape": list(shape)}
    with quiet_hls4ml():
        return ModelGraph.from_layer_list(
            configuration, [source, *layers], inputs=["x"], outputs=[layers[-1]["name"]]
        )


def activation(kind: str) -> dict[str, Any]:
    return {"class_name": "Activation", "name": "y", "inputs": ["x"], "activation": kind, "n_in": 2}


def dense(**values: Any) -> dict[str, Any]:
    return {
        "class_name": "Dense",
        "name": "y",
        "inputs": ["x"],
        "n_in": 2,
        "n_out": 1,
        "weight_data": np.array([[0.3], [-0.3]]),
        "bias_data": np.array([1.0]),
        "data_format": "channels_last",
        **values,
    }


def test_linear_activation_is_a_quantize() -> None:
    graph = read_model_graph(foreign(activation("linear"), y="ufixed<6,6,RND,SAT>"))
    kind = FixedFormat(6, 6, signed=False, rounding="RND", overflow="SAT")
    assert graph.nodes[1] == Quantize("y", ("x",), kind)


def test_weights_are_printed_with_their_decimals_and_then_cast() -> None:
    # 10 decimals of 0.3 in fixed<16,6>, truncated toward minus infinity.
    node = read_model_graph(foreign(dense(), y="fixed<16,8>")).nodes[1]
    assert isinstance(node, Dense)
    assert node.weights == ((307,), (-308,))
    assert node.bias == (1024,)
    assert node.accumulator == node.weight_format == FixedFormat(16, 6)


def test_weight_that_its_symmetric_type_cannot_hold_is_read_as_c_simulation_reads_it() -> None:
    model = foreign(dense(weight_data=np.array([[-32.0], [0.5]])), y="fixed<16,8>")
    model.graph["y"].weights["weight"].type.precision.saturation_mode = "SAT_SYM"
    node = read_model_graph(model).nodes[1]
    assert isinstance(node, Dense)
    assert node.weights == ((-32767,), (512,))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (activation("elu"), "'y'.* activation 'elu' is not known; known: relu, linear, sigmoid"),
        (
            {"class_name": "Merge", "name": "y", "inputs": ["x", "x"], "op": "average"},
            "'y'.* merging by 'average' is not known; known: add, subtract, multiply",
        ),
        (
            {
                "class_name": "Softmax",
                "name": "y",
                "inputs": ["x"],
                "activation": "softmax",
                "axis": -1,
                "n_in": 2,
            },
            "'y'.* it is a softmax, whose C-simulation has not been verified",
        ),
    ],
)
def test_layers_without_an_exact_counterpart_are_refused(
    layer: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnreadableLayerError, match=message):
        read_model_graph(foreign(layer, y="fixed<8,4>"))


def test_an_image_is_read_as_a_vector_that_is_reshaped() -> None:
    graph = read_model_graph(foreign(activation("relu"), shape=(2, 3, 1), y="fixed<8,4>"))
    assert [type(node).__name__ for node in graph.nodes] == ["Input", "Reshape", "Relu"]
    assert graph.tensors["y"].shape == (2, 3, 1)


def test_table_of_an_activation_is_that_of_its_type() -> None:
    node = read_model_graph(foreign(activation("sigmoid"), y="ufixed<8,0>")).nodes[1]
    assert isinstance(node, Sigmoid)
    assert node.table == sigmoid_table(1024, FixedFormat(18, 8))


def pool(**values: Any) -> dict[str, Any]:
    pads = dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0)
    return {
        "class_name": "MaxPooling2D",
        "name": "y",
        "inputs": ["x"],
        "in_height": 2,
        "in_width": 2,
        "n_filt": 1,
        "out_height": 1,
        "out_width": 1,
        "pool_height": 2,
        "pool_width": 2,
        "stride_height": 2,
        "stride_width": 2,
        **pads,
        "data_format": "channels_last",
        **values,
    }


@pytest.mark.parametrize(
    ("changes", "accumulator", "message"),
    [
        ({"pad_top": 1}, "fixed<16,8>", "it pools over padding"),
        ({"data_format": "channels_first"}, "fixed<16,8>", "its channels come first"),
        ({}, "fixed<6,6>", "its accumulator fixed<6,6> does not hold its input, fixed<8,8>"),
    ],
)
def test_pooling_that_is_not_modelled_is_refused(
    changes: dict[str, Any], accumulator: str, message: str
) -> None:
    model = foreign(pool(), shape=(2, 2, 1), y="fixed<8,8>")
    node = model.graph["y"]
    precision = node.get_attr("accum_t").precision
    parsed = FixedFormat.parse(accumulator)
    precision.width, precision.integer = parsed.width, parsed.integer
    for name, value in changes.items():
        node.set_attr(name, value)
    with pytest.raises(UnreadableLayerError, match=message):
        read_model_graph(model)


def test_saturation_bits_are_refused() -> None:
    with pytest.raises(UnreadableLayerError, match=r"'y'.* wraps with saturation bits"):
        read_model_graph(foreign(activation("relu"), y="fixed<8,4,TRN,WRAP,2>"))


def test_type_that_is_not_fixed_point_is_refused() -> None:
    model = foreign(activation("relu"), y="float")
    with pytest.raises(UnreadableLayerError, match=r"'y'.* its type float is not fixed-point"):
        read_model_graph(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"strategy": "distributed_arithmetic"},
            "'distributed_arithmetic' computes in its own way",
        ),
        (
            {"strategy": "resource", "reuse_factor": 2},
            "saturates, and reuse factor 2 adds in another",
        ),
    ],
)
def test_strategies_that_compute_otherwise_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    model = foreign(dense(), y="fixed<16,8>")
    for name, value in changes.items():
        model.graph["y"].set_attr(name, value)
    model.graph["y"].get_attr("accum_t").precision.saturation_mode = "SAT"
    with pytest.raises(UnreadableLayerError, match=message):
        read_model_graph(model)


def test_broken_rules_are_the_graphs_own_errors() -> None:
    model = foreign(activation("relu"), y="fixed<8,4>")
    model.outputs = []
    with pytest.raises(GraphError, match="names no output"):
        read_model_graph(model)


PADDING = {"pad_top": 1, "pad_bottom": 1, "pad_left": 0, "pad_right": 1}


def convolutional_model(folder: Path) -> Any:
    """A model with weights off the grid, as a converter hands it over."""
    rng = np.random.default_rng(1)
    image = {"in_height": 5, "in_width": 4, "data_format": "channels_last", "n_filt": 3}
    layers: list[dict[str, Any]] = [
        {
            "class_name": "Conv2D",
            "name": "c",
            "inputs": ["x"],
            "n_chan": 2,
            **image,
            "out_height": 5,
            "out_width": 4,
            "filt_height": 3,
            "filt_width": 2,
            "stride_height": 1,
            "stride_width": 1,
            **PADDING,
            "use_bias": True,
            "weight_data": rng.normal(0, 0.7, (3, 2, 2, 3)),
            "bias_data": rng.normal(0, 1, 3),
        },
        {
            "class_name": "BatchNormalization",
            "name": "b",
            "inputs": ["c"],
            "n_in": 60,
            "n_filt": 3,
            "scale_data": rng.normal(0, 0.8, 3),
            "bias_data": rng.normal(0, 1, 3),
        },
        {
            "class_name": "AveragePooling2D",
            "name": "p",
            "inputs": ["b"],
            **image,
            "pool_height": 2,
            "pool_width": 2,
            "stride_height": 2,
            "stride_width": 2,
            "out_height": 2,
            "out_width": 2,
            **dict.fromkeys(PADDING, 0),
        },
        {"class_name": "Reshape", "name": "f", "inputs": ["p"], "target_shape": [12]},
        {
            "class_name": "Dense",
            "name": "d",
            "inputs": ["f"],
            "n_in": 12,
            "n_out": 2,
            "weight_data": rng.normal(0, 0.7, (12, 2)),
            "bias_data": rng.normal(0, 1, 2),
            "data_format": "channels_last",
        },
        {
            "class_name": "Activation",
            "name": "s",
            "inputs": ["d"],
            "activation": "sigmoid",
            "n_in": 2,
        },
    ]
    types = {
        "x": "fixed<8,6>",
        "c": "fixed<10,6,RND_CONV,SAT>",
        "b": "fixed<9,5,RND,SAT>",
        "p": "fixed<9,6>",
        "d": "fixed<12,8,RND,SAT>",
        "s": "ufixed<8,0>",
    }
    return foreign(*layers, shape=(5, 4, 2), folder=folder, **types)


def test_convolutional_model_is_read(tmp_path: Path) -> None:
    graph = read_model_graph(convolutional_model(tmp_path))
    kinds = ["Input", "Reshape", "Conv2d", "BatchNormalization", "AveragePool", "Flatten"]
    assert [type(node).__name__ for node in graph.nodes] == [*kinds, "Dense", "Sigmoid"]
    assert graph.tensors["p"].shape == (2, 2, 3)


@pytest.mark.deep
def test_convolutional_model_computes_what_was_read(tmp_path: Path) -> None:
    model = convolutional_model(tmp_path)
    graph = read_model_graph(model)
    rows = np.random.default_rng(2).integers(-128, 128, (2_000, 40))
    with quiet_hls4ml():
        model.compile()
        found = model.predict(to_float(rows, graph.input.format).reshape(-1, 5, 4, 2))
    expected = to_float(evaluate_rows(graph, rows)["s"], graph.tensors["s"].format)
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    assert len(np.unique(expected)) > 20
