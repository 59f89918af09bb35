"""Level-1 NanoAOD: what the experiment's files hold, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pytest
import uproot

from emulator.errors import InputFileError, MissingNameError, RangeError, SettingsError
from emulator.objects import open_file, read_events, read_events_and_bits

if TYPE_CHECKING:
    from pathlib import Path

CROSSINGS = [-2, -1, 0, 1, 2]
SCALARS = {"run": "uint32", "luminosityBlock": "uint32", "event": "uint64", "orbitNumber": "uint32"}
MUON = ("hwPt", "hwEta", "hwPhi", "hwEtaAtVtx", "hwPhiAtVtx", "hwQual", "hwCharge", "hwIso")
CALO = ("hwPt", "hwEta", "hwPhi", "hwIso")
COLLECTIONS = {"Mu": MUON, "EG": CALO, "Tau": CALO, "Jet": (*CALO, "hwQual")}


def muon(pt: int, bx: int = 0, **others: int) -> dict[str, int]:
    return dict.fromkeys(MUON, 0) | {"hwPt": pt, "bx": bx} | others


def calo(pt: int, bx: int = 0, **others: int) -> dict[str, int]:
    return dict.fromkeys((*CALO, "hwQual"), 0) | {"hwPt": pt, "bx": bx} | others


def sum_(kind: int, pt: int, phi: int = 0, bx: int = 0) -> dict[str, int]:
    return {"hwPt": pt, "hwPhi": phi, "etSumType": kind, "bx": bx}


def write(
    path: Path,
    entries: list[dict[str, Any]],
    *,
    prefix: str = "L1",
    dtype: str = "int16",
    drop: tuple[str, ...] = (),
    extra: dict[str, Any] | None = None,
) -> Path:
    """Write entries ``{"Mu": [...], "EG": [...], "EtSum": [...]}`` as the experiment would."""
    content: dict[str, Any] = {
        name: np.array([7 + k for k in range(len(entries))], kind)
        for name, kind in SCALARS.items()
        if name not in drop
    }
    fields = {**COLLECTIONS, "EtSum": ("hwPt", "hwPhi", "etSumType")}
    for name, variables in fields.items():
        counts = [len(entry.get(name, [])) for entry in entries]
        objects = [each for entry in entries for each in entry.get(name, [])]
        for variable in (*variables, "bx"):
            branch = f"{prefix}{name}_{variable}"
            flat = np.array([each[variable] for each in objects], dtype)
            if branch not in drop:
                content[branch] = ak.unflatten(ak.Array(flat), counts)
    with uproot.recreate(path) as file:
        content |= extra or {}
        # One counter a branch: uproot names it after the branch, which readers do not mind.
        file.mktree("Events", {name: ak.type(ak.Array(v)).content for name, v in content.items()})
        file["Events"].extend(content)
    return path


def test_each_crossing_has_its_own_objects(tmp_path: Path) -> None:
    entry = {
        "Mu": [muon(10 + bx, bx) for bx in CROSSINGS],
        "EG": [calo(20 + bx, bx) for bx in CROSSINGS for _ in range(2)],
        "EtSum": [
            sum_(kind, 100 * kind + 10 + bx, bx=bx) for bx in CROSSINGS for kind in (2, 0, 8)
        ],
    }
    path = write(tmp_path / "a.root", [entry, {"Mu": [muon(3)]}, entry])
    only = read_events(path)
    assert only.crossing.tolist() == [0, 0, 0]
    assert only.mu.pt.tolist() == [[10], [3], [10]]
    assert only.eg.pt.tolist() == [[20, 20], [], [20, 20]]
    assert only.etm.pt.tolist() == [[210], [], [210]]
    assert only.etmhf.pt.tolist() == [[810], [], [810]]
    assert only.htt.pt.tolist() == [[], [], []]

    several = read_events(path, crossings=(1, -2))
    assert several.crossing.tolist() == [1, -2] * 3
    assert several.event.tolist() == [7, 7, 8, 8, 9, 9]
    assert several.mu.pt.tolist() == [[11], [8], [], [], [11], [8]]
    assert several.ett.pt.tolist() == [[11], [8], [], [], [11], [8]]


def test_muons_come_in_falling_pt_and_ties_keep_their_order(tmp_path: Path) -> None:
    muons = [muon(5, hwQual=1), muon(40, hwQual=2), muon(5, hwQual=3), muon(0), muon(60, bx=1)]
    path = write(tmp_path / "a.root", [{"Mu": muons}])
    assert read_events(path).mu.qual.tolist() == [[2, 1, 3]]
    assert read_events(path, order="readout").mu.qual.tolist() == [[1, 2, 3]]


def test_more_objects_than_the_trigger_sends_are_cut_after_ordering(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"Mu": [muon(pt) for pt in range(1, 11)]}])
    assert read_events(path).mu.pt.tolist() == [[10, 9, 8, 7, 6, 5, 4, 3]]


def test_sums_count_with_energy_zero_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"EtSum": [sum_(2, 0, phi=17), sum_(14, 9)]}])
    assert read_events(path).etm.tolist() == [[{"pt": 0, "phi": 17}]]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64", "uint64"])
def test_any_integer_type(tmp_path: Path, dtype: str) -> None:
    path = write(tmp_path / "a.root", [{"EG": [calo(100, hwEta=90)]}], dtype=dtype)
    assert read_events(path).eg.tolist() == [[{"pt": 100, "eta": 90, "phi": 0, "iso": 0}]]


def test_emulated_objects(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"EG": [calo(9)]}], prefix="L1Emul")
    reader = open_file(path, source="emulated")
    assert next(reader.chunks()).events.eg.pt.tolist() == [[9]]
    assert reader.describe().sources == ("emulated",)
    with pytest.raises(InputFileError, match=r"no unpacked Level-1 objects.*offers: emulated"):
        open_file(path)


def test_what_is_absent_is_absent(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"Mu": [muon(9)]}], drop=("orbitNumber", "L1Mu_hwQual"))
    events = read_events(path)
    assert events.orbit.tolist() == [0]
    assert "qual" not in events.mu.fields
    assert "weight" not in events.fields
    missing = open_file(path).describe().missing
    assert [name for name in missing if name[:3] in {"mu.", "eg.", "tau", "jet"}] == [
        *("mu.qual", "mu.charge_valid", "mu.index", "mu.pt_unconstrained", "mu.dxy"),
        "jet.displaced",
    ]


def test_reduced_flavour_is_refused(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["Events"] = {"run": np.array([1]), "L1EG_pt": np.array([10.0])}
    with pytest.raises(InputFileError, match=r"reduced flavour.*hwPt.*low-pT objects are missing"):
        open_file(tmp_path / "a.root")


def test_nano_without_level_1_objects_is_refused(reference_data: Path) -> None:
    path = reference_data / "nano" / "scouting_nano_40ev_no_l1_objects.root"
    with pytest.raises(
        InputFileError, match=r"no_l1_objects.root: this NanoAOD has no Level-1 objects"
    ):
        open_file(path)


@pytest.mark.parametrize(
    ("branch", "nearest"),
    [
        ("L1Mu_hwPhiAtVtx", "L1Mu_hwEtaAtVtx"),
        ("L1EG_bx", "L1"),
        ("L1EtSum_etSumType", "L1EtSum_"),
        ("luminosityBlock", ""),
    ],
)
def test_a_needed_branch_is_named(tmp_path: Path, branch: str, nearest: str) -> None:
    path = write(tmp_path / "a.root", [{"EG": [calo(9)]}], drop=(branch,))
    with pytest.raises(
        MissingNameError, match=f"a.root:Events: no branch '{branch}'; nearest: .*{nearest}"
    ):
        open_file(path)


def test_values_out_of_range_are_refused_with_their_place(tmp_path: Path) -> None:
    entries = [{"EG": [calo(9)]}, {"EG": [calo(9), calo(512)]}]
    path = write(tmp_path / "a.root", entries)
    with pytest.raises(RangeError, match=r"a\.root:Events entry 1: eg\.pt is 512, .* 0 to 511"):
        read_events(path)
    eg = {part.name: part for part in open_file(path).describe().collections}["eg"]
    assert (eg.fields[0].maximum, eg.fields[0].n_out_of_range) == (512, 1)


def test_lists_of_different_lengths_are_refused(tmp_path: Path) -> None:
    longer = {"L1EG_hwIso": ak.Array([[1, 2]])}
    path = write(tmp_path / "a.root", [{"EG": [calo(9)]}], extra=longer)
    with pytest.raises(InputFileError, match="L1EG_hwIso has another number of objects"):
        read_events(path)


def test_floats_are_no_hardware_integers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"EG": [calo(9)]}], extra={"L1EG_hwIso": ak.Array([[0.5]])})
    with pytest.raises(InputFileError, match=r"branch L1EG_hwIso: holds float64 values"):
        read_events(path)
    path = write(tmp_path / "b.root", [{"EG": [calo(9)]}], extra={"L1EG_hwIso": np.array([1])})
    with pytest.raises(InputFileError, match="branch L1EG_hwIso must hold lists of integers"):
        read_events(path)


def test_summary_counts_saturation_and_crossings(tmp_path: Path) -> None:
    entry = {
        "EG": [calo(511), calo(511, bx=1), calo(510), calo(0)],
        "Jet": [calo(511), calo(2047, hwEta=-7)],
        "EtSum": [sum_(0, 4095), sum_(16, 4095)],
    }
    path = write(tmp_path / "a.root", [entry, {"EtSum": [sum_(0, 5)]}])
    summary = open_file(path).describe()
    assert summary.format_name == "l1nano"
    assert (summary.entries, summary.trees, summary.weighted) == (2, ("Events",), False)
    assert [(each.crossing, each.entries) for each in summary.crossings] == [(0, 2), (1, 1)]
    parts = {part.name: part for part in summary.collections}
    assert {name: part.count for name, part in parts.items()} == {
        "mu": 0, "eg": 3, "tau": 0, "jet": 2, "ett": 2, "htt": 0, "etm": 0, "htm": 0, "etmhf": 0,
        "htmhf": 0,
    }  # fmt: skip
    saturated = {name: part.fields[0].n_saturated for name, part in parts.items()}
    assert {name: n for name, n in saturated.items() if n} == {"eg": 2, "jet": 1, "ett": 1}
    eta = {field.name: field for field in parts["jet"].fields}["eta"]
    assert (eta.minimum, eta.maximum, eta.n_saturated) == (-7, 0, 0)
    assert summary.as_dict()["crossings"][1] == {"crossing": 1, "entries": 1}


def test_seeds_and_paths_come_by_name(tmp_path: Path) -> None:
    extra = {
        "L1_SingleMu22": np.array([True, False, True]),
        "HLT_IsoMu24": np.array([False, False, True]),
        "L1Reco_step": np.array([True, True, True]),
    }
    path = write(tmp_path / "a.root", [{"Mu": [muon(9)]}, {}, {}], extra=extra)
    events, bits = read_events_and_bits(path)
    assert len(events) == 3
    assert bits.names == ("L1_SingleMu22", "HLT_IsoMu24")
    assert bits.values.tolist() == [[True, False], [False, False], [True, True]]
    parts = [chunk.bits for chunk in open_file(path).chunks(chunk_events=2, bits=True)]
    assert [part.values.tolist() for part in parts if part] == [
        [[True, False], [False, False]],
        [[True, True]],
    ]


def test_decisions_that_are_no_booleans_are_refused(tmp_path: Path) -> None:
    for number, values in enumerate((np.array([2, 0]), np.array([1.0, 0.0]))):
        entries = [{"Mu": [muon(9)]}, {}]
        path = write(tmp_path / f"{number}.root", entries, extra={"L1_X": values})
        with pytest.raises(InputFileError, match=r"branch L1_X.* holds"):
            read_events_and_bits(path)


def test_decisions_are_of_crossing_0_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.root", [{"Mu": [muon(9)]}], extra={"L1_X": np.array([True])})
    with pytest.raises(SettingsError, match=r"decisions are of crossing 0; .* \[0, 1\] with them"):
        open_file(path).chunks(crossings=(0, 1), bits=True)
    none = write(tmp_path / "b.root", [{"Mu": [muon(9)]}])
    with pytest.raises(InputFileError, match=r"b\.root: holds no decisions of the trigger"):
        read_events_and_bits(none)


def test_the_words_of_sums_are_put_together_from_their_types(tmp_path: Path) -> None:
    kinds = {0: 9, 16: 7, 11: 15, 8: 5, 25: 200, 22: 0xA3, 20: 6, 26: 1, 1: 4, 21: 581}
    sums = [sum_(kind, pt) for kind, pt in kinds.items()]
    path = write(tmp_path / "a.root", [{"EtSum": sums}, {"EtSum": sums}])
    events = read_events(path)
    assert events.ett.tolist() == [[{"pt": 9, "ettem": 7, "min_bias": 15}]] * 2
    assert events.htt.tolist() == [[{"pt": 4, "towers": 581}]] * 2
    assert events.etmhf.tolist() == [[{"pt": 5, "phi": 0, "asymmetry": 200, "centrality": 3}]] * 2
    assert events.htmhf.tolist() == [[{"pt": 6, "phi": 0, "asymmetry": 1, "centrality": 10}]] * 2
    missing = open_file(path).describe().missing
    assert {"htt.min_bias", "etm.asymmetry"} <= set(missing)
    assert not {"ett.ettem", "etmhf.centrality"} & set(missing)
    # A row without the part: its value is not known, so the field is not there.
    mixed = write(tmp_path / "b.root", [{"EtSum": sums}, {"EtSum": [sum_(0, 9)]}])
    assert read_events(mixed).ett.fields == ["pt"]


def test_an_rntuple_reads_as_a_tree(tmp_path: Path) -> None:
    path = write(
        tmp_path / "tree.root",
        [{"Mu": [muon(9, 1), muon(30)], "EtSum": [sum_(2, 5, 143)]}, {"Jet": [calo(2047)]}],
        extra={"L1_X": np.array([True, False])},
    )
    with uproot.open(path) as file:
        arrays = {key: file["Events"][key].array() for key in file["Events"].keys()}  # noqa: SIM118
    arrays = {key: values for key, values in arrays.items() if not key.startswith("nL1")}
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        ntuple = file.mkrntuple("Events", {k: ak.type(v).content for k, v in arrays.items()})
        ntuple.extend(arrays)
    assert open_file(tmp_path / "ntuple.root").describe().trees == ("Events",)
    a, b = (read_events_and_bits(tmp_path / f"{name}.root") for name in ("tree", "ntuple"))
    assert a[0].tolist() == b[0].tolist()
    assert a[0].jet.pt.tolist() == [[], [2047]]
    assert (a[1].names, a[1].values.tolist()) == (b[1].names, b[1].values.tolist())
