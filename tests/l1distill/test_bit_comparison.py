"""A model against published bits: equal, not tested, different, and whose fault it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest
import uproot
from published import (
    as_others_fill,
    deployed_model,
    published_decisions,
    vector_events,
    write_vector,
)

from emulator.engine import Emulator
from emulator.features import Era, feature_rows
from emulator.model import import_network_form
from emulator.objects import read_events
from l1distill.bit_comparison import BitsComparison, compare_with_bits
from l1distill.emulation import Scorer
from l1distill.published_bits import thresholds_of_menu

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return deployed_model(tmp_path_factory.mktemp("deployed"))


@pytest.fixture(scope="module")
def events() -> ak.Array:
    return vector_events()


def compared(model: Model, *paths: Path) -> BitsComparison:
    return compare_with_bits(model, paths, thresholds_of_menu(model), threads=1)


def test_equal_and_never_tested(deployed: Model, events: ak.Array, tmp_path: Path) -> None:
    decisions = published_decisions(deployed, events)
    path = write_vector(tmp_path / "a.txt", events, deployed, decisions)
    result = compared(deployed, path, path)
    assert (result.n_events, result.n_mismatch, result.menu) == (1000, 0, "L1Menu_Test_v1")
    assert [each.verdict for each in result.thresholds] == ["equal", "equal", "not tested"]
    fires = (2 * decisions.sum(axis=0)).tolist()
    assert [each.fires for each in result.thresholds] == fires
    assert [each.ours for each in result.thresholds] == fires
    assert fires[0] > fires[1] > 0
    assert result.blame is None
    assert result.mismatches == ()
    assert result.as_dict()["with"] == "bits"


def test_inputs_that_are_not_exercised_are_named(deployed: Model, tmp_path: Path) -> None:
    bare = vector_events(50)
    bare["etm"] = bare.etm[bare.etm.pt < 0]
    path = write_vector(tmp_path / "a.txt", bare, deployed, published_decisions(deployed, bare))
    exercised = {each.collection: each.n_crossings for each in compared(deployed, path).inputs}
    assert exercised["etm"] == 0
    assert exercised["jet"] == int(np.sum(np.asarray([len(e) > 0 for e in bare.jet.tolist()])))


def test_one_wrong_bit_is_the_networks_fault(
    deployed: Model, events: ak.Array, tmp_path: Path
) -> None:
    decisions = published_decisions(deployed, events)
    # A crossing without two objects of equal pt.
    chosen = next(
        place
        for place, event in enumerate(events.tolist())
        if all(
            len({o["pt"] for o in event[name]}) == len(event[name]) for name in ("eg", "mu", "jet")
        )
    )
    decisions[chosen, 0] ^= True
    path = write_vector(tmp_path / "a.txt", events, deployed, decisions)
    result = compared(deployed, path)
    assert result.n_mismatch == 1
    first = result.thresholds[0]
    assert (first.verdict, first.extra + first.missing) == ("differs", 1)
    (mismatch,) = result.mismatches
    assert mismatch.entry == chosen
    assert mismatch.row == tuple(feature_rows(events, deployed.layout)[chosen].tolist())
    assert ("L1_TEST_Loose" in mismatch.published) != ("L1_TEST_Loose" in mismatch.ours)
    assert result.blame is not None
    assert (result.blame.n_ties, result.blame.n_remaining) == (0, 1)


ERAS = (
    ({"pt": "exact_half"}, "pT halved, 0.5 kept"),
    ({"muon_position": "vertex"}, "muon phi at the vertex"),
    (
        {"pt": "exact_half", "muon_position": "vertex"},
        "pT halved, 0.5 kept, muon phi at the vertex",
    ),
)


@pytest.mark.parametrize(("era", "description"), ERAS)
def test_bits_of_another_era_are_traced_to_it(
    deployed: Model, events: ak.Array, tmp_path: Path, era: dict[str, str], description: str
) -> None:
    decisions = published_decisions(as_others_fill(deployed, **era), events)
    path = write_vector(tmp_path / "a.txt", events, deployed, decisions)
    result = compared(deployed, path)
    assert result.n_mismatch == int(
        (decisions != published_decisions(deployed, events)).any(1).sum()
    )
    assert result.n_mismatch > 0
    assert result.blame is not None
    best = result.blame.alternatives[0]
    assert (best.kind, best.description, best.n_mismatch, best.n_new) == ("era", description, 0, 0)
    assert best.n_resolved == result.n_mismatch
    assert result.blame.n_remaining == 0
    assert any("emulated objects" in sentence for sentence in result.blame.not_tried)
    assert sum("mu.eta" in sentence for sentence in result.blame.not_tried) == 1


def test_bits_of_other_missing_energy_and_of_another_order(
    deployed: Model, events: ak.Array, tmp_path: Path
) -> None:
    features = tuple(
        replace(f, object="etmhf" if f.object == "etm" else f.object)
        for f in deployed.layout.features
    )
    with_hf = replace(deployed, layout=replace(deployed.layout, features=features))
    by_pt = replace(deployed, layout=replace(deployed.layout, order="pt"))
    for other, kind, description in (
        (with_hf, "era", "ETMHF as missing energy"),
        (by_pt, "order", "objects by falling pT"),
    ):
        path = tmp_path / "a.txt"
        write_vector(path, events, deployed, published_decisions(deployed, events))
        ordered = read_events(path, order=other.layout.order)
        decisions = published_decisions(other, ordered)
        write_vector(path, events, deployed, decisions)
        result = compared(deployed, path)
        assert result.n_mismatch > 0
        assert result.blame is not None
        best = result.blame.alternatives[0]
        assert (best.kind, best.description, best.n_mismatch) == (kind, description, 0)


def write_l1ntuple(
    path: Path, unpacked: ak.Array, emulated: ak.Array, bits: NDArray[np.bool_]
) -> Path:
    """Write both sets of objects, and the 512 decisions that belong to the unpacked ones."""
    names = {"eg": "eg", "tau": "tau", "jet": "jet"}
    sums = {"ett": 0, "htt": 1, "etm": 2, "htm": 3, "etmhf": 8, "htmhf": 20}
    with uproot.recreate(path) as file:
        for tree, events in (("l1UpgradeTree", unpacked), ("l1UpgradeEmuTree", emulated)):
            branches = {
                f"muon{branch}": events.mu[field]
                for branch, field in (
                    ("IEt", "pt"),
                    ("IEta", "eta_vtx"),
                    ("IPhi", "phi"),
                    ("IEtaAtVtx", "eta_vtx"),
                    ("IPhiAtVtx", "phi_vtx"),
                    ("Chg", "charge"),
                    ("Qual", "qual"),
                )
            }
            for name, prefix in names.items():
                for branch, field in (("IEt", "pt"), ("IEta", "eta"), ("IPhi", "phi")):
                    branches[f"{prefix}{branch}"] = events[name][field]
            for prefix, name in (("muon", "mu"), ("eg", "eg"), ("tau", "tau"), ("jet", "jet")):
                branches[f"{prefix}Bx"] = ak.values_astype(events[name].pt * 0, np.int16)
            parts = [events[name] for name in sums]
            branches["sumIEt"] = ak.concatenate([part.pt for part in parts], axis=1)
            branches["sumType"] = ak.concatenate(
                [
                    ak.values_astype(p.pt * 0 + code, np.int16)
                    for p, code in zip(parts, sums.values(), strict=True)
                ],
                axis=1,
            )
            branches["sumIPhi"] = ak.concatenate(
                [
                    p.phi if "phi" in p.fields else ak.values_astype(p.pt * 0, np.int16)
                    for p in parts
                ],
                axis=1,
            )
            branches["sumBx"] = ak.values_astype(branches["sumType"] * 0, np.float32)
            types = {
                name: ak.type(ak.to_packed(values)).content for name, values in branches.items()
            }
            file.mktree(f"{tree}/L1UpgradeTree", types)
            file[f"{tree}/L1UpgradeTree"].extend({n: ak.to_packed(v) for n, v in branches.items()})
        numbers = np.arange(len(unpacked))
        file["l1EventTree/L1EventTree"] = {
            "run": numbers.astype(np.uint32),
            "lumi": numbers.astype(np.uint32),
            "event": numbers.astype(np.uint64),
            "orbit": numbers.astype(np.uint64),
        }
        vector = ak.from_regular(ak.Array(bits))
        for tree in ("l1uGTTree", "l1uGTEmuTree"):
            file.mktree(f"{tree}/L1uGTTree", {"m_algoDecisionInitial": ak.type(vector).content})
            written = vector if tree == "l1uGTTree" else ak.from_regular(ak.Array(bits & False))
            file[f"{tree}/L1uGTTree"].extend({"m_algoDecisionInitial": written})
    return path


def test_bits_of_the_other_objects_are_traced_to_them(
    deployed: Model, events: ak.Array, tmp_path: Path
) -> None:
    emulated = vector_events(len(events), 9)
    bits = np.zeros((len(events), 512), dtype=bool)
    # What was published was decided on the emulated objects.
    bits[:, 438:441] = published_decisions(deployed, emulated)
    path = write_l1ntuple(tmp_path / "a.root", events, emulated, bits)
    result = compared(deployed, path)
    assert result.n_mismatch > 0
    assert result.blame is not None
    best = result.blame.alternatives[0]
    assert (best.kind, best.description, best.n_mismatch) == ("tree", "emulated objects", 0)
    assert result.blame.n_remaining == 0
    assert result.blame.not_tried == ()


def test_mismatches_among_equal_pt_are_set_aside(
    deployed: Model, events: ak.Array, tmp_path: Path
) -> None:
    decisions = published_decisions(deployed, events)
    tied = np.array(
        [
            any(
                len({o["pt"] for o in event[name][:3]}) < len(event[name][:3])
                for name in ("eg", "mu", "jet")
            )
            for event in events.tolist()
        ]
    )
    wrong = [*np.flatnonzero(tied)[:4], *np.flatnonzero(~tied)[:3]]
    assert len(wrong) == 7
    decisions[wrong, 1] ^= True
    path = write_vector(tmp_path / "a.txt", events, deployed, decisions)
    result = compared(deployed, path)
    assert result.n_mismatch == 7
    assert len(result.mismatches) == 5
    assert result.blame is not None
    assert (result.blame.n_ties, result.blame.n_remaining) == (4, 3)


def axol1tl(reference_data: Path) -> Model:
    return import_network_form(reference_data / "axol1tl_v3.json")[0]


VECTORS = {
    "L1Menu_Collisions2024_v1_1_0_data": [1, 1, 1, 0, 0],
    "L1Menu_Collisions2024_v1_1_0_ttBar": [207, 70, 46, 5, 0],
    "L1Menu_Collisions2024_v1_2_0_ttBar": [207, 70, 46, 5, 0],
}


@pytest.mark.parametrize("vector", VECTORS)
def test_axol1tl_v3_decides_as_cms_published(reference_data: Path, vector: str) -> None:
    model = axol1tl(reference_data)
    path = reference_data / "ugt" / f"{vector}.txt.xz"
    menu = vector.rsplit("_", 1)[0]
    thresholds = thresholds_of_menu(model, name=menu)
    result = compare_with_bits(model, [path], thresholds, threads=1)
    assert (result.n_events, result.n_mismatch) == (3564, 0)
    assert [each.fires for each in result.thresholds] == VECTORS[vector]
    verdicts = ["equal" if fires else "not tested" for fires in VECTORS[vector]]
    assert [each.verdict for each in result.thresholds] == verdicts
    idle = [each.collection for each in result.inputs if not each.n_crossings]
    assert idle == (["etm"] if vector.endswith("data") else [])


@pytest.mark.parametrize("vector", VECTORS)
def test_axol1tl_v3_gives_the_published_scores(reference_data: Path, vector: str) -> None:
    model = axol1tl(reference_data)
    events = read_events(reference_data / "ugt" / f"{vector}.txt.xz", order="readout")
    expected: NDArray[np.int32] = np.load(
        reference_data / "ugt" / f"axol1tl_v3_scores_{vector}.npy", allow_pickle=False
    )
    assert Scorer(model, threads=1).scores(events).tolist() == expected.tolist()
    rows = feature_rows(events, model.layout)
    assert Emulator(model.graph).plan.tile_bits > 0, "the fast engine runs it"
    assert rows.shape == (3564, 57)


def test_the_wrong_era_of_axol1tl_v3_is_found(reference_data: Path) -> None:
    model = axol1tl(reference_data)
    wrong = as_others_fill(model, pt="exact_half", muon_position="vertex")
    assert wrong.layout.era == Era("exact_half", "vertex")
    path = reference_data / "ugt" / "L1Menu_Collisions2024_v1_1_0_ttBar.txt.xz"
    result = compare_with_bits(wrong, [path], thresholds_of_menu(wrong), threads=1)
    assert result.n_mismatch > 0
    assert result.blame is not None
    best = result.blame.alternatives[0]
    assert (best.description, best.n_mismatch) == ("pT halved to an integer", 0)
    assert result.blame.n_remaining == 0
