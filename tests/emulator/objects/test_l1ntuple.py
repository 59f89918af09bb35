"""L1Ntuples: the experiment's own file, and small ones with what that file does not have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot

from emulator.errors import InputFileError, MissingNameError
from emulator.objects import open_file, read_events, read_events_and_bits

if TYPE_CHECKING:
    from pathlib import Path

NAME = "l1ntuple/cms_l1ntuple_run3mc_1ev.root"
TYPES = {"ett": "0", "htt": "1", "etm": "2", "htm": "3", "etmhf": "8", "htmhf": "20"}
TREES = {"unpacked": "l1UpgradeTree", "emulated": "l1UpgradeEmuTree"}
EVENT = {"run": "uint32", "lumi": "uint32", "event": "uint64", "orbit": "uint64"}
MUON = {
    "muonIEt": "int16", "muonIEta": "int16", "muonIPhi": "int16", "muonIEtaAtVtx": "int16",
    "muonIPhiAtVtx": "int16", "muonChg": "int16", "muonQual": "uint16", "muonBx": "int16",
}  # fmt: skip
CALO = {
    f"{name}{variable}": "int16"
    for name in ("eg", "tau", "jet")
    for variable in ("IEt", "IEta", "IPhi", "Bx")
}
SUMS = {"sumType": "int16", "sumIEt": "int16", "sumIPhi": "int16", "sumBx": "float32"}
SHOWERS = {
    f"muonShower{name}": "int16" for name in ("Bx", "OneNominal", "OneTight", "TwoLooseDiffSectors")
}
GROUPS = [
    MUON,
    *({k: t for k, t in CALO.items() if k.startswith(c)} for c in ("eg", "tau", "jet")),
    SUMS,
]


def write(
    path: Path,
    entries: list[dict[str, list[int]]],
    *,
    drop: tuple[str, ...] = (),
    tree: str = "l1UpgradeTree/L1UpgradeTree",
    event_entries: int | None = None,
    groups: list[dict[str, str]] = GROUPS,
) -> Path:
    """Write entries ``{branch: values}``; branches of a group that are not given are filled with 0."""
    content: dict[str, Any] = {}
    for group in groups:
        counts = [max(len(entry.get(b, [])) for b in group) for entry in entries]
        for branch, dtype in group.items():
            rows = [e.get(branch, [0] * n) for e, n in zip(entries, counts, strict=True)]
            flat = np.array([value for row in rows for value in row], dtype)
            content[branch] = ak.unflatten(
                ak.Array(flat), np.array([len(row) for row in rows], np.int64)
            )
    number = len(entries) if event_entries is None else event_entries
    with uproot.recreate(path) as file:
        for name in drop:
            content.pop(name, None)
        file.mktree(tree, {name: ak.type(v).content for name, v in content.items()})
        file[tree].extend(content)
        if "l1EventTree" not in drop:
            event = {n: np.arange(number).astype(t) for n, t in EVENT.items() if n not in drop}
            file["l1EventTree/L1EventTree"] = event
    return path


@pytest.mark.parametrize("source", ["unpacked", "emulated"])
def test_the_experiments_file(reference_data: Path, source: Any) -> None:
    facts = json.loads((reference_data / "expected.json").read_text())["files"][NAME]
    expected = facts[f"{TREES[source]}"]
    events = read_events(reference_data / NAME, source=source)
    assert len(events) == facts["entries"]
    first = facts["first_events"][0]
    assert [events[name][0] for name in ("run", "lumi", "event", "orbit")] == [
        first[name] for name in ("run", "lumi", "event", "orbit")
    ]
    assert events.crossing.tolist() == [0]
    for name, key in (("mu", "muon"), ("eg", "eg"), ("tau", "tau"), ("jet", "jet")):
        part, wanted = events[name], expected[key]
        assert part.pt.tolist() == wanted["first_events_IEt_bx0"]
        assert ak.sum(part.pt) == wanted["sum_IEt_bx0"]
        assert ak.sum(part.eta) == wanted["sum_IEta_bx0"]
        assert ak.sum(part.phi) == wanted["sum_IPhi_bx0"]
    by_type = expected["sums"]["sum_IEt_bx0_by_type"]
    assert {name: events[name].pt.tolist() for name in TYPES} == {
        name: [[by_type[code]]] for name, code in TYPES.items()
    }


def test_summary_of_the_experiments_file(reference_data: Path) -> None:
    summary = open_file(reference_data / NAME).describe()
    assert summary.format_name == "l1ntuple"
    assert summary.sources == ("unpacked", "emulated")
    assert [(each.crossing, each.entries) for each in summary.crossings] == [(0, 1)]
    assert summary.missing[:2] == ("mu.charge_valid", "jet.displaced")
    assert {name.split(".")[1] for name in summary.missing[2:]} == {"asymmetry", "centrality"}
    assert "l1uGTTree/L1uGTTree" in summary.trees
    assert {part.name: part.count for part in summary.collections} == {
        "mu": 0, "eg": 2, "tau": 11, "jet": 2, **dict.fromkeys(TYPES, 1),
    }  # fmt: skip
    tau = next(part for part in summary.collections if part.name == "tau").fields[0]
    assert (tau.name, tau.minimum, tau.maximum, tau.n_saturated) == ("pt", 6, 61, 0)
    muon = next(part for part in summary.collections if part.name == "mu").fields[0]
    assert (muon.minimum, muon.maximum) == (None, None)


@pytest.mark.parametrize(
    ("source", "tree"), [("unpacked", "l1uGTTree"), ("emulated", "l1uGTEmuTree")]
)
def test_decisions_of_the_experiments_file(reference_data: Path, source: Any, tree: str) -> None:
    facts = json.loads((reference_data / "expected.json").read_text())["files"][NAME][tree]
    events, bits = read_events_and_bits(reference_data / NAME, source=source)
    assert bits.values.shape == (len(events), 512)
    assert int(bits.values.sum()) == facts["m_algoDecisionInitial"]


def test_further_fields_of_the_experiments_sums(reference_data: Path) -> None:
    unpacked = read_events(reference_data / NAME)
    emulated = read_events(reference_data / NAME, source="emulated")
    assert unpacked.ett.tolist() == [[{"pt": 863, "ettem": 409, "min_bias": 15}]]
    assert unpacked.htt.tolist() == [[{"pt": 116, "towers": 581, "min_bias": 15}]]
    assert emulated.etm.tolist() == [[{"pt": 5, "phi": 117, "asymmetry": 14, "min_bias": 0}]]
    assert emulated.etmhf.centrality.tolist() == [[4]]
    assert emulated.htmhf.centrality.tolist() == [[0]]


def _with_decisions(path: Path, lengths: list[int]) -> Path:
    bits = ak.unflatten(ak.Array(np.arange(sum(lengths)) % 7 == 0), lengths)
    with uproot.update(path) as file:
        file.mktree("l1uGTTree/L1uGTTree", {"m_algoDecisionInitial": ak.type(bits).content})
        file["l1uGTTree/L1uGTTree"].extend({"m_algoDecisionInitial": bits})
    return path


def test_decisions_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good = _with_decisions(write(tmp_path / "a.root", [{"egIEt": [5]}, {}]), [512, 512])
    _, bits = read_events_and_bits(good)
    assert np.flatnonzero(bits.values.reshape(-1)).tolist() == list(range(0, 1024, 7))
    short = _with_decisions(write(tmp_path / "b.root", [{"egIEt": [5]}, {}]), [512, 128])
    with pytest.raises(InputFileError, match=r"entry 1: 128 algorithm bits in m_algo.*, not 512"):
        read_events_and_bits(short)
    fewer = _with_decisions(write(tmp_path / "c.root", [{"egIEt": [5]}, {}]), [512])
    with pytest.raises(InputFileError, match="1 entries, but 2 with objects"):
        read_events_and_bits(fewer)
    assert len(read_events(fewer)) == 2


def test_showers_are_flags_of_their_crossing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.root",
        [
            {"egIEt": [1, 1], "egBx": [0, 1]}
            | {
                "muonShowerBx": [0, 1],
                "muonShowerOneNominal": [1, 0],
                "muonShowerOneTight": [0, 1],
            },
            {"muonShowerBx": [0], "muonShowerTwoLooseDiffSectors": [1]},
            {},
        ],
        groups=[*GROUPS, SHOWERS],
    )
    events = read_events(path, crossings=(0, 1))
    found = list(zip(*(events[name].tolist() for name in ("mus0", "mus1", "mus2")), strict=True))
    assert found == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert "mus0" not in read_events(write(tmp_path / "b.root", [{"egIEt": [1]}])).fields


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"egIEt": [5], "egBx": [1 << 20]}, "branch egBx holds values outside of -32768 to 32767"),
        ({"egIEt": [-5]}, "branch egIEt holds values outside of 0 to"),
        ({"sumIEt": [5], "sumType": [-1]}, "branch sumType holds values outside of 0 to 255"),
        ({"muonIEt": [5], "muonChg": [3]}, r"branch muonChg: holds a charge of 3, .* \+1 or -1"),
    ],
)
def test_codes_that_cannot_be(tmp_path: Path, entry: dict[str, list[int]], message: str) -> None:
    wide = [dict.fromkeys(group, "int64") for group in GROUPS]
    with pytest.raises(InputFileError, match=message):
        read_events(write(tmp_path / "a.root", [entry], groups=wide))


def test_the_layout_of_2016_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"egIEt": [5]}], drop=("sumType", "muonQual"))
    with pytest.raises(InputFileError, match=r"layout of 2016 .* use an L1Ntuple of 2017 or later"):
        open_file(path)


def test_a_crossing_that_the_file_does_not_have(reference_data: Path) -> None:
    with pytest.raises(InputFileError, match="crossing -1 is in no entry; offered: 0"):
        read_events(reference_data / NAME, crossings=(0, -1))


def test_crossings_of_every_object_and_float_crossings_of_sums(tmp_path: Path) -> None:
    entry = {
        "egIEt": [8, 9, 7, 6], "egBx": [-2, 0, 0, 2],
        "muonIEt": [4, 30, 12], "muonBx": [0, 0, 1], "muonChg": [-1, 1, -1],
        "sumType": [0, 2, 0, 2, 21], "sumIEt": [11, 12, 13, 14, 15],
        "sumIPhi": [0, 3, 0, 4, 0], "sumBx": [-2, -2, 0, 0, 0],
    }  # fmt: skip
    path = write(tmp_path / "a.root", [entry, {}])
    events = read_events(path)
    assert events.event.tolist() == [0, 1]
    assert events.eg.pt.tolist() == [[9, 7], []]
    assert events.mu.pt.tolist() == [[30, 4], []]
    assert events.mu.charge.tolist() == [[0, 1], []]
    assert events.ett.pt.tolist() == [[13], []]
    assert events.etm.tolist() == [[{"pt": 14, "phi": 4}], []]
    both = read_events(path, crossings=(-2, 1))
    assert both.crossing.tolist() == [-2, 1, -2, 1]
    assert both.eg.pt.tolist() == [[8], [], [], []]
    assert both.mu.charge.tolist() == [[], [1], [], []]
    assert both.etm.phi.tolist() == [[3], [], [], []]


def test_a_crossing_between_two_is_refused(tmp_path: Path) -> None:
    half: dict[str, Any] = {"sumType": [0], "sumIEt": [5], "sumBx": [0.5]}
    path = write(tmp_path / "a.root", [half])
    with pytest.raises(
        InputFileError, match="branch sumBx: holds float32 values that are no integers"
    ):
        read_events(path)


def test_chunks_are_ranges_of_entries(tmp_path: Path) -> None:
    entries = [{"egIEt": [k + 1], "sumType": [0], "sumIEt": [k]} for k in range(5)]
    path = write(tmp_path / "a.root", entries)
    chunks = list(open_file(path).chunks(chunk_events=2))
    assert [(c.entry_start, c.entry_stop) for c in chunks] == [(0, 2), (2, 4), (4, 5)]
    assert {(c.path, c.tree) for c in chunks} == {(str(path), "l1UpgradeTree/L1UpgradeTree")}
    assert [c.events.eg.pt.tolist() for c in chunks] == [[[1], [2]], [[3], [4]], [[5]]]
    assert [c.events.event.tolist() for c in chunks] == [[0, 1], [2, 3], [4]]


def test_older_layout_lacks_only_optional_branches(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"jetIEt": [5]}])
    assert read_events(path).jet.fields == ["pt", "eta", "phi"]
    assert "jet.qual" in open_file(path).describe().missing


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        ("l1EventTree", "no tree 'l1EventTree/L1EventTree'; nearest: l1UpgradeTree/L1UpgradeTree"),
        ("sumType", "L1UpgradeTree: no branch 'sumType'; nearest: sum"),
        ("muonIEtaAtVtx", "no branch 'muonIEtaAtVtx'; nearest: muonIPhiAtVtx"),
        ("lumi", "l1EventTree/L1EventTree: no branch 'lumi'"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, drop: str, message: str) -> None:
    path = write(tmp_path / "a.root", [{"egIEt": [5]}], drop=(drop,))
    with pytest.raises(MissingNameError, match=message):
        open_file(path)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"egIEt": [5]}])
    with pytest.raises(
        MissingNameError, match="no tree 'l1UpgradeEmuTree/L1UpgradeTree'; nearest: l1Up"
    ):
        open_file(path, source="emulated")


def test_trees_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"egIEt": [5]}], event_entries=2)
    with pytest.raises(InputFileError, match=r"L1UpgradeTree has 1 entries, .*L1EventTree has 2"):
        open_file(path)


def test_a_tree_without_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputFileError, match=r"the tree l1UpgradeTree/L1UpgradeTree has no entries"
    ):
        open_file(write(tmp_path / "a.root", []))


def test_each_of_five_crossings_has_its_own_objects(tmp_path: Path) -> None:
    """As the unpacked trees of data: crossings -2 to 2, the earliest first, sums in the same order."""
    bxs = [-2, -1, 0, 1, 2]
    order = [0, 16, 11, 1, 12, 2, 13, 3, 14, 8, 20, 21]
    entry: dict[str, Any] = {
        "egIEt": [20 + bx for bx in bxs for _ in range(3)], "egBx": [bx for bx in bxs for _ in range(3)],
        "jetIEt": [50 + bx for bx in bxs], "jetBx": bxs,
        "muonIEt": [10 + bx for bx in bxs], "muonBx": bxs,
        "sumType": order * 5, "sumBx": [bx for bx in bxs for _ in order],
        "sumIEt": [
            place if code in range(11, 15) else 100 + 10 * bx + place
            for bx in bxs for place, code in enumerate(order)
        ],
    }  # fmt: skip
    path = write(tmp_path / "a.root", [entry] * 3)
    events = read_events(path, crossings=bxs)
    assert events.crossing.tolist() == bxs * 3
    assert events.eg.pt.tolist() == [[20 + bx] * 3 for bx in bxs] * 3
    assert events.jet.pt.tolist() == [[50 + bx] for bx in bxs] * 3
    assert events.mu.pt.tolist() == [[10 + bx] for bx in bxs] * 3
    for name, code in (("ett", 0), ("htt", 1), ("etm", 2), ("htm", 3), ("etmhf", 8), ("htmhf", 20)):
        expected = [[100 + 10 * bx + order.index(code)] for bx in bxs]
        assert events[name].pt.tolist() == expected * 3, name
    assert read_events(path).eg.pt.tolist() == [[20] * 3] * 3, "crossing 0 unless it is asked for"
    shown = {each.crossing: each.entries for each in open_file(path).describe().crossings}
    assert shown == dict.fromkeys(bxs, 3)
