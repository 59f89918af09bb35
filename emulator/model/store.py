"""Reading and writing model files, strictly."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from emulator.errors import InputFileError, L1Error, ModelFileError
from emulator.features import FeatureLayout
from emulator.files import replace_file
from emulator.graph.codec import graph_from_plain, graph_to_plain
from emulator.model.model import SCHEMA, Model, NamedThreshold

_KEYS = {
    "schema",
    "name",
    "network_sha256",
    "layout",
    "graph",
    "score",
    "thresholds",
    "provenance",
}

#: Keys of a threshold that belongs to a menu of the experiment.
_OF_MENUS = {"menu", "seed", "bit"}


def save_model(model: Model, path: str | Path) -> None:
    """Write a model file; an existing one is replaced only when the new one is complete."""
    with replace_file(path) as temporary:
        temporary.write_text(model_text(model), encoding="utf-8")


def model_text(model: Model) -> str:
    """Return the text of a model file: JSON with a line for each row of weights."""
    plain = {
        "schema": SCHEMA,
        "name": model.name,
        "network_sha256": model.network_sha256,
        "layout": model.layout.as_dict(),
        "graph": graph_to_plain(model.graph),
        "score": model.score,
        "thresholds": [_threshold_to_plain(threshold) for threshold in model.thresholds],
        "provenance": dict(model.provenance),
    }
    return _readable(plain) + "\n"


def _readable(value: Any, indent: int = 0) -> str:
    """JSON with lists of plain values on one line, so that a diff shows rows of weights."""
    pad = " " * (indent + 1)
    if isinstance(value, dict) and value:
        items = [
            f"{pad}{json.dumps(key)}: {_readable(part, indent + 1)}" for key, part in value.items()
        ]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        items = [pad + _readable(part, indent + 1) for part in value]
        return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
    return json.dumps(value)


def load_model(path: str | Path) -> Model:
    """Read and check a model file.

    Raises
    ------
    InputFileError
        If the file is missing or is no JSON.
    ModelFileError
        If it is of another schema version, has unknown or missing keys, or its network is not the
        one that its hash names.
    L1Error
        If its layout or graph breaks a rule; the message names the file.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputFileError(place, "no such model file") from error
    except IsADirectoryError as error:
        raise InputFileError(place, "is a folder, not a model file") from error
    except UnicodeDecodeError as error:
        raise InputFileError(
            place, f"is no model file, it cannot be read as JSON ({error})"
        ) from error
    return model_from_text(text, where=place)


def model_from_text(text: str, *, where: str | Path) -> Model:
    """Read and check the text of a model file; ``where`` it comes from is for messages.

    Raises
    ------
    L1Error
        As `load_model`.
    """
    place = Path(where)
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputFileError(
            place, f"is no model file, it cannot be read as JSON ({error})"
        ) from error
    if not isinstance(plain, dict) or "schema" not in plain:
        raise InputFileError(place, f"is no model file, it does not name its schema ({SCHEMA})")
    if plain["schema"] != SCHEMA:
        msg = f"{place}: its schema is {plain['schema']!r}, this version reads {SCHEMA!r}"
        raise ModelFileError(msg)
    try:
        return _model_from_plain(plain)
    except InputFileError:
        raise
    except L1Error as error:
        msg = f"{place}: {error}"
        raise ModelFileError(msg) from error


def _model_from_plain(plain: dict[str, Any]) -> Model:
    if set(plain) != _KEYS:
        wrong = ", ".join(sorted(set(plain) ^ _KEYS))
        msg = f"keys missing or unknown: {wrong}"
        raise ModelFileError(msg)
    for key, kind in (("name", str), ("score", str), ("graph", dict), ("provenance", dict)):
        if not isinstance(plain[key], kind):
            msg = f"{key} must be {kind.__name__}, found {plain[key]!r:.60}"
            raise ModelFileError(msg)
    model = Model(
        name=plain["name"],
        layout=FeatureLayout.from_dict(plain["layout"]),
        graph=graph_from_plain(plain["graph"]),
        score=plain["score"],
        thresholds=_thresholds(plain["thresholds"]),
        provenance=plain["provenance"],
    )
    if plain["network_sha256"] != model.network_sha256:
        msg = (
            "the network was changed after its hash was written; "
            f"stated {str(plain['network_sha256'])[:16]}…, found {model.network_sha256[:16]}…"
        )
        raise ModelFileError(msg)
    return model


def _thresholds(plain: object) -> tuple[NamedThreshold, ...]:
    if not isinstance(plain, list):
        msg = f"thresholds must be a list, found {plain!r:.60}"
        raise ModelFileError(msg)
    return tuple(_threshold(item, place) for place, item in enumerate(plain))


def _threshold_to_plain(threshold: NamedThreshold) -> dict[str, Any]:
    """Leave out what belongs to menus where there is none."""
    values = asdict(threshold)
    return {key: part for key, part in values.items() if threshold.menu or key not in _OF_MENUS}


def _threshold(plain: object, place: int) -> NamedThreshold:
    needed = {item.name for item in fields(NamedThreshold)} - _OF_MENUS
    if not isinstance(plain, dict) or set(plain) not in (needed, needed | _OF_MENUS):
        msg = (
            f"threshold {place} needs the keys {', '.join(sorted(needed))}, and of a menu also "
            f"{', '.join(sorted(_OF_MENUS))}, found {plain!r:.100}"
        )
        raise ModelFileError(msg)
    texts = [plain.get(key, "") for key in ("name", "scenario", "sample_sha256", "menu", "seed")]
    target, bit = plain["target_khz"], plain.get("bit")
    if (
        type(plain["threshold"]) is not int
        or not (target is None or (isinstance(target, int | float) and target is not True))
        or not (bit is None or type(bit) is int)
        or not all(isinstance(text, str) for text in texts)
    ):
        msg = f"threshold {place} has a value of the wrong type: {plain!r:.200}"
        raise ModelFileError(msg)
    return NamedThreshold(**plain)
