"""Recognising ROOT files by their first bytes, and integers by their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
from damage import _rntuple, some_events
from uproot.models.RNTuple import Model_ROOT_3a3a_RNTuple as RNTuple

from emulator.errors import InputFileError, MissingNameError
from emulator.objects import expand_paths, open_file, read_events, write_nano
from emulator.objects.file_access import whole_numbers
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


@pytest.mark.parametrize(
    "address",
    ["root://nowhere.invalid//store/a.root", "http://127.0.0.1:1/a.root", "nothing://host/a.root"],
)
def test_an_address_that_cannot_be_read_is_one_sentence(address: str) -> None:
    with pytest.raises(InputFileError) as caught:
        open_file(address)
    text = str(caught.value)
    assert text.startswith(f"{address}: cannot be opened as an address (")
    assert "\n" not in text


def test_an_address_is_handed_to_uproot(tmp_path: Path) -> None:
    write_nano(tmp_path / "a.root", [some_events(np.random.default_rng(1), 20)], provenance={})
    address = f"file://{tmp_path}/a.root"
    assert expand_paths([address]) == [address]
    reader = open_file(address)
    assert (reader.format_name, reader.entries) == ("l1nano", 20)
    assert read_events(address).tolist() == read_events(tmp_path / "a.root").tolist()


def test_floats_beyond_their_digits_are_no_whole_numbers() -> None:
    for dtype, digits in ((np.float32, 24), (np.float64, 53)):
        good = np.array([0, 2**digits - 1], dtype)
        assert whole_numbers(good, "here").tolist() == [0, 2**digits - 1]
        with pytest.raises(InputFileError, match="no integers"):
            whole_numbers(np.array([2**digits], dtype), "here")


def test_the_file_that_was_opened_last_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    real = uproot.open

    def counted(*given: object, **settings: object) -> object:
        opened.append(given)
        return real(*given, **settings)

    path, other = tmp_path / "a.root", tmp_path / "b.root"
    rng = np.random.default_rng(3)
    for each in (path, other):
        write_nano(each, [some_events(rng, 5)], provenance={})
    monkeypatch.setattr(uproot, "open", counted)
    first = read_events(path)
    assert ak.array_equal(read_events(path), first)
    assert len(opened) == 1
    read_events(other)
    assert ak.array_equal(read_events(path), first)
    assert len(opened) == 3
    write_nano(path, [some_events(rng, 5)], provenance={})
    assert not ak.array_equal(read_events(path), first)
    assert len(opened) == 4
    with pytest.raises(RuntimeError), open_root(str(path)):
        raise RuntimeError
    read_events(path)
    assert len(opened) == 5


@pytest.fixture
def ntuple(tmp_path: Path) -> Path:
    write_nano(tmp_path / "tree.root", [some_events(np.random.default_rng(8), 60)], provenance={})
    _rntuple(tmp_path / "ntuple.root", tmp_path / "tree.root")
    return tmp_path / "ntuple.root"


BRANCHES = ("run", "L1Mu_hwPt", "L1Jet_hwEta")


def test_branches_of_an_ntuple_are_read_in_one_go(
    ntuple: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read together is what each would be read as, and is not read again."""
    with open_root(str(ntuple)) as file:
        tree = file.tree("Events")
        alone = {name: tree.numbers(name, 10, 50).tolist() for name in BRANCHES}
        tree.read_together([*BRANCHES, "not_there"], 10, 50)
        with monkeypatch.context() as patched:
            patched.setattr(RNTuple, "read_cluster_range", None)
            assert {name: tree.numbers(name, 10, 50).tolist() for name in BRANCHES} == alone
        # Nothing is left of a range when another one is read.
        tree.read_together(BRANCHES, 10, 50)
        tree.read_together(BRANCHES, 0, 10)
        assert tree.numbers("run", 10, 50).tolist() == alone["run"]


def test_what_cannot_be_read_together_is_told_by_who_asks_for_it(
    ntuple: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = RNTuple.read_cluster_range

    def broken(self: Any, column: int, *given: Any, **settings: Any) -> Any:
        if column == place:
            msg = "frame is too short"
            raise ValueError(msg)
        return read(self, column, *given, **settings)

    with open_root(str(ntuple)) as file:
        tree = file.tree("Events")
        fields = [each.field_name for each in tree._tree.ntuple.field_records]
        columns = tree._tree.ntuple.column_records
        place = next(k for k, each in enumerate(columns) if fields[each.field_id] == "run")
        eta = tree.numbers("L1Jet_hwEta", 0, 60).tolist()
        monkeypatch.setattr(RNTuple, "read_cluster_range", broken)
        tree.read_together(BRANCHES, 0, 60)
        assert tree.numbers("L1Jet_hwEta", 0, 60).tolist() == eta
        with pytest.raises(InputFileError, match=r"Events/run, entries 0 to 60; .* frame is too"):
            tree.numbers("run", 0, 60)


def test_only_what_a_library_says_of_a_file_is_put_off(
    ntuple: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To be interrupted is not."""

    def interrupted(*_given: object, **_settings: object) -> None:
        raise KeyboardInterrupt

    with open_root(str(ntuple)) as file:
        tree = file.tree("Events")
        monkeypatch.setattr(RNTuple, "arrays", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tree.read_together(BRANCHES, 0, 60)
