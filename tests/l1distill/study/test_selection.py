"""Runs and luminosity sections choose what a role takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.objects import write_nano
from emulator.objects.lumi_mask import LumiMask
from l1distill.study.selection import Selection, selected_chunks

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak

    from tests.l1distill.conftest import MakeEvents


@pytest.fixture
def events(make_events: MakeEvents) -> ak.Array:
    drawn = make_events(60, 1, weighted=False)
    drawn["run"] = (np.arange(60) // 20 + 5).astype(np.uint32)
    drawn["lumi"] = (np.arange(60) % 10).astype(np.uint32)
    return drawn


def test_selection(events: ak.Array, tmp_path: Path) -> None:
    mask = LumiMask({6: ((2, 3),), 7: ((0, 0), (9, 9))})
    cases = (
        (Selection(), list(range(60))),
        (Selection(runs=(5, 7)), [*range(20), *range(40, 60)]),
        (Selection(mask=mask), [22, 23, 32, 33, 40, 49, 50, 59]),
        (Selection((5, 7), mask), [40, 49, 50, 59]),
    )
    path = tmp_path / "a.root"
    write_nano(path, [events], provenance={})
    for selection, places in cases:
        numbers = events["event"].to_numpy()[places].tolist()
        assert selection.of(events)["event"].tolist() == numbers
        parts = [part for part, _ in selected_chunks("setting", [path], selection)]
        assert [number for part in parts for number in part["event"].tolist()] == numbers
    assert Selection((5,), mask).as_dict() == {
        "runs": [5],
        "lumi_sections": {"6": ((2, 3),), "7": ((0, 0), (9, 9))},
    }
    assert Selection().as_dict() == {}


def test_nothing_left_is_refused(events: ak.Array, tmp_path: Path) -> None:
    write_nano(tmp_path / "a.root", [events], provenance={})
    with pytest.raises(SettingsError, match=r"^setting: none of the 60 crossings in its files"):
        list(selected_chunks("setting", [tmp_path / "a.root"], Selection((1,))))
