"""Agreement with published decisions: every status, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest

from emulator.menu import Menu, MenuAgreement, Seed, SeedEvaluator, parse_expression, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.emulator.menu.conftest import MakeCrossings

MENU = Menu(
    "test",
    (
        Seed(0, "L1_Good", "MU0"),
        Seed(1, "L1_Never", "EG255p5"),
        Seed(2, "L1_Wrong", "JET40"),
        Seed(3, "L1_Strange", "MU0[MU-MOOD_BAD]"),
        Seed(4, "L1_Broken", "MU0 AND"),
        Seed(5, "L1_Bunch", "MU0 AND NOT EXT_BPTX_OR_VME"),
        Seed(6, "L1_AXO", "AXO[AXO-MODEL_v3]"),
        Seed(7, "L1_Unpublished", "MU0"),
    ),
)


def test_statuses(make_crossings: MakeCrossings) -> None:
    agreement = MenuAgreement(MENU)
    fires = extra = missing = 0
    for seed in (1, 2):
        events = make_crossings(50, seed)
        evaluator = SeedEvaluator(events)
        ours = {bit: evaluator.decide(MENU.seeds[bit].parsed()) for bit in (0, 1, 2)}
        wrong = ours[2].copy()
        wrong[[3, 4]] = ~wrong[[3, 4]]
        fires += int(wrong.sum())
        extra += int((ours[2] & ~wrong).sum())
        missing += int((wrong & ~ours[2]).sum())
        nothing = np.zeros(50, dtype=bool)
        published = dict.fromkeys((1, 3, 4, 5, 6), nothing)
        agreement.add(events, {**published, 0: ours[0], 2: wrong})
    records = agreement.records()
    assert [record.status for record in records] == [
        "agrees",
        "not tested",
        "disagrees",
        "unsupported",
        "unsupported",
        *["not in the file"] * 3,
    ]
    assert (records[2].fires, records[2].extra, records[2].missing) == (fires, extra, missing)
    assert extra + missing == 4
    assert records[0].n_crossings == records[2].n_crossings == 100
    assert [record.kind for record in records[5:7]] == ["external", "network"]
    assert "'MU-MOOD_BAD'" in records[3].reason
    assert "ends too early" in records[4].reason
    assert records[7].reason == "the files hold no decision of it"
    summary = summarize(records)
    assert summary.n_seeds == 6
    assert list(summary.as_dict().values()) == [6, 1, 1, 1, 1, 2]
    assert summary.fraction_without_mismatch == 2 / 6
    assert summary.fraction_of_those_in_the_file == 2 / 5


def test_a_seed_that_some_files_cannot_support_says_so(make_crossings: MakeCrossings) -> None:
    menu = Menu("m", (Seed(0, "L1_SQ", "MU0[MU-QLTY_SNGL]"),))
    agreement = MenuAgreement(menu)
    events = make_crossings(30, 1)
    ours = SeedEvaluator(events).decide(parse_expression("MU0[MU-QLTY_SNGL]"))
    agreement.add(events, {0: ours})
    bare = events[["run", "lumi", "event", "orbit", "crossing", "eg", "tau", "jet"]]
    bare["mu"] = events.mu[["pt", "eta_vtx", "phi_vtx"]]
    agreement.add(bare, {0: ours})
    (record,) = agreement.records()
    assert (record.status, record.n_crossings) == ("agrees", 30)
    assert record.reason == "mu.qual is not in the events"


@pytest.mark.parametrize(
    ("fires", "status"), [((), "not in the file"), ((4,), "disagrees"), (range(30), "disagrees")]
)
def test_decisions_made_without_showers(
    make_crossings: MakeCrossings, fires: Sequence[int], status: str
) -> None:
    """A decision that is a flag, and never follows it, was made of other flags than the file has."""
    events = make_crossings(30, 1)
    events["mus0"] = np.arange(30, dtype=np.uint8) % 2
    published = np.zeros(30, dtype=bool)
    published[list(fires)] = True
    agreement = MenuAgreement(Menu("m", (Seed(104, "L1_SingleMuShower_Nominal", "MUS0"),)))
    agreement.add(events, {104: published})
    (record,) = agreement.records()
    assert record.status == status
    assert ("sets this flag in 15 crossings" in record.reason) == (status == "not in the file")


def test_a_menu_defines_its_windows(make_crossings: MakeCrossings) -> None:
    text = "MU0[MU-ETA_EMTF_NEG_er2p0]"
    events = make_crossings(400, 3)
    eta = events.mu.eta_vtx
    inside = ak.to_numpy(ak.any((eta >= -184) & (eta <= -115), axis=1))
    way_round = ak.to_numpy(ak.any((eta >= -114) | (eta <= -185), axis=1))
    assert (inside != way_round).any()
    for name, expected in (
        ("L1Menu_Collisions2024_v1_1_0", way_round),
        ("L1Menu_Collisions2024_v1_2_1", way_round),
        ("L1Menu_Collisions2024_v1_3_0", inside),
        ("L1Menu_Collisions2025_v1_0_0", inside),
        ("", inside),
    ):
        agreement = MenuAgreement(Menu(name, (Seed(55, "L1_A", text),)))
        agreement.add(events, {55: expected})
        assert [record.status for record in agreement.records()] == ["agrees"], name
