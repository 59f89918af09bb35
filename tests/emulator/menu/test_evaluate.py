"""Seeds against plain Python, object by object; what is not modelled is refused with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest
from seeds_by_hand import decide

from emulator.menu import SeedEvaluator, UnsupportedSeedError, parse_expression
from emulator.menu.cuts import AbsentInputError
from emulator.objects import Columns, build_events, empty_events

if TYPE_CHECKING:
    from tests.emulator.menu.conftest import MakeCrossings

EXPRESSIONS = (
    "MU0",
    "MU22p5[MU-QLTY_SNGL]",
    "MU5[MU-QLTY_DBLE,MU-UPT_10]",
    "MU3[MU-ETA_BMTF,MU-ETA_EMTF_POS_er2p0,MU-QLTY_OPEN]",
    "MU3[MU-PHI_TOP120,MU-IP_123]",
    "MU3[MU-ETA_EMTF_NEG_er2p0]",
    "MBT0HFP3 AND NOT MBT1HFM9",
    "ETTEM600 OR TOWERCOUNT6000",
    "MUS0 XOR MUS2",
    "ASYMET100 AND NOT ASYMHTHF50",
    "CENT0 OR CENT2 AND NOT CENT3",
    "CENT4 AND CENT7",
    "MU0[MU-ETA_BMTF_POS]",
    "MU3[MU-QLTY_14] OR MU10[MU-CHG_POS]",
    "EG20[EG-ETA_2p52,EG-ISO_0xC] XOR EG30[EG-ETA_1p52_HASHFIX,EG-ISO_0xA]",
    "JET60[JET-ETA_FWD_2p52_NEG] OR JET60[JET-ETA_FWD_2p52_POS]",
    "JET30[JET-ETA_1p392_2p958_NEG]",
    "HTT60 AND NOT ETMHF30 AND ETM10",
    "comb{MU0,MU3}",
    "comb{JET60,JET40,JET30[JET-ETA_2p52]}",
    "comb{JET40[JET-ETA_2p52],JET40,JET30,JET20}",
    "comb{MU0,MU0[MU-ETA_2p0]}[CHGCOR_OS]",
    "comb{MU0,MU0,MU0}[CHGCOR_SS]",
    "comb{MU0,MU0,MU0}[CHGCOR_OS]",
    "comb{MU0,MU0,MU0,MU0}[CHGCOR_OS]",
    "dist{MU0,MU0}[DR_1p4,CHGCOR_OS]",
    "dist{MU3[MU-QLTY_SNGL],JET16[JET-ETA_2p52]}[DR_MAX_0p8]",
    "dist{JET30,MU0}[DETA_MAX_1p5]",
    "dist{EG20,TAU26[TAU-ISO_0xE]}[DR_MIN_0p3]",
    "dist{JET30,JET30}[DETA_MAX_1p5,DPHI_0p8to1p2]",
    "dist{JET20,ETMHF20}[DPHI_DPHI_MIN2p094_MAX3p142]",
    "dist{MU0,ETM10}[DPHI_dPhi2p0]",
    "mass_inv{MU0,MU0}[MASS_MASS_7to18,CHGCOR_SS]",
    "mass_inv{MU0,EG5}[MASS_MIN_1]",
    "mass_inv{TAU10,TAU10}[MASS_MAX_80]",
    "mass_inv_upt{MU0,MU0}[MASSUPT_MIN_100]",
    "mass_inv{JET10,JET10}[MASS_MAX_80,DETA_MAX_1p5]",
    "mass_trv{EG10,ETM10}[MASS_MIN_40]",
    "mass_inv_3{MU0,MU0,MU3}[MASS_MASS_7to18]",
    "mass_inv_3{MU0,MU0,MU3}[MASS_MAX_80,CHGCOR_OS]",
    "comb_orm{TAU10[TAU-ETA_2p13],TAU10,JET30}[ORMDR_0p5]",
    "mass_inv_orm{JET20,JET20,TAU10[TAU-ISO_0xE]}[MASS_MIN_40,ORMDR_0p5]",
    "mass_inv_orm{JET20,JET20,EG10}[MASS_MIN_40,ORMDR_0p2]",
)


@pytest.fixture(scope="module")
def crossings(make_crossings: MakeCrossings) -> ak.Array:
    return make_crossings(400, 3)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_equals_plain_python(crossings: ak.Array, text: str) -> None:
    expression = parse_expression(text)
    expected = [decide(event, expression) for event in crossings.tolist()]
    assert SeedEvaluator(crossings).decide(expression).tolist() == expected
    assert 0 < sum(expected) < len(expected), "the test would not see a constant"


def test_an_index_that_is_nowhere_filled_is_no_index(crossings: ak.Array) -> None:
    expression = parse_expression("MU0[MU-INDEX_BMTF]")
    filled = SeedEvaluator(crossings).decide(expression)
    expected = [any(36 <= m["index"] <= 71 for m in event["mu"]) for event in crossings.tolist()]
    assert filled.tolist() == expected
    empty = ak.copy(crossings)
    empty["mu", "index"] = ak.values_astype(crossings.mu.index * 0, np.int16)
    with pytest.raises(UnsupportedSeedError, match=r"mu\.index is 0 for every object"):
        SeedEvaluator(empty).decide(expression)


def test_results_are_shared_and_do_not_depend_on_the_order(crossings: ak.Array) -> None:
    evaluator = SeedEvaluator(crossings)
    first = [evaluator.decide(parse_expression(text)) for text in EXPRESSIONS]
    again = [evaluator.decide(parse_expression(text)) for text in reversed(EXPRESSIONS)]
    for one, other in zip(first, reversed(again), strict=True):
        assert np.array_equal(one, other)


def test_no_events() -> None:
    for text in EXPRESSIONS:
        if not any(
            word in text
            for word in (
                *("QLTY", "UPT", "IP_", "CHG", "ISO", "MBT", "TEM", "MUS", "ASYM", "CENT"),
            )
        ):
            assert SeedEvaluator(empty_events()).decide(parse_expression(text)).shape == (0,)


def muons(pts: list[list[int]]) -> ak.Array:
    offsets = np.cumsum([0, *(len(each) for each in pts)])
    flat = [pt for each in pts for pt in each]
    fields = {"pt": flat, "eta_vtx": [0] * len(flat), "phi_vtx": list(range(len(flat)))}
    ids = {key: np.zeros(len(pts), int) for key in ("run", "lumi", "event", "orbit", "crossing")}
    columns = {name: np.array(values, dtype=int) for name, values in fields.items()}
    return build_events(ids, {"mu": Columns(offsets, columns)})


def test_thresholds_count_the_muons_offset() -> None:
    events = muons([[1], [10], [11], []])
    evaluator = SeedEvaluator(events)
    assert evaluator.decide(parse_expression("MU0")).tolist() == [True, True, True, False]
    assert evaluator.decide(parse_expression("MU5")).tolist() == [False, False, True, False]


def test_one_object_does_not_fill_two_legs() -> None:
    events = muons([[40], [40, 9], [40, 11]])
    found = SeedEvaluator(events).decide(parse_expression("comb{MU15,MU5}"))
    assert found.tolist() == [False, False, True]


def test_neighbouring_crossings() -> None:
    events = muons([[40], [], [12], [40]])
    before = parse_expression("MU15-1")
    pair = parse_expression("dist{MU15-1,MU0}[DETA_MAX_1p5]")
    after = parse_expression("MU15+1")
    with pytest.raises(AbsentInputError, match="neighbouring crossings, and the events are"):
        SeedEvaluator(events).decide(before)
    evaluator = SeedEvaluator(events, consecutive=True)
    assert evaluator.decide(before).tolist() == [False, True, False, False]
    assert evaluator.decide(after).tolist() == [False, False, True, False]
    assert evaluator.decide(pair).tolist() == [False, False, False, False]
    both = parse_expression("comb{MU5-1,MU3-1}")
    crowded = SeedEvaluator(muons([[], [40, 30], [12], [40]]), consecutive=True)
    assert crowded.decide(both).tolist() == [False, False, True, False]
    same = parse_expression("dist{MU5+1,MU15+1}[DETA_MAX_1p5]")
    assert not evaluator.decide(same).any(), "still one object for one leg"
    crossing = parse_expression("dist{MU5,MU15+1}[DETA_MAX_1p5]")
    assert evaluator.decide(crossing).tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("EXT_BPTX_OR_VME", "the external signal BPTX_OR_VME is not in the events"),
        ("AXO[AXO-MODEL_v3]", "AXO is an anomaly network, which events do not hold"),
        ("ZDCP12", "ZDCP is the zero-degree calorimeter, which events do not hold"),
        ("PHOTON5", "PHOTON is not known"),
        ("MU", "MU has no threshold"),
        ("CENT8", "the centrality CENT8 is not known"),
        ("JET5[JET-QLTY_1]", "the cut 'JET-QLTY_1' is not known"),
        ("MU5[MU-QLTY_GOOD]", "the cut 'MU-QLTY_GOOD' is not known"),
        ("MU5[MU-QLTY_16]", "the cut 'MU-QLTY_16' is not known"),
        ("MU5[EG-ISO_0xA]", "the cut 'EG-ISO_0xA' is not known"),
        ("MU5[MU-ETA_WIDE]", "the cut 'MU-ETA_WIDE' is not known"),
        ("MU5[MU-PHI_LEFT]", "the cut 'MU-PHI_LEFT' is not known"),
        ("EG5[EG-ISO_0xAB]", "the cut 'EG-ISO_0xAB' is not known"),
        ("EG5[EG-QLTY_1]", "there is no field 'qual' of 'eg'"),
        ("MU5[MU-QLTY_13,MU-QLTY_14]", "MU has two cuts of the type QLTY"),
        ("MUSOOT0", "MUSOOT is a muon shower of another crossing, which events do not hold"),
        ("MUS5", "the muon shower MUS5 is not known"),
        ("mass_inv{MU5,MU3}[MASSUPT_MIN_1]", "mass_inv_upt and a cut MASSUPT go together"),
        ("mass_inv_upt{MU5,MU3}[MASS_MIN_1]", "mass_inv_upt and a cut MASSUPT go together"),
        ("dist{MU5,MU3}[DRUPT_1]", "the name of the cut 'DRUPT_1' says no range"),
        ("near{MU5,MU3}", "the function 'near' is not known"),
        ("comb{MU5,EG3}", "comb of several kinds of objects or crossings is not known"),
        ("comb{MU5,MU3}[DR_1p4]", "comb with a cut on DR is not known"),
        ("comb{EG5,EG3}[CHGCOR_OS]", "only muons have a charge"),
        ("dist{MU5,MU3,MU0}[DR_1p4]", "dist of 3 objects is not known"),
        ("dist{MU5,ETM30}[DR_1p4]", "ETM has no eta, so only DPHI"),
        ("dist{MU5,MU3}[DR_NEAR]", "the name of the cut 'DR_NEAR' says no range that is known"),
        ("dist{MU5,MU3}[MASS_7]", "the name of the cut 'MASS_7' says no range that is known"),
        ("dist{MU5,MU3}[TBPT_5]", "the name of the cut 'TBPT_5' says no range that is known"),
        ("dist{MU5,MU3}[DR_1p4,DR_MIN_0p3]", "two cuts limit DR: 'DR_MIN_0p3' is the second"),
        ("dist{MU5,MU3}[ORMDR_0p5]", "dist has no overlap to remove"),
        ("mass_inv_3{MU5,MU3,EG5}[MASS_MAX_80]", "only known for three objects of one kind"),
        ("mass_inv_3{MU5,MU3,MU0}", "mass_inv_3 needs a cut on MASS and no other"),
        ("comb_orm{TAU5,TAU5,JET5}", "comb_orm says no overlap that is known"),
    ],
)
def test_what_is_not_modelled_is_refused(crossings: ak.Array, text: str, reason: str) -> None:
    with pytest.raises(UnsupportedSeedError, match=reason):
        SeedEvaluator(crossings).decide(parse_expression(text))


def test_a_field_that_the_events_lack_is_named() -> None:
    with pytest.raises(UnsupportedSeedError, match=r"mu\.qual is not in the events"):
        SeedEvaluator(muons([[5]])).decide(parse_expression("MU0[MU-QLTY_SNGL]"))
