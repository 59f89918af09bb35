"""Names of cuts on several objects become ranges, and ranges integer limits."""

from __future__ import annotations

from fractions import Fraction

import pytest

from emulator.menu import UnsupportedSeedError
from emulator.menu.correlations import correlation_cuts, integer_limits

NONE = 2**63 - 1


@pytest.mark.parametrize(
    ("name", "quantity", "low", "high"),
    [
        ("DETA_MAX_1p6", "DETA", None, "1.6"),
        ("DETA_Max0p3", "DETA", None, "0.3"),
        ("DPHI_0p8to1p2", "DPHI", "0.8", "1.2"),
        ("DPHI_DPHI_MIN2p618_MAX3p142", "DPHI", "2.618", "3.142"),
        ("DPHI_dPhi2p0", "DPHI", "2", None),
        ("DR_1p4", "DR", None, "1.4"),
        ("DR_MIN_0p3", "DR", "0.3", None),
        ("MASS_MASS_0to14", "MASS", "0", "14"),
        ("MASS_MIN_225", "MASS", "225", None),
    ],
)
def test_ranges(name: str, quantity: str, low: str | None, high: str | None) -> None:
    expected = tuple(None if edge is None else Fraction(edge) for edge in (low, high))
    assert correlation_cuts([name]).ranges == {quantity: expected}


def test_overlap_and_charges() -> None:
    cuts = correlation_cuts(["ORMDR_0p5", "CHGCOR_OS"])
    assert cuts.overlap == {"DR": (None, Fraction(1, 2))}
    assert (cuts.ranges, cuts.sign) == ({}, 2)
    assert correlation_cuts(["CHGCOR_LS"]).sign == correlation_cuts(["CHGCOR_SS"]).sign == 1


@pytest.mark.parametrize(
    "name", ["DR", "DR_", "DR_MIN_MAX", "MASS_7", "CHGCOR_IG", "XYZ_1to2", "DR_1to"]
)
def test_names_without_a_known_range(name: str) -> None:
    with pytest.raises(UnsupportedSeedError, match=f"the cut '{name}' says no range"):
        correlation_cuts([name])


@pytest.mark.parametrize(
    ("name", "digits", "place", "expected"),
    [
        # From the public VHDL of menus: 05DC, 0640, 0C46 and 0A3A, 07D0; and of DR and MASS below.
        ("DETA_MAX_1p5", 3, 0, (0, 1500)),
        ("DETA_MAX_1p6", 3, 0, (0, 1600)),
        ("DPHI_DPHI_MIN2p618_MAX3p142", 3, 2, (2618, 3142)),
        ("DPHI_dPhi2p0", 3, 2, (2000, NONE)),
        ("DR_MIN_0p3", 3, 4, (0x15F90, NONE)),
        ("DR_0p6", 3, 4, (0, 0x58228)),
        ("DR_1p4", 3, 4, (0, 0x1DEC28)),
        ("DR_MAX_1p6", 3, 4, (0, 0x2713E8)),
        ("DR_MAX_2p0", 3, 4, (0, 0x3D0900)),
        ("DR_MAX_3p5", 3, 4, (0, 0xBAEB90)),
        ("MASS_MAX_80", 3, 6, (0, 0x1312D000)),
        ("MASS_MIN_1", 4, 6, (0x7A120, NONE)),
        ("MASS_MASS_5to17", 4, 6, (0xBEBC20, 0x89CE520)),
        ("MASS_MASS_0to9", 4, 6, (0, 0x269FB20)),
        ("MASS_MIN_40", 3, 6, (0x4C4B400, NONE)),
    ],
)  # fmt: skip
def test_limits_are_those_of_the_firmware(
    name: str, digits: int, place: int, expected: tuple[int, int]
) -> None:
    limits = integer_limits(correlation_cuts([name]).ranges, digits).tolist()
    assert tuple(limits[place : place + 2]) == expected
    others = limits[:place] + limits[place + 2 :]
    assert others == [-NONE, NONE] * 3, "nothing else is limited"


@pytest.mark.parametrize(("name", "expected"), [("ORMDR_0p5", 0x3D090), ("ORMDR_0p2", 0xA028)])
def test_limits_of_overlaps(name: str, expected: int) -> None:
    assert integer_limits(correlation_cuts([name]).overlap, 3)[5] == expected
