"""torch's sequences, with types from a file, and what hls4ml saves of them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from distill.sequential import load_sequential
from emulator.errors import InputFileError, SettingsError
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Sigmoid
from firmware.errors import ReadBackError, UnreadableLayerError
from firmware.foreign import (
    ForeignModel,
    prove,
    read_sequential,
    read_serialised,
    read_types,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Task = tuple[NDArray[np.float32], NDArray[np.float32]]

TYPES = """
input: fixed<9,7,RND,SAT>
layers:
- Linear: {weight: 'fixed<7,2,RND>', bias: 'fixed<8,3>', accumulator: 'fixed<18,9>', result: 'fixed<12,8,RND,SAT>'}
- ReLU: {result: 'ufixed<9,6,RND_CONV,SAT>'}
- Linear: {weight: 'fixed<7,2,RND>', accumulator: 'fixed<18,9>', result: 'fixed<12,8,RND,SAT>'}
- Sigmoid: {result: 'ufixed<10,0,RND,SAT>', table: 'ufixed<12,1>'}
"""


def trained(task: Task) -> nn.Sequential:
    """A sequence trained for a moment, the second layer without bias."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1, bias=False), nn.Sigmoid())
    inputs, target = (torch.from_numpy(part) for part in task)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs), (target > 2).float()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


def read(state: Path, types: Path) -> ForeignModel:
    typed = read_types(types)
    module = load_sequential(state, [(layer.name, layer.kind) for layer in typed.layers])
    return read_sequential(state, module, typed)


@pytest.fixture(scope="module")
def files(task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("torch")
    state, types = folder / "student.pt", folder / "types.yaml"
    torch.save(trained(task).state_dict(), state)
    types.write_text(TYPES)
    return state, types


@pytest.fixture(scope="module")
def foreign(files: tuple[Path, Path]) -> ForeignModel:
    return read(*files)


def test_trained_sequence_is_read_with_the_types_asked_for(foreign: ForeignModel) -> None:
    graph = foreign.graph
    names = ["input_1", "linear_0", "relu_1", "linear_2", "sigmoid_3"]
    assert [node.name for node in graph.nodes] == names
    first, last = graph["linear_0"], graph["sigmoid_3"]
    assert isinstance(first, Dense)
    assert (str(first.weight_format), str(first.accumulator)) == (
        "fixed<7,2,RND,WRAP>",
        "fixed<18,9>",
    )
    assert isinstance(last, Sigmoid)
    assert last.table_format == FixedFormat.parse("ufixed<12,1>")
    proof = prove(foreign, n_events=5_000)
    assert (proof.n_events, proof.n_mismatch) == (5_000, 0)
    assert proof.n_values > 20


def test_serialised_model_is_read_and_proved(foreign: ForeignModel, tmp_path: Path) -> None:
    path = tmp_path / "student.fml"
    foreign.hls_model.save(path)
    back = read_serialised(path)
    assert back.graph == foreign.graph
    assert prove(back, n_events=2_000).n_mismatch == 0


def test_proof_shows_the_first_event_that_differs(foreign: ForeignModel) -> None:
    from dataclasses import replace

    from emulator.graph import Graph

    first = foreign.graph["linear_0"]
    assert isinstance(first, Dense)
    wrong = replace(
        first, weights=((first.weights[0][0] ^ 8, *first.weights[0][1:]), *first.weights[1:])
    )
    nodes = tuple(wrong if node is first else node for node in foreign.graph.nodes)
    graph = Graph(nodes, foreign.graph.outputs)
    proof = prove(ForeignModel(foreign.kind, graph, foreign.hls_model), n_events=500)
    assert proof.n_mismatch > 10
    assert len(proof.first_row) == 4
    assert proof.expected != proof.found


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (
            "ReLU",
            "GELU",
            UnreadableLayerError,
            r"'layers\[1\]'.* it is a GELU; known: Linear, ReLU",
        ),
        (
            "input: ",
            "inputs: ",
            SettingsError,
            "needs the keys input, layers, found inputs, layers",
        ),
        ("table: ", "tabel: ", SettingsError, r"layers\[3\].Sigmoid: needs the keys table, result"),
        ("'ufixed<9,6,RND_CONV,SAT>'", "float", SettingsError, r"layers\[1\].ReLU.result: "),
        (
            "bias: 'fixed<8,3>', ",
            "",
            SettingsError,
            r"layers\[0\].Linear: the type of its bias is m",
        ),
        ("- ReLU", "- [ReLU", InputFileError, "is no valid YAML"),
        (TYPES, "input: fixed<8,8>\nlayers: []", SettingsError, "layers must be a list of layers"),
        (
            TYPES,
            "input: fixed<8,8>\nlayers: [ReLU]",
            SettingsError,
            r"layers\[0\] must be one layer",
        ),
        (
            TYPES,
            "input: fixed<8,8>\nlayers: [{ReLU: {result: 'ufixed<8,4>'}}]",
            InputFileError,
            "holds '0.bias', for which no layer with types is given",
        ),
    ],
)
def test_types_that_do_not_fit_are_refused(
    files: tuple[Path, Path],
    tmp_path: Path,
    old: str,
    new: str,
    error: type[Exception],
    message: str,
) -> None:
    assert old in TYPES
    types = tmp_path / "types.yaml"
    types.write_text(TYPES.replace(old, new, 1))
    with pytest.raises(error, match=message):
        read(files[0], types)


def test_type_that_hls4ml_changed_is_refused(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.foreign.sequential._OF_HLS4ML", {"accumulator": "unheard"})
    with pytest.raises(
        ReadBackError, match="'linear_0': hls4ml changed accumulator from fixed<18,9>"
    ):
        read(*files)


def repacked(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with tarfile.open(source, "r:gz") as archive:
        files = {
            member.name: stream.read()
            for member in archive
            if member.isreg() and (stream := archive.extractfile(member)) is not None
        }
    change(files)
    with tarfile.open(target, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target


def in_layer(**values: Any) -> Callable[[dict[str, bytes]], None]:
    """Set attributes of the first dense layer."""

    def change(files: dict[str, bytes]) -> None:
        plain = json.loads(files["model_arch.json"])
        plain["linear_0"]["state"]["attributes"] |= values
        files["model_arch.json"] = json.dumps(plain).encode()

    return change


def of_class(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        plain = json.loads(files["model_arch.json"])
        plain["linear_0"]["class_name"] = name
        files["model_arch.json"] = json.dumps(plain).encode()

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            in_layer(strategy='x"; system("touch run"); "'),
            InputFileError,
            "which no such model has",
        ),
        (
            in_layer(weight_data="@ndarray:../../secret.npy"),
            InputFileError,
            "refers to the array '../../secret.npy', which it does not hold",
        ),
        (
            in_layer(accum_t={"class_name": "subprocess.Popen", "state": {"args": "x"}}),
            InputFileError,
            "names the class 'subprocess.Popen', which is none of hls4ml's",
        ),
        (of_class("os.Dense"), InputFileError, "names the class 'os.Dense', which is none of"),
        (of_class("hls4ml.model.layers.LSTM"), UnreadableLayerError, "'linear_0'.* it is a LSTM"),
        (lambda files: files.pop("version.json"), InputFileError, "it has no version.json"),
        (lambda files: files.update({"x.sh": b""}), InputFileError, "holds 'x.sh', which such an"),
        (
            lambda files: files.update({"config.json": b"[]"}),
            InputFileError,
            "its config.json holds no object",
        ),
        (
            lambda files: files.update({"config.json": b"{"}),
            InputFileError,
            "its config.json cannot be read",
        ),
    ],
)
def test_serialised_models_that_would_do_more_are_refused(
    foreign: ForeignModel,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
    error: type[Exception],
    message: str,
) -> None:
    good = tmp_path / "good.fml"
    foreign.hls_model.save(good)
    with pytest.raises(error, match=message):
        read_serialised(repacked(good, tmp_path / "bad.fml", change))


def test_stored_code_is_replaced(foreign: ForeignModel, tmp_path: Path) -> None:
    good = tmp_path / "good.fml"
    foreign.hls_model.save(good)
    change = in_layer(function_cpp="system();", config_cpp="#error", include_header=["/etc/passwd"])
    model = read_serialised(repacked(good, tmp_path / "bad.fml", change)).hls_model
    layer = model.graph["linear_0"]
    assert layer.get_attr("function_cpp").startswith("nnet::dense<")
    assert "#error" not in layer.get_attr("config_cpp")
    assert layer.get_attr("include_header") == [
        "nnet_utils/nnet_dense.h",
        "nnet_utils/nnet_dense_compressed.h",
        "nnet_utils/nnet_dense_stream.h",
    ]
