"""hls4ml's own files (``model.save("net.fml")``): its layers after conversion, as JSON and arrays.

hls4ml 1.3.0 unpacks such an archive without looking, resolves the classes that it names, and writes
the C++ that it holds. So here the members are checked before, classes must be hls4ml's, and the C++
is written anew.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import InputFileError
from firmware.errors import UnreadableLayerError
from firmware.foreign.archives import read_bytes, tar_members
from firmware.foreign.conversion import ForeignModel, convert
from firmware.hls.layer_readers import READERS
from firmware.hls.library import load_extension

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "serialised hls4ml model"

ARCHITECTURE, CONFIGURATION = "model_arch.json", "config.json"
_MEMBERS = {ARCHITECTURE, CONFIGURATION, "graph_state.json", "version.json"}
_ARRAY = re.compile(r"[\w.-]+\.npy")
#: What a string may be made of: no C++ can be said without brackets, quotes and semicolons.
_HARMLESS = re.compile(r"[\w .:<>,@/%+*-]*")
#: C++ that hls4ml's templates write from the rest; taken out here and written anew.
_WRITTEN = ("function_cpp", "config_cpp", "include_header")
_CLASSES = ("hls4ml.model.", "hls4ml.backends.", "firmware.hls.extension.")


def read_serialised(source: str | Path) -> ForeignModel:
    """Read a model that hls4ml saved.

    Parameters
    ----------
    source
        A ``.fml`` file.

    Raises
    ------
    InputFileError
        If it is damaged, holds other files than such a model, links, or names that lead elsewhere.
    UnreadableLayerError
        If a layer has no exact counterpart.
    MissingToolError
        If hls4ml is not installed.
    """
    path = Path(source)
    files = tar_members(
        path, read_bytes(path), lambda name: name in _MEMBERS or bool(_ARRAY.fullmatch(name))
    )
    if not set(files) >= _MEMBERS:
        missing = ", ".join(sorted(_MEMBERS - set(files)))
        raise InputFileError(path, f"is no serialised hls4ml model, it has no {missing}")
    load_extension()
    plain = {name: _json(path, name, files[name]) for name in sorted(_MEMBERS)}
    _check_strings(path, plain, set(files))
    _check_layers(path, plain[ARCHITECTURE])
    _neutral(path, plain)
    from hls4ml.utils.serialization import deserialize_model

    def make() -> Any:
        with tempfile.TemporaryDirectory(prefix="l1distill-") as name:
            archive = Path(name) / "model.fml"
            _write(
                archive,
                {**files, **{key: json.dumps(part).encode() for key, part in plain.items()}},
            )
            model = deserialize_model(archive, name)
        model.apply_flow("vitis:apply_templates")
        return model

    return convert(path, KIND, make)


def _json(path: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputFileError(path, f"its {name} cannot be read ({error})") from error
    if not isinstance(plain, dict):
        raise InputFileError(path, f"its {name} holds no object")
    return plain


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for key, value in part.items():
            yield key
            if key not in _WRITTEN:
                yield from _strings(value)
    elif isinstance(part, list):
        for value in part:
            yield from _strings(value)


def _check_strings(path: Path, plain: dict[str, dict[str, Any]], members: set[str]) -> None:
    for text in _strings(plain):
        if not _HARMLESS.fullmatch(text):
            raise InputFileError(path, f"holds the text {text[:60]!r}, which no such model has")
        kind, is_array, name = text.partition("@ndarray:")
        if is_array and (kind or name not in members):
            raise InputFileError(path, f"refers to the array {name!r}, which it does not hold")


def _check_layers(path: Path, architecture: dict[str, Any]) -> None:
    for name, layer in architecture.items():
        kind = str(layer.get("class_name")) if isinstance(layer, dict) else ""
        own = kind.rpartition(".")[2].removeprefix("Vivado").removeprefix("Vitis")
        if own not in READERS and own != "Input":
            raise UnreadableLayerError(name, f"it is a {own or 'nothing'}; no reader knows it")
    for kind in _class_names(architecture):
        module, _, own = kind.rpartition(".")
        known = isinstance(getattr(sys.modules.get(module), own, None), type)
        if not kind.startswith(_CLASSES) or not known:
            raise InputFileError(path, f"names the class {kind!r}, which is none of hls4ml's")


def _class_names(part: Any) -> Iterator[str]:
    """All classes that hls4ml would look up."""
    if isinstance(part, dict):
        if "class_name" in part and "state" in part:
            yield str(part["class_name"])
        for value in part.values():
            yield from _class_names(value)


def _neutral(path: Path, plain: dict[str, dict[str, Any]]) -> None:
    """Drop stored C++, and what would make hls4ml read or write files."""
    config = plain[CONFIGURATION].get("config")
    if not isinstance(config, dict):
        raise InputFileError(path, f"its {CONFIGURATION} holds no configuration")
    for key in ("InputData", "OutputPredictions"):
        config.pop(key, None)
    config |= {"OutputDir": "unused", "ProjectName": "foreign", "Backend": "Vitis"}
    config["WriterConfig"] = {
        "Namespace": None,
        "WriteWeightsTxt": True,
        "WriteTar": False,
        "TBOutputStream": "both",
    }
    for layer in plain[ARCHITECTURE].values():
        state = layer.get("state")
        attributes = state.get("attributes") if isinstance(state, dict) else None
        if not isinstance(attributes, dict):
            raise InputFileError(path, f"its {ARCHITECTURE} holds a layer without attributes")
        for key in _WRITTEN:
            attributes.pop(key, None)


def _write(archive: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(archive, "w:gz") as out:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
