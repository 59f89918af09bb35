"""Cuts on one object, code by code."""

from __future__ import annotations

import pytest

from emulator.menu import parse_expression
from emulator.menu.cuts import field_cuts
from emulator.menu.syntax import Requirement
from emulator.objects import load_scales


def passing(text: str, menu: str = "") -> dict[str, list[int]]:
    """The codes that pass, field by field."""
    requirement = parse_expression(text)
    assert isinstance(requirement, Requirement)
    return {
        cut.field: [cut.lowest + int(place) for place in cut.table.nonzero()[0]]
        for cut in field_cuts(requirement, menu)
    }


@pytest.mark.parametrize(
    ("text", "lowest", "highest"),
    [
        ("MU0", 1, 511),
        ("MU0p5", 2, 511),
        ("MU4p5", 10, 511),
        ("MU4p6", 11, 511),
        ("EG20", 40, 511),
        ("EG0", 0, 511),
        ("JET35", 70, 2047),
        ("HTT255", 510, 4095),
        ("ETM2047p5", 4095, 4095),
    ],
)
def test_thresholds(text: str, lowest: int, highest: int) -> None:
    assert passing(text)["pt"] == list(range(lowest, highest + 1))


def test_a_threshold_beyond_the_scale_is_never_reached() -> None:
    assert passing("EG300")["pt"] == []


@pytest.mark.parametrize(
    ("text", "field", "low", "high"),
    [
        # N as stated for the recomputation of seeds: -N - 1 to N.
        ("EG5[EG-ETA_2p52]", "eta", -58, 57),
        ("EG5[EG-ETA_2p13]", "eta", -49, 48),
        ("EG5[EG-ETA_1p52_HASHFIX]", "eta", -35, 34),
        ("JET5[JET-ETA_1p3]", "eta", -30, 29),
        # From the public VHDL: 34 and CB, 3A to 72, 8D to C5, B8 and 148, 6E and 192, 49 and 1B7.
        ("JET5[JET-ETA_2p3]", "eta", -53, 52),
        ("JET5[JET-ETA_FWD_2p52_POS]", "eta", 58, 114),
        ("JET5[JET-ETA_FWD_2p52_NEG]", "eta", -115, -59),
        ("MU5[MU-ETA_2p0]", "eta_vtx", -184, 184),
        ("MU5[MU-ETA_1p2]", "eta_vtx", -110, 110),
        ("MU5[MU-ETA_2p10]", "eta_vtx", -193, 193),
        ("MU5[MU-ETA_BMTF]", "eta_vtx", -73, 73),
        ("MU5[MU-ETA_BMTF_POS]", "eta_vtx", 1, 73),
        # The public VHDL has tables of qualities: E000 for 13, C000 for 14.
        ("MU5[MU-QLTY_13]", "qual", 13, 15),
        ("MU5[MU-QLTY_14]", "qual", 14, 15),
        ("MU5[MU-PHI_TOP120]", "phi_vtx", 48, 239),
        ("MU5[MU-UPT_10]", "pt_unconstrained", 11, 255),
    ],
)
def test_windows(text: str, field: str, low: int, high: int) -> None:
    assert passing(text)[field] == list(range(low, high + 1))


def test_several_windows_are_alternatives() -> None:
    text = "MU0[MU-ETA_EMTF_NEG_er2p0,MU-ETA_BMTF,MU-ETA_EMTF_POS_er2p0]"
    found = passing(text, "L1Menu_Collisions2024_v1_2_0")["eta_vtx"]
    assert found == [*range(-256, -184), *range(-114, 256)], "one window goes the way round"
    found = passing(text)["eta_vtx"]
    assert found == [*range(-184, -114), *range(-73, 74), *range(115, 185)]
    found = passing("MU0[MU-ETA_BMTF,MU-ETA_EMTF_POS_er2p0]")["eta_vtx"]
    assert found == [*range(-73, 74), *range(115, 185)]


@pytest.mark.parametrize("code", range(16))
def test_isolation_masks(code: int) -> None:
    expected = [n for n in range(4) if code & 1 << n]
    assert passing(f"EG5[EG-ISO_0x{code:X}]")["iso"] == expected


def test_every_table_covers_its_field() -> None:
    for text in ("MU5[MU-QLTY_SNGL,MU-IP_1]", "TAU5[TAU-ISO_0xE,TAU-ETA_2p13]"):
        requirement = parse_expression(text)
        assert isinstance(requirement, Requirement)
        collection = requirement.kind.lower()
        for cut in field_cuts(requirement):
            scale = load_scales().field(collection, cut.field)
            assert cut.lowest == scale.minimum
            assert len(cut.table) == scale.maximum - scale.minimum + 1
