"""Look-up tables with which the Global Trigger computes distances and masses in integers.

All quantities are integers times a power of ten: differences with 3 digits, cosines and hyperbolic
cosines with 3 (two calorimeter objects) or 4 (with a muon), pt with 1. ``dR**2`` has 6 digits;
half the squared mass, ``pt1 pt2 (cosh deta - cos dphi)``, has 5 or 6. Where a muon meets another
object, the latter is moved to the muon's finer steps first.

Source: the public VHDL and its producer (cms-l1-globaltrigger), CMSSW ``L1Trigger/L1TGlobal``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.objects import load_scales

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

#: Digits after the decimal point.
DELTA_DIGITS: Final = 3
PT_DIGITS: Final = 1


@dataclass(frozen=True)
class PairTables:
    """Tables for pairs of objects of two collections, indexed by differences of codes.

    Attributes
    ----------
    deta, cosh
        By the absolute difference of eta codes.
    dphi, cos
        By the absolute difference of phi codes, at most half a turn.
    half_turn
        Half a turn in phi codes.
    steps
        Factors that bring the codes of the first and second object to common steps; 1 or 4 for
        phi and eta.
    math_digits
        Digits of cosines.
    """

    deta: Integers
    dphi: Integers
    cosh: Integers
    cos: Integers
    half_turn: int
    finer: tuple[bool, bool]
    math_digits: int


def _rounded(value: float) -> int:
    """Round to the nearest integer, halves away from zero.

    A sum of steps in floating point may fall a little short of a half: 1e-9 is far below any
    difference that matters.
    """
    return int(math.copysign(math.floor(abs(value) + 0.5 + 1e-9), value))


def _table(size: int, function: Callable[[int], float]) -> Integers:
    return np.array([_rounded(function(place)) for place in range(size)], dtype=np.int64)


@lru_cache(maxsize=64)
def pair_tables(first: str, second: str) -> PairTables:
    """Return the tables for two collections.

    Examples
    --------
    >>> tables = pair_tables("eg", "jet")
    >>> tables.deta[:4].tolist(), tables.dphi[:3].tolist(), int(tables.cosh[23]), int(tables.cos[72])
    ([0, 44, 87, 131], [0, 44, 87], 1544, -1000)
    """
    scales = load_scales()
    fine = "mu" in {first, second}
    eta = scales.field("mu", "eta_vtx") if fine else scales.field("eg", "eta")
    phi = scales.field("mu", "phi_vtx") if fine else scales.field("eg", "phi")
    n_eta = 2 * 4 * 256 if fine else 256
    half_turn = phi.turn // 2
    math_digits = 4 if fine else 3
    unit, math_unit = 10**DELTA_DIGITS, 10**math_digits
    return PairTables(
        deta=_table(n_eta, lambda place: eta.lsb * place * unit),
        dphi=_table(half_turn + 1, lambda place: phi.lsb * place * unit),
        cosh=_table(n_eta, lambda place: math.cosh(eta.lsb * place) * math_unit),
        cos=_table(half_turn + 1, lambda place: math.cos(phi.lsb * place) * math_unit),
        half_turn=half_turn,
        finer=(fine and first != "mu", fine and second != "mu"),
        math_digits=math_digits,
    )


@lru_cache(maxsize=64)
def pt_table(collection: str, field: str = "pt") -> Integers:
    """Return the pt of each code for masses: the middle of its range, with one digit.

    Examples
    --------
    >>> pt_table("eg")[:3].tolist(), pt_table("mu")[:4].tolist()
    ([3, 8, 13], [0, 3, 8, 13])
    """
    scale = load_scales().field(collection, field)
    unit = 10**PT_DIGITS

    def middle(code: int) -> float:
        return 0.0 if code < scale.offset else (code - scale.offset + 0.5) * scale.lsb * unit

    return _table(scale.maximum + 1, middle)
