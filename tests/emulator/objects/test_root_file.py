"""Recognising ROOT files by their first bytes, and integers by their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import uproot

from emulator.errors import InputFileError, MissingNameError
from emulator.objects.root_file import check_is_root, open_root

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("version", "bytes_of_end"), [(62_206, 4), (999_999, 4), (1_000_000, 8), (1_062_206, 8)]
)
def test_end_of_file_in_small_and_large_files(
    tmp_path: Path, version: int, bytes_of_end: int
) -> None:
    header = b"root" + version.to_bytes(4, "big") + (100).to_bytes(4, "big")
    whole = (header + (300).to_bytes(bytes_of_end, "big")).ljust(300, b"\xff")
    path = tmp_path / "a.root"
    path.write_bytes(whole)
    check_is_root(str(path))
    path.write_bytes(whole[:-1])
    with pytest.raises(InputFileError, match="cut short: it has 299 bytes of 300"):
        check_is_root(str(path))


def test_the_experiments_files_are_whole(reference_data: Path) -> None:
    paths = sorted(reference_data.rglob("*.root"))
    assert paths
    for path in paths:
        check_is_root(str(path))


def test_remote_addresses_are_left_to_uproot() -> None:
    check_is_root("root://somewhere.example//a.root")


def test_flat_and_jagged_branches_do_not_mix(tmp_path: Path) -> None:
    path = str(tmp_path / "a.root")
    with uproot.recreate(path) as file:
        file.mktree("folder/t", {"flat": "uint32", "lists": "var * int16", "whole": "float64"})
        lists = [np.array([1, 2], np.int16), np.array([], np.int16), np.array([3], np.int16)]
        file["folder/t"].extend(
            {"flat": np.arange(3, dtype=np.uint32), "lists": lists, "whole": np.array([1.0, -2, 3])}
        )
    with open_root(path) as root:
        assert root.trees() == ("folder/t",)
        tree = root.tree("folder/t")
        assert tree.flat("flat", 1, 3).tolist() == [1, 2]
        assert tree.flat("whole", 0, 2).tolist() == [1, -2]
        part = tree.jagged("lists", 1, 3)
        assert (part.offsets.tolist(), part.contents.tolist()) == ([0, 0, 1], [3])
        with pytest.raises(InputFileError, match="branch lists must hold one integer an entry"):
            tree.flat("lists", 0, 3)
        with pytest.raises(InputFileError, match="branch flat must hold lists of integers"):
            tree.jagged("flat", 0, 3)
        with pytest.raises(
            MissingNameError, match=r"a\.root:folder/t: no branch 'flot'; nearest: flat"
        ):
            tree.flat("flot", 0, 3)
        with pytest.raises(MissingNameError, match="no tree 'folder/u'; nearest: folder/t"):
            root.tree("folder/u")
        assert root.provenance() == {}
