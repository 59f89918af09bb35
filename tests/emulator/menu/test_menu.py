"""Menu files: read, and refused where they are not what they should be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import InputFileError, MissingNameError
from emulator.menu import load_menu

if TYPE_CHECKING:
    from pathlib import Path


def test_seeds_stand_in_the_order_of_their_bits(tmp_path: Path) -> None:
    path = tmp_path / "algos_L1Menu_Test_v1.json"
    path.write_text(json.dumps({"10": ["L1_B", "EG5"], "9": ["L1_A", "MU5"]}))
    menu = load_menu(path)
    assert menu.name == "L1Menu_Test_v1"
    assert [(seed.bit, seed.name) for seed in menu.seeds] == [(9, "L1_A"), (10, "L1_B")]
    assert menu.seed("L1_B").expression == "EG5"
    with pytest.raises(MissingNameError, match="L1Menu_Test_v1: no seed 'L1_C'; nearest: L1_"):
        menu.seed("L1_C")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "is no menu"),
        ([], "is no menu"),
        ({"512": ["a", "MU5"]}, "'512' is no algorithm bit, which are 0 to 511"),
        ({"07": ["a", "MU5"]}, "'07' is no algorithm bit"),
        ({"7": ["a"]}, r"bit 7: must be \[name, expression\]"),
        ({"7": ["a", 5]}, "bit 7: must be"),
        ({"7": ["", "MU5"]}, "bit 7: must be"),
        ({"7": ["a", "MU5"], "8": ["a", "MU6"]}, "two bits have the seed 'a'"),
    ],
)
def test_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "menu.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputFileError, match=message):
        load_menu(path)


def test_no_menu_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such menu file"):
        load_menu(tmp_path / "none.json")
    with pytest.raises(InputFileError, match="is a folder"):
        load_menu(tmp_path)
    (tmp_path / "menu.json").write_text("{")
    with pytest.raises(InputFileError, match="cannot be read as JSON"):
        load_menu(tmp_path / "menu.json")
