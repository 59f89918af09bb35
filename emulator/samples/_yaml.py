"""Read packaged or a user's YAML settings into typed values, with errors that name the place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import yaml
from numpy.typing import NDArray

from emulator.errors import InputFileError, MissingNameError, SettingsError

FloatArray = NDArray[np.float64]
T = TypeVar("T")


def read_yaml(name_or_path: str | Path) -> tuple[Mapping[str, Any], str]:
    """Return the mapping in a packaged file (by name, without suffix) or in a file (by path).

    A file that says ``extends: NAME`` has all of the packaged file NAME, except for what it gives itself:
    mappings are joined key by key, everything else is replaced.

    Returns
    -------
    The mapping, and what to call the file in messages.

    Raises
    ------
    InputFileError
        If there is no such file, or it does not hold a YAML mapping.
    """
    if isinstance(name_or_path, Path) or name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
        where = str(path)
        if not path.is_file():
            raise InputFileError(path, "no such file of settings")
        text = path.read_text(encoding="utf-8")
    else:
        resource = files(__package__).joinpath("data").joinpath(f"{name_or_path}.yaml")
        where = f"{name_or_path}.yaml"
        if not resource.is_file():
            raise InputFileError(where, "no packaged settings of this name; give a path to a file")
        text = resource.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputFileError(where, f"not valid YAML: {error}") from error
    if not isinstance(content, Mapping):
        raise InputFileError(where, "must hold a mapping of names to settings")
    if "extends" in content:
        base = read_yaml(take(content, "extends", str, where))[0]
        content = _joined(base, {key: own for key, own in content.items() if key != "extends"})
    return content, where


def _joined(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **base,
        **{
            key: _joined(base[key], value)
            if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
            else value
            for key, value in own.items()
        },
    }


def content_sha256(value: Any) -> str:
    """Hash plain values (mappings, lists, numbers, text) independently of their order of keys.

    Examples
    --------
    >>> content_sha256({"a": 1, "b": 2}) == content_sha256({"b": 2, "a": 1})
    True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def take(
    mapping: Mapping[str, Any],
    key: str,
    kind: type[T],
    where: str,
    default: T | None = None,
) -> T:
    """Return ``mapping[key]``, checked to be of one type; an int is accepted as a float.

    Raises
    ------
    SettingsError
        If the key is missing without a default, or its value is of another type.
    """
    if key not in mapping:
        if default is not None:
            return default
        msg = f"{where}: the setting {key!r} is missing"
        raise SettingsError(msg)
    value: Any = mapping[key]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"{where}: {key} must be of type {kind.__name__}, not {value!r}"
        raise SettingsError(msg)
    return value


def take_texts(mapping: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return a list of texts as a tuple."""
    values = take(mapping, key, list, where)
    if not all(isinstance(value, str) for value in values):
        msg = f"{where}: {key} must be a list of texts"
        raise SettingsError(msg)
    return tuple(values)


def refuse_unknown(mapping: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise if the mapping has a key that means nothing here: most likely a misspelling."""
    for key in mapping:
        if key not in known:
            raise MissingNameError("setting", str(key), known, where)


def section(
    content: Mapping[str, Any], name: str, kind: type[T], where: str, n_rings: int = 0
) -> T:
    """Fill a named tuple of numbers from the section ``name``.

    Fields are ``int``, ``float``, or ``FloatArray`` (one value per ring, written in ring groups).

    Raises
    ------
    SettingsError
        If a number is missing or of the wrong type.
    MissingNameError
        If the section has a number that is not used.
    """
    raw = take(content, name, dict, where)
    place = f"{where}: {name}"
    fields: Mapping[str, Any] = kind.__annotations__
    refuse_unknown(raw, tuple(fields), place)
    values: dict[str, Any] = {}
    defaults: Mapping[str, Any] = getattr(kind, "_field_defaults", {})
    for field, annotation in fields.items():
        text = str(annotation)
        if field in defaults and field not in raw:
            continue
        if "FloatArray" in text:
            values[field] = per_ring(take(raw, field, list, place), n_rings, f"{place}.{field}")
        else:
            values[field] = take(raw, field, int if "int" in text else float, place)
    return kind(**values)


def per_ring(groups: Sequence[Any], n_rings: int, where: str) -> FloatArray:
    """Expand ``[{rings: [first, stop], value: x}, ...]`` to one value per ring.

    Returns
    -------
    float64, shape ``(n_rings,)``.

    Raises
    ------
    SettingsError
        If the groups do not cover each ring exactly once.

    Examples
    --------
    >>> per_ring([{"rings": [0, 2], "value": 1.5}, {"rings": [2, 3], "value": 2}], 3, "here")
    array([1.5, 1.5, 2. ])
    """
    values = np.full(n_rings, np.nan)
    stop = 0
    for group in groups:
        ok = isinstance(group, Mapping) and set(group) == {"rings", "value"}
        if not ok or len(group["rings"]) != 2 or group["rings"][0] != stop:
            msg = f"{where}: ring group {group!r} must be {{rings: [{stop}, stop], value: number}}"
            raise SettingsError(msg)
        first, stop = group["rings"]
        values[first:stop] = take(group, "value", float, where)
    if stop != n_rings or np.isnan(values).any():
        msg = f"{where}: the ring groups end at {stop}, the geometry has {n_rings} rings"
        raise SettingsError(msg)
    return values
