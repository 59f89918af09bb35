"""Agreement with published decisions: every status, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.menu import Menu, MenuAgreement, Seed, SeedEvaluator, parse_expression, summarize

if TYPE_CHECKING:
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
        *["unsupported"] * 5,
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
    assert (summary.agrees, summary.not_tested, summary.disagrees, summary.unsupported) == (
        1,
        1,
        1,
        3,
    )
    assert summary.fraction_without_mismatch == 2 / 6


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
