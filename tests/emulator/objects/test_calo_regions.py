"""Regions of the calorimeter and CICADA's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import uproot

from emulator.errors import InputFileError, MissingNameError
from emulator.objects.calo_regions import TREE, has_calo_regions, read_calo_regions
from emulator.objects.root_file import open_root

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, content: dict[str, Any], *, events: int) -> Path:
    with uproot.recreate(path) as file:
        file["l1EventTree/L1EventTree"] = {
            name: np.arange(events, dtype=np.uint32) for name in ("run", "lumi", "event")
        }
        file[TREE] = content
    return path


def content(entries: int, dtype: str = "uint16") -> dict[str, Any]:
    regions = np.arange(entries * 18 * 14).reshape(entries, 18, 14).astype(dtype)
    return {"modelInput": regions, "CICADAScore": np.arange(entries, dtype=np.float32) / 4}


def test_the_experiments_file(reference_data: Path) -> None:
    path = reference_data / "l1ntuple/cms_l1ntuple_run3mc_1ev.root"
    with open_root(str(path)) as file:
        assert has_calo_regions(file)
    (part,) = read_calo_regions(path)
    assert (part.run.tolist(), part.lumi.tolist(), part.event.tolist()) == ([1], [8134], [39127897])
    assert (str(part.et.dtype), part.et.shape) == ("uint16", (1, 18, 14))
    assert part.et[0, 0].tolist()[:4] == [6, 3, 3, 5]
    assert part.et[0, 13, 5] == 42
    assert part.cicada_score.tolist() == [0.0]


def test_ranges_of_entries(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", content(5), events=5)
    parts = list(read_calo_regions(path, chunk_events=2))
    assert [(each.entry_start, each.entry_stop) for each in parts] == [(0, 2), (2, 4), (4, 5)]
    np.testing.assert_array_equal(np.concatenate([p.et for p in parts]), content(5)["modelInput"])
    assert parts[1].event.tolist() == [2, 3]
    assert parts[2].cicada_score.tolist() == [1.0]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="3 entries, but 2 in l1EventTree/L1EventTree"):
        list(read_calo_regions(write(tmp_path / "a.root", content(3), events=2)))
    floats = write(tmp_path / "b.root", content(2, "float32"), events=2)
    with pytest.raises(InputFileError, match="modelInput holds values that are no regions' ET"):
        list(read_calo_regions(floats))
    negative = content(2, "int32")
    negative["modelInput"][1, 3, 3] = -1
    with pytest.raises(InputFileError, match="holds values that are no regions' ET"):
        list(read_calo_regions(write(tmp_path / "c.root", negative, events=2)))
    flat = {"modelInput": np.zeros((2, 252), np.uint16), "CICADAScore": np.zeros(2, np.float32)}
    with pytest.raises(InputFileError, match="branch modelInput must hold 18 x 14 numbers"):
        list(read_calo_regions(write(tmp_path / "d.root", flat, events=2)))
    with pytest.raises(MissingNameError, match="no branch 'modelInput'"):
        list(read_calo_regions(write(tmp_path / "e.root", {"x": np.zeros(2)}, events=2)))
    with uproot.recreate(tmp_path / "f.root") as file:
        file["a"] = {"x": np.zeros(1)}
    with open_root(str(tmp_path / "f.root")) as file:
        assert not has_calo_regions(file)
