"""Patterns, folders, lists and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from public_data_set import tables, write_hugging_face, write_zenodo

from emulator.errors import InputFileError
from emulator.objects import SCALARS, build_events, expand_paths, read_events, write_nano

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of files with names that say nothing, some of them of no format."""
    for number, name in enumerate(("b.root", "a.dat", "sub/c")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        ids = {each: np.full(1, number) for each in SCALARS} | {"crossing": np.zeros(1, int)}
        write_nano(tmp_path / name, [build_events(ids, {})], provenance={})
    (tmp_path / "notes.txt").write_text("nothing to read here\n")
    (tmp_path / ".hidden.root").write_bytes((tmp_path / "b.root").read_bytes())
    return tmp_path


def test_a_folder_gives_its_readable_files(folder: Path) -> None:
    assert expand_paths(folder) == [str(folder / name) for name in ("a.dat", "b.root", "sub/c")]
    assert read_events(folder).event.tolist() == [1, 0, 2]


def test_patterns(folder: Path) -> None:
    assert expand_paths(str(folder / "*.root")) == [str(folder / "b.root")]
    assert expand_paths(str(folder / "**" / "c")) == [str(folder / "sub" / "c")]
    assert expand_paths([folder / "[ab].*"]) == [str(folder / name) for name in ("a.dat", "b.root")]
    with pytest.raises(InputFileError, match=r"x\*\.root: no file matches this pattern"):
        expand_paths(folder / "x*.root")


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "b.root").rename(folder / "b[1].root")
    assert expand_paths(folder / "b[1].root") == [str(folder / "b[1].root")]


def test_a_list_of_files_is_relative_to_its_folder(folder: Path) -> None:
    (folder / "files").write_text(
        "# comment\nsub/c\n\nb.root  # last year's\nroot://eos//store/x.root\n"
    )
    assert expand_paths(folder / "files") == [
        str(folder / "sub/c"),
        str(folder / "b.root"),
        "root://eos//store/x.root",
    ]


def test_text_that_is_no_list_is_left_to_the_readers(folder: Path) -> None:
    with pytest.raises(InputFileError, match="its first bytes are of no format that is read"):
        read_events(folder / "notes.txt")
    with pytest.raises(InputFileError, match="there is no such file"):
        read_events(folder / "missing.root")


def test_a_folder_without_readable_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputFileError, match="no file in it is of a format that is read"):
        expand_paths(tmp_path)


def test_folders_of_the_public_data_set(tmp_path: Path) -> None:
    parts = tables(3)
    write_hugging_face(tmp_path / "hf" / "train-00000-of-00002.parquet", parts)
    write_hugging_face(tmp_path / "hf" / "train-00001-of-00002.parquet", parts)
    write_zenodo(tmp_path / "zenodo" / "396102" / "train", parts)
    assert expand_paths(tmp_path) == [
        str(tmp_path / "hf" / "train-00000-of-00002.parquet"),
        str(tmp_path / "hf" / "train-00001-of-00002.parquet"),
        str(tmp_path / "zenodo" / "396102" / "train"),
    ]
    assert len(read_events(tmp_path)) == 9


def test_addresses_are_left_to_uproot() -> None:
    assert expand_paths("root://eos.cern.ch//store/*.root") == ["root://eos.cern.ch//store/*.root"]
