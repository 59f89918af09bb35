"""Masks of luminosity sections against a plain loop, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.errors import InputFileError
from emulator.objects.lumi_mask import LumiMask, load_lumi_mask

if TYPE_CHECKING:
    from pathlib import Path


def test_keeps_what_a_plain_loop_keeps(tmp_path: Path) -> None:
    ranges = {"7": [[1, 3], [10, 10]], "9": [[2, 5]], "11": []}
    (tmp_path / "mask.json").write_text(json.dumps(ranges))
    mask = load_lumi_mask(tmp_path / "mask.json")
    run, lumi = (part.ravel() for part in np.meshgrid([6, 7, 9, 11], np.arange(12)))
    expected = [
        any(first <= section <= last for first, last in ranges.get(str(number), []))
        for number, section in zip(run.tolist(), lumi.tolist(), strict=True)
    ]
    assert mask.keeps(run.astype(np.uint32), lumi.astype(np.uint32)).tolist() == expected
    assert sum(expected) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is no lumi-section mask"),
        ({}, "is no lumi-section mask"),
        ({"run7": [[1, 2]]}, "'run7' is no run number"),
        ({"7": [1, 2]}, r"run 7: must be a list of \[first, last\] sections"),
        ({"7": [[3, 2]]}, "run 7: must be"),
        ({"7": [[1, 2, 3]]}, "run 7: must be"),
        ({"7": [[1, 2.5]]}, "run 7: must be"),
        ({"7": {"1": 2}}, "run 7: must be"),
    ],
)
def test_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "mask.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputFileError, match=message):
        load_lumi_mask(path)


def test_no_mask_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such lumi-section mask"):
        load_lumi_mask(tmp_path / "none.json")
    with pytest.raises(InputFileError, match="is a folder"):
        load_lumi_mask(tmp_path)
    (tmp_path / "mask.json").write_text("{")
    with pytest.raises(InputFileError, match="cannot be read as JSON"):
        load_lumi_mask(tmp_path / "mask.json")


def test_an_empty_mask_keeps_nothing() -> None:
    assert not LumiMask({}).keeps(np.array([1]), np.array([1])).any()
