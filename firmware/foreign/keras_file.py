"""Keras models with HGQ2 layers, as ``model.save("net.keras")`` writes them.

A ``.keras`` file is a zip archive: the layers as JSON, the weights as HDF5. The JSON names the Python
classes to build; only those of Keras and HGQ2 are, and no code that the file carries.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError
from firmware.errors import UnreadableLayerError
from firmware.foreign.archives import read_bytes, zip_members
from firmware.foreign.conversion import ForeignModel, convert, hls_options, one_sentence, require

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "Keras model"
MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}

#: Packages whose classes a file may name.
_PACKAGES = ("keras", "hgq")
#: Keras' words for plain values.
_VALUES = {
    *("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__"),
    *("__slice__", "__tuple__", "__complex__"),
}
#: Carry or fetch code of their own.
_REFUSED = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "FunctionSpec"}


def read_keras(source: str | Path) -> ForeignModel:
    """Read a model of HGQ2 layers, with the types that hls4ml's bit-exact pass finds.

    Parameters
    ----------
    source
        A ``.keras`` file.

    Raises
    ------
    InputFileError
        If it is damaged, names code that is neither Keras' nor HGQ2's, or states no types.
    UnreadableLayerError
        If a layer is unknown to hls4ml or has no exact counterpart.
    MissingToolError
        If hls4ml, Keras or HGQ2 is not installed.
    """
    path = Path(source)
    content = read_bytes(path)
    _check(path, zip_members(path, content))
    keras = _load_keras()
    with tempfile.TemporaryDirectory(prefix="l1distill-") as name:
        # A copy of what was checked.
        copy = Path(name) / "model.keras"
        copy.write_bytes(content)
        with one_sentence(path, "Keras cannot load it"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = keras.saving.load_model(copy, compile=False, safe_mode=True)
    require("hls4ml", "firmware")
    _check_layers(model)
    from hls4ml.converters import convert_from_keras_model

    # Types that hls4ml's bit-exact pass does not replace would be this one.
    types = {"Model": {"Precision": "fixed<1,0>", "ReuseFactor": 1, "Strategy": "Latency"}}
    found = convert(
        path,
        KIND,
        lambda: convert_from_keras_model(
            model, hls_config=types, allow_da_fallback=False, **hls_options(Path("unused"))
        ),
    )
    kinds = {layer.class_name for layer in found.hls_model.get_layers()}
    if "FixedPointQuantizer" not in kinds and not _is_quantised(model):
        problem = "states no types: none of its layers is quantised (by HGQ2)"
        raise InputFileError(path, problem)
    return found


def _is_quantised(model: Any) -> bool:
    return any(type(layer).__module__.startswith("hgq.") for layer in model.layers)


def _load_keras() -> Any:
    """Import Keras on its torch back end, and HGQ2's layers.

    Raises
    ------
    MissingToolError
        If one of them is not installed.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = require("keras")
        require("hgq.layers")
    return keras


def _check(path: Path, files: dict[str, bytes]) -> None:
    if not set(files) >= MEMBERS:
        missing = ", ".join(sorted(MEMBERS - set(files)))
        raise InputFileError(path, f"is no Keras model, it has no {missing}")
    extra = [name for name in files if name not in MEMBERS]
    if extra:
        raise InputFileError(path, f"holds {extra[0]!r}, which a Keras model has not")
    try:
        config = json.loads(files["config.json"])
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, f"its config.json cannot be read ({error})") from error
    for place, part in _objects(config, "model"):
        _check_class(path, place, part)
    _check_weights(path, files["model.weights.h5"])


def _objects(part: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk all objects of the JSON, with the name of the layer in which each one lies."""
    if isinstance(part, dict):
        own = part.get("config")
        if isinstance(own, dict) and isinstance(own.get("name"), str):
            place = own["name"]
        yield place, part
        for value in part.values():
            yield from _objects(value, place)
    elif isinstance(part, list):
        for value in part:
            yield from _objects(value, place)


def _check_class(path: Path, place: str, part: dict[str, Any]) -> None:
    """Refuse an object that would be built from foreign code."""
    name = part.get("class_name")
    if name is None:
        return
    module = part.get("module")
    registered = part.get("registered_name")
    package = str(module or str(registered or "").replace(">", ".")).partition(".")[0]
    if name in _VALUES:
        return
    if name in _REFUSED or name == "__lambda__":
        raise UnreadableLayerError(place, f"it is a {name}, which carries code; none is run")
    if package not in _PACKAGES:
        what = f"{module}.{name}" if module else str(registered or name)
        reason = f"it needs {what}, and only classes of {' and '.join(_PACKAGES)} are loaded"
        raise UnreadableLayerError(place, reason)


def _check_weights(path: Path, content: bytes) -> None:
    """Refuse HDF5 that points into other files."""
    h5py = require("h5py")

    def look(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise InputFileError(path, f"its weights hold a link, {group.name}/{name}")
            part = group[name]
            if isinstance(part, h5py.Group):
                look(part)
            elif part.external or part.is_virtual:
                raise InputFileError(path, f"its weights lie in another file, {part.name}")

    try:
        with h5py.File(io.BytesIO(content), "r") as weights:
            look(weights)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputFileError(path, f"its weights cannot be read ({error})") from error


def _check_layers(model: Any) -> None:
    """Refuse, by name, layers for which hls4ml has no handler; it would only name their class."""
    from hls4ml.converters.keras_v2_to_hls import layer_handlers as older
    from hls4ml.converters.keras_v3 import layer_handlers

    for layer in model.layers:
        kind = type(layer)
        known = (f"{kind.__module__}.{kind.__name__}", kind.__name__)
        if not any(name in layer_handlers for name in known) and kind.__name__ not in older:
            raise UnreadableLayerError(layer.name, f"it is a {kind.__name__}, unknown to hls4ml")
