"""Writer and reader of NanoAOD together, and the file as other tools see it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.errors import InputFileError, RangeError
from emulator.objects import (
    REQUIRED_FIELDS,
    SCALARS,
    Chunk,
    Columns,
    SeedBits,
    build_events,
    concatenate,
    empty_events,
    open_file,
    read_events,
    read_events_and_bits,
    trim,
    write_nano,
)
from emulator.objects.checked_file import BlockChecks

if TYPE_CHECKING:
    from pathlib import Path


def one_muon(pt: int = 23, *, rows: int = 1, **scalars: Any) -> ak.Array:
    numbers = {name: np.ones(rows, np.int64) for name in SCALARS} | {
        "crossing": np.zeros(rows, int)
    }
    fields = {"pt": pt, "eta": -100, "phi": 300, "eta_vtx": 10, "phi_vtx": 575}
    part = {name: np.full(rows, value) for name, value in fields.items()}
    etm = {"pt": np.full(rows, 9), "phi": np.full(rows, 143)}
    offsets = np.arange(rows + 1)
    return build_events(
        {**numbers, **scalars}, {"mu": Columns(offsets, part), "etm": Columns(offsets, etm)}
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), step=st.integers(1, 4))
def test_what_is_written_comes_back(
    data: st.DataObject,
    step: int,
    chunks_strategy: st.SearchStrategy[list[ak.Array]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    chunks = data.draw(chunks_strategy)
    events = concatenate(chunks)
    path = tmp_path_factory.mktemp("nano") / "events.root"
    if len(events) == 0:
        with pytest.raises(InputFileError, match="there are no events to write"):
            write_nano(path, chunks, provenance={})
        assert list(path.parent.iterdir()) == []
        return
    assert write_nano(path, chunks, provenance={"seed": 3}) == len(events)
    reader = open_file(path)
    assert reader.provenance() == {"seed": 3}
    crossings = sorted(set(events.crossing.tolist()))
    read = concatenate(
        [chunk.events for chunk in reader.chunks(crossings=crossings, chunk_events=step)]
    )
    ordered = trim(events)
    # Rows come back in their order since each is one entry, whichever crossing it is.
    assert read.fields == ordered.fields
    assert ak.array_equal(read, ordered)
    counts = {each.crossing: each.entries for each in reader.describe().crossings}
    assert counts == {c: events.crossing.tolist().count(c) for c in crossings}


def test_rows_of_other_crossings_stay_out(tmp_path: Path) -> None:
    events = one_muon(rows=4, crossing=np.array([0, 1, 0, -1]), event=np.array([5, 5, 6, 6]))
    write_nano(tmp_path / "a.root", [events], provenance={})
    assert read_events(tmp_path / "a.root").event.tolist() == [5, 6]
    assert read_events(tmp_path / "a.root", crossings=(-1,)).event.tolist() == [6]
    with pytest.raises(InputFileError, match="crossing 2 is in no entry; offered: -1, 0, 1"):
        read_events(tmp_path / "a.root", crossings=(0, 2))


def test_other_tools_find_the_names_and_floats_of_nano(tmp_path: Path) -> None:
    write_nano(tmp_path / "a.root", [one_muon(rows=3)], provenance={})
    with uproot.open(tmp_path / "a.root") as file:
        tree = file["Events"]
        assert file.file.compression.name == "ZSTD"
        assert {"nL1Mu", "nL1EG", "nL1Tau", "nL1Jet", "nL1EtSum"} <= set(tree.keys())
        assert tree["nL1Mu"].typename == "int32_t"
        assert tree["L1Mu_hwPt"].array().tolist() == [[23]] * 3
        assert tree["L1Mu_pt"].array().tolist() == [[11.0]] * 3
        assert tree["L1Mu_eta"].array()[0, 0] == pytest.approx(-1.0875)
        assert tree["L1Mu_etaAtVtx"].array()[0, 0] == pytest.approx(0.10875)
        assert tree["L1Mu_phi"].array()[0, 0] == pytest.approx(300 * math.pi / 288 - 2 * math.pi)
        assert tree["L1EtSum_etSumType"].array().tolist() == [[2]] * 3
        assert tree["L1EtSum_etSumType"].typename == "int32_t[]"
        assert tree["L1EtSum_phi"].array()[0, 0] == pytest.approx(143 * 0.0435 - 2 * math.pi)
        assert tree["L1EtSum_bx"].array().tolist() == [[0]] * 3
        assert "L1D_weight" not in tree.keys()  # noqa: SIM118 (a tree is no dict)


def test_compact_files_hold_the_same_integers_in_the_same_branches(tmp_path: Path) -> None:
    events = one_muon(rows=40)
    sizes = {}
    for name, compact in (("whole", False), ("compact", True)):
        write_nano(tmp_path / name, [events], provenance={"a": 1}, compact=compact)
        sizes[name] = (tmp_path / name).stat().st_size
    assert read_events(tmp_path / "compact").tolist() == read_events(tmp_path / "whole").tolist()
    assert open_file(tmp_path / "compact").provenance() == {"a": 1}
    with uproot.open(tmp_path / "compact") as small, uproot.open(tmp_path / "whole") as file:
        assert small.file.compression.name == "ZSTD"
        kept, all_branches = small["Events"].keys(), file["Events"].keys()
        floats = {name for name, each in file["Events"].items() if "float" in each.typename}
        assert set(all_branches) - set(kept) == floats != set()
        for name in kept:
            assert small["Events"][name].array().tolist() == file["Events"][name].array().tolist()
    assert sizes["compact"] < sizes["whole"]


def test_weights_keep_all_bits(tmp_path: Path) -> None:
    weights = {"weight": [2**62 + 1], "stratum": [-1], "pool_id": np.array([2**64 - 1], np.uint64)}
    arrays: dict[str, Any] = {name: np.asarray(values) for name, values in weights.items()}
    write_nano(tmp_path / "a.root", [one_muon(**arrays)], provenance={})
    events = read_events(tmp_path / "a.root")
    assert {name: events[name].tolist() for name in weights} == {
        "weight": [2**62 + 1],
        "stratum": [-1],
        "pool_id": [2**64 - 1],
    }
    assert open_file(tmp_path / "a.root").describe().weighted


def test_nothing_is_left_behind_by_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(b"older")

    def chunks() -> Any:
        yield one_muon()
        message = "the generator stopped"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="the generator stopped"):
        write_nano(path, chunks(), provenance={})
    assert [each.name for each in tmp_path.iterdir()] == ["a.root"]
    assert path.read_bytes() == b"older"
    write_nano(path, [one_muon()], provenance={})
    assert read_events(path).mu.pt.tolist() == [[23]]


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with pytest.raises(ValueError, match=r"the same fields; L1Mu differ"):
        write_nano(path, [one_muon(), build_events_without_measured_muons()], provenance={})
    with pytest.raises(InputFileError, match="there are no events to write"):
        write_nano(path, [empty_events()], provenance={})
    bad = ak.with_field(one_muon(), ak.with_field(one_muon().mu, [[512]], "pt"), "mu")
    with pytest.raises(RangeError, match=r"a\.root: row 2: mu\.pt is 512"):
        write_nano(path, [one_muon(rows=2), bad], provenance={})
    assert list(tmp_path.iterdir()) == []


def build_events_without_measured_muons() -> ak.Array:
    events = one_muon()
    return ak.with_field(events, events.mu[list(REQUIRED_FIELDS["mu"])], "mu")


def test_damaged_provenance_is_refused(tmp_path: Path) -> None:
    write_nano(tmp_path / "a.root", [one_muon()], provenance={})
    size = BlockChecks(tmp_path / "a.root").size
    content = (tmp_path / "a.root").read_bytes()[:size]  # as without check sums
    (tmp_path / "a.root").write_bytes(content)
    with uproot.update(tmp_path / "a.root") as file:
        file["provenance"] = "[1, 2]"
    with pytest.raises(InputFileError, match="its provenance is no JSON object"):
        open_file(tmp_path / "a.root").provenance()


def test_decisions_with_names_of_seeds_are_kept(tmp_path: Path) -> None:
    names = ("L1_SingleMu22", "7", "HLT_IsoMu24")
    values = np.array([[True, True, False], [False, True, True]])
    chunk = Chunk("", "", 0, 2, one_muon(rows=2), bits=SeedBits(names, values))
    write_nano(tmp_path / "a.root", [chunk], provenance={})
    _, bits = read_events_and_bits(tmp_path / "a.root")
    assert bits.names == ("L1_SingleMu22", "HLT_IsoMu24")
    assert bits.values.tolist() == values[:, [0, 2]].tolist()
