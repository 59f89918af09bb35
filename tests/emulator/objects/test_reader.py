"""Finding the format, reading several files, and errors of files that are no good."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from damage import write_originals

from emulator.errors import InputFileError, L1Error, SettingsError
from emulator.objects import (
    SCALARS,
    Chunk,
    Columns,
    build_events,
    concatenate,
    open_file,
    read_events,
    write_nano,
    write_parquet,
)

if TYPE_CHECKING:
    from pathlib import Path


def events(rows: int = 3, **scalars: Any) -> ak.Array:
    numbers = {name: np.arange(rows) for name in SCALARS} | {"crossing": np.zeros(rows, int)}
    eg = {name: np.arange(rows) + 1 for name in ("pt", "eta", "phi", "iso")}
    eg["iso"] = np.zeros(rows, int)
    return build_events({**numbers, **scalars}, {"eg": Columns(np.arange(rows + 1), eg)})


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write_nano(tmp_path / "good.root", [events()], provenance={"made": "here"})
    return tmp_path / "good.root"


def test_several_files_one_after_the_other(tmp_path: Path, good: Path) -> None:
    write_nano(tmp_path / "b.root", [events(2)], provenance={})
    read = read_events([good, str(tmp_path / "b.root"), good])
    assert read.event.tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
    assert read.eg.pt.tolist() == [[1], [2], [3], [1], [2], [1], [2], [3]]
    assert read_events(good).event.tolist() == read_events([str(good)]).event.tolist() == [0, 1, 2]


def test_weighted_and_unweighted_files_do_not_mix(tmp_path: Path, good: Path) -> None:
    weighted = events(1, weight=np.ones(1, int))
    write_nano(tmp_path / "w.root", [weighted], provenance={})
    with pytest.raises(
        InputFileError, match=r"w\.root: its events have weight, unlike those of .*good"
    ):
        read_events([good, tmp_path / "w.root"])
    with pytest.raises(
        InputFileError, match=r"good\.root: its events have no weight, unlike those of .*w\.root"
    ):
        read_events([tmp_path / "w.root", good])


def test_a_reader_can_travel_to_another_process(good: Path) -> None:
    reader = pickle.loads(pickle.dumps(open_file(good)))  # noqa: S301 (as multiprocessing does)
    assert next(reader.chunks()).events.event.tolist() == [0, 1, 2]
    assert (reader.path, reader.entries, reader.provenance()) == (str(good), 3, {"made": "here"})


def test_a_path_with_a_colon(tmp_path: Path, good: Path) -> None:
    good.rename(tmp_path / "run:1.root")
    assert len(read_events(tmp_path / "run:1.root")) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "packed"}, "source must be one of unpacked, emulated, not 'packed'"),
        ({"order": "eta"}, "order must be one of pt, readout, not 'eta'"),
        ({"crossings": ()}, r"crossings must be given, each once, not \[\]"),
        ({"crossings": (0, 0)}, r"each once, not \[0, 0\]"),
        ({"crossings": (4294967295,)}, r"crossings are relative .* not \[4294967295\]"),
    ],
)
def test_settings_that_make_no_sense(good: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_events(good, **settings)


def test_chunk_size_must_be_positive(good: Path) -> None:
    with pytest.raises(SettingsError, match="chunk_events must be at least 1, not 0"):
        open_file(good).chunks(chunk_events=0)


def test_files_that_are_no_root_files(tmp_path: Path) -> None:
    (tmp_path / "empty.root").write_bytes(b"")
    (tmp_path / "text.root").write_text("run,event\n1,2\n")
    for name, message in (
        ("missing.root", "missing.root: there is no such file"),
        ("empty.root", r"the file is empty \(0 bytes\)"),
        ("text.root", "its first bytes are of no format that is read"),
        (".", "this is no file"),
    ):
        with pytest.raises(InputFileError, match=message):
            open_file(tmp_path / name)


def test_a_root_file_of_no_known_format(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["other/tree"] = {"x": np.arange(3)}
    with pytest.raises(
        InputFileError, match=r"of no format that is read \(l1ntuple, l1nano\): other/tree"
    ):
        open_file(tmp_path / "a.root")
    with uproot.recreate(tmp_path / "b.root") as file:
        file["note"] = "text"
    with pytest.raises(InputFileError, match=r"\(l1ntuple, l1nano\): none"):
        open_file(tmp_path / "b.root")


def test_truncated_files_give_one_sentence(tmp_path: Path, good: Path) -> None:
    content = good.read_bytes()
    for size in (4, 19, 20, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.root").write_bytes(content[:size])
        with pytest.raises(InputFileError, match=r"cut\.root: .* cut short"):
            read_events(tmp_path / "cut.root")


def test_damaged_bytes_never_escape_as_foreign_errors(tmp_path: Path, good: Path) -> None:
    content = good.read_bytes()
    rng = np.random.default_rng(5)
    messages = []
    for _ in range(20):
        damaged = bytearray(content)
        start = int(rng.integers(20, len(content) - 256))
        damaged[start : start + 256] = rng.bytes(256)
        (tmp_path / "bad.root").write_bytes(bytes(damaged))
        try:
            read_events(tmp_path / "bad.root")
        except L1Error as error:
            messages.append(str(error))
    assert len(messages) > 5
    assert all("bad.root" in each and "\n" not in each for each in messages)


@pytest.mark.parametrize("part", [(0, 7), (5, 6), (3, 40), (38, 40)])
def test_a_part_of_the_entries_of_each_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: tuple[int, int]
) -> None:
    monkeypatch.setattr("emulator.objects.parquet._BATCH_ROWS", 4)
    for path in write_originals(tmp_path, seed=5).values():
        whole = read_events(path)
        first, last = part[0], min(part[1], len(whole))
        chunks = list(open_file(path).chunks(chunk_events=3, entries=(first, last)))
        assert [chunks[0].entry_start, chunks[-1].entry_stop] == [first, last]
        read = concatenate([chunk.events for chunk in chunks])
        assert ak.array_equal(read, whole[first:last]), path
        with pytest.raises(SettingsError, match=f"entries 3 to {len(whole) + 1} are no part of"):
            open_file(path).chunks(entries=(3, len(whole) + 1))


def test_rows_of_parquet_files_in_several_groups(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [Chunk("", "", 0, 9, events(9))], provenance={})
    table = pq.read_table(tmp_path / "a.parquet")
    pq.write_table(table, tmp_path / "groups.parquet", row_group_size=2)
    for first in range(9):
        read = open_file(tmp_path / "groups.parquet").chunks(entries=(first, 9), chunk_events=2)
        assert [n for chunk in read for n in chunk.events.event.tolist()] == list(range(first, 9))


def test_a_part_says_which_crossings_it_has(good: Path) -> None:
    chunk = next(open_file(good).chunks(crossings=(0, 1), entries=(0, 2)))
    assert chunk.crossings == (0,)
    with pytest.raises(InputFileError, match=r"crossing 1 is in no entry; offered: 0"):
        list(open_file(good).chunks(crossings=(0, 1)))


def test_fields_that_are_not_wanted_are_not_read(tmp_path: Path) -> None:
    for path in write_originals(tmp_path, seed=6).values():
        whole = open_file(path)
        part = whole.without_other_fields({"mu.iso", "eg.pt"})
        read, expected = next(part.chunks()).events, next(whole.chunks()).events
        assert part.describe() == whole.describe()
        assert ak.array_equal(read.eg[["pt", "eta", "phi"]], expected.eg[["pt", "eta", "phi"]])
        if path.suffix == ".root":
            assert set(read.mu.fields) == {"pt", "eta_vtx", "phi_vtx", "iso"}
            assert read.mu.iso.tolist() == expected.mu.iso.tolist()
            assert "iso" not in read.eg.fields
            assert ak.sum(ak.num(read.jet.pt)) == 0 < ak.sum(ak.num(expected.jet.pt))


def test_crossings_of_objects_that_are_not_read_are_offered(tmp_path: Path) -> None:
    """Crossing 2 is that of a jet alone; whoever reads muons gets a row without any of them."""
    path = tmp_path / "a.root"
    write_originals(tmp_path, seed=6)["l1ntuple"].rename(path)
    changed = tmp_path / "b.root"
    with uproot.open(path) as old, uproot.recreate(changed) as new:
        for name in ("l1UpgradeTree/L1UpgradeTree", "l1EventTree/L1EventTree"):
            arrays = old[name].arrays()
            columns = {key: arrays[key] for key in arrays.fields if not key.startswith("n")}
            if "jetBx" in columns:
                columns["jetBx"] = ak.values_astype(columns["jetBx"] + 2, np.int16)
            new[name] = columns
    reader = open_file(changed).without_other_fields({"mu.pt"})
    assert next(reader.chunks(crossings=(2,))).crossings == (2,)
    with pytest.raises(InputFileError, match=r"crossing 3 is in no entry; offered: 0, 2"):
        list(reader.chunks(crossings=(3,)))
