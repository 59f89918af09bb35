"""Typed reading of YAML settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.samples._yaml import FloatArray, per_ring, read_yaml, section, take

if TYPE_CHECKING:
    from pathlib import Path


class Numbers(NamedTuple):
    """A section with one field of each type."""

    number: int
    size: float
    rings: FloatArray


GOOD = {"number": 3, "size": 2, "rings": [{"rings": [0, 2], "value": 1.0}]}


def test_section_fills_and_converts() -> None:
    numbers = section({"part": GOOD}, "part", Numbers, "here", 2)
    assert numbers[:2] == (3, 2.0)
    assert isinstance(numbers.size, float)
    np.testing.assert_array_equal(numbers.rings, [1.0, 1.0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"number": 1.5}, SettingsError, "here: part: number must be of type int, not 1.5"),
        ({"number": True}, SettingsError, "number must be of type int"),
        ({"size": "big"}, SettingsError, "size must be of type float, not 'big'"),
        ({"sise": 1.0}, MissingNameError, "no setting 'sise'; nearest: size"),
        ({"rings": []}, SettingsError, "end at 0, the geometry has 2 rings"),
    ],
)
def test_section_refuses(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        section({"part": {**GOOD, **change}}, "part", Numbers, "here", 2)


def test_missing_section_and_number() -> None:
    with pytest.raises(SettingsError, match="the setting 'part' is missing"):
        section({}, "part", Numbers, "here", 2)
    with pytest.raises(SettingsError, match="the setting 'number' is missing"):
        section({"part": {"size": 1.0}}, "part", Numbers, "here", 2)


def test_rings_must_join() -> None:
    groups = [{"rings": [0, 2], "value": 1.0}, {"rings": [3, 4], "value": 1.0}]
    with pytest.raises(SettingsError, match=r"must be \{rings: \[2, stop\]"):
        per_ring(groups, 4, "here")


def test_default_only_where_absent() -> None:
    assert take({}, "k", float, "here", 1.25) == 1.25
    assert take({"k": 0.0}, "k", float, "here", 1.25) == 0.0


def test_files(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no packaged settings of this name"):
        read_yaml("no_such")
    with pytest.raises(InputFileError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", encoding="utf-8")
    with pytest.raises(InputFileError, match="not valid YAML"):
        read_yaml(str(broken))
    broken.write_text("- 1", encoding="utf-8")
    with pytest.raises(InputFileError, match="must hold a mapping"):
        read_yaml(broken)
