"""Keras models with HGQ2 layers."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError
from emulator.fixed import quantize, to_float
from emulator.graph import Dense
from firmware.errors import UnreadableLayerError
from firmware.foreign import prove, read_keras

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Task = tuple[NDArray[np.float32], NDArray[np.float32]]

pytestmark = pytest.mark.usefixtures("_others_may_warn")


def changed(source: Path, target: Path, **files: bytes | None) -> Path:
    """A copy of an archive; names with ``__`` for dots."""
    with zipfile.ZipFile(source) as archive:
        members: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    members |= {name.replace("__", "."): content for name, content in files.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return target


def config_of(source: Path) -> dict[str, Any]:
    with zipfile.ZipFile(source) as archive:
        found: dict[str, Any] = json.loads(archive.read("config.json"))
    return found


def test_trained_model_is_read_and_proved(keras_file: Path, hgq_model: Any, task: Task) -> None:
    foreign = read_keras(keras_file)
    dense = [node for node in foreign.graph.nodes if isinstance(node, Dense)]
    assert [node.name for node in dense] == ["hidden", "score"]
    assert any(any(row) for row in dense[1].weights)
    proof = prove(foreign, n_events=5_000)
    assert (proof.n_events, proof.n_mismatch) == (5_000, 0)
    assert proof.n_values > 20
    # Keras' own result too: HGQ2 computes in floats what the hardware will.
    inputs, _ = task
    rows = quantize(inputs.astype(np.float64), foreign.graph.input.format)
    score = foreign.graph.outputs[0]
    ours = to_float(evaluate_rows(foreign.graph, rows)[score], foreign.graph[score].format)
    np.testing.assert_array_equal(ours, np.asarray(hgq_model.predict(inputs, verbose=0)))


def test_code_in_a_lambda_is_not_run(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    run = tmp_path / "run"
    code = f"__import__('pathlib').Path({str(run)!r}).touch() or x"
    function = eval("lambda x: " + code)  # noqa: S307 - what an attacker would save
    keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Lambda(function, (4,), name="evil")]
    ).save(path)
    run.unlink(missing_ok=True)
    with pytest.raises(UnreadableLayerError, match=r"'evil'.* it is a Lambda, which carries code"):
        read_keras(path)
    assert not run.exists()


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        ("os", "system", "it needs os.system, and only classes of keras and hgq are loaded"),
        ("builtins", "function", "it needs builtins.function"),
        (None, "Thing", "it needs mine>Thing"),
        ("keras", "__lambda__", "it is a __lambda__, which carries code"),
    ],
)
def test_foreign_classes_are_refused_before_loading(
    keras_file: Path, tmp_path: Path, module: str | None, name: str, message: str
) -> None:
    config = config_of(keras_file)
    layer = config["config"]["layers"][1]
    layer |= {"module": module, "class_name": name, "registered_name": "mine>Thing"}
    path = changed(keras_file, tmp_path / "n.keras", config__json=json.dumps(config).encode())
    with pytest.raises(UnreadableLayerError, match=message):
        read_keras(path)


def test_layer_unknown_to_hls4ml_is_refused_by_name(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    layers = [keras.layers.Input((4,)), keras.layers.UnitNormalization(name="unit")]
    keras.Sequential(layers).save(path)
    with pytest.raises(
        UnreadableLayerError, match=r"'unit'.* UnitNormalization, unknown to hls4ml"
    ):
        read_keras(path)


def test_model_without_types_is_refused(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(InputFileError, match="states no types: none of its layers is quantised"):
        read_keras(path)


def weights_with(link: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/x"] = link
    return stream.getvalue()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config__json": None}, "it has no config.json"),
        ({"config__json": b"{"}, "its config.json cannot be read"),
        ({"code__py": b"x"}, "holds 'code.py', which a Keras model has not"),
        ({"model__weights__h5": b"x"}, "its weights cannot be read"),
        (
            {"model__weights__h5": weights_with(h5py.ExternalLink("/etc/other.h5", "/x"))},
            "its weights hold a link, /layers/x",
        ),
    ],
)
def test_damaged_or_foreign_files_are_refused(
    keras_file: Path, tmp_path: Path, files: dict[str, bytes | None], message: str
) -> None:
    path = changed(keras_file, tmp_path / "n.keras", **files)
    with pytest.raises(InputFileError, match=message):
        read_keras(path)
