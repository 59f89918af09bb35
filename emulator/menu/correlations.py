"""Cuts on several objects together, as integer limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from emulator.menu.cuts import UnsupportedSeedError, number
from emulator.menu.kernels import ALIKE, NO_LOWEST, OPPOSITE
from emulator.menu.tables import DELTA_DIGITS, PT_DIGITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Quantity = Literal["DETA", "DPHI", "DR", "MASS"]
Range = tuple[Fraction | None, Fraction | None]

_NUMBER: Final = r"\d+(?:p\d+)?"
#: ``MIN_0p3``, ``MAX1p6``, ``MIN2p094_MAX3p142``, ``7to18`` and ``1p4``, as menus name ranges.
_RANGES: Final = (
    re.compile(rf"(?:MIN_?(?P<low>{_NUMBER}))?_?(?:MAX_?(?P<high>{_NUMBER}))?", re.IGNORECASE),
    re.compile(rf"(?P<low>{_NUMBER})_?to_?(?P<high>{_NUMBER})", re.IGNORECASE),
)
_BARE: Final = re.compile(rf"(?:d[A-Z][a-z]+)?(?P<edge>{_NUMBER})")
_PREFIX: Final = re.compile(
    r"(?P<overlap>ORM)?(?P<quantity>DETA|DPHI|DR|MASS)(?:(?<=MASS)UPT)?_(?P<range>.+)"
)

#: What a number alone limits: a distance from above, an angle that names itself from below.
_BARE_IS_HIGHEST: Final[Mapping[str, bool]] = {"DR": True, "DETA": True, "DPHI": False}

#: Larger than any quantity.
_NO_LIMIT: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class CorrelationCuts:
    """Ranges of quantities of pairs, and of what counts as an overlap; relation of charges."""

    ranges: Mapping[Quantity, Range] = field(default_factory=dict)
    overlap: Mapping[Quantity, Range] = field(default_factory=dict)
    sign: int = 0


def correlation_cuts(names: Sequence[str]) -> CorrelationCuts:
    """Read the names of cuts on several objects.

    Raises
    ------
    UnsupportedSeedError
        If a name says no range that is known.

    Examples
    --------
    >>> cuts = correlation_cuts(["DETA_MAX_1p6", "CHGCOR_OS", "MASS_MASS_7to18"])
    >>> cuts.sign, {name: [str(end) for end in ends] for name, ends in cuts.ranges.items()}
    (2, {'DETA': ['None', '8/5'], 'MASS': ['7', '18']})
    """
    ranges: dict[Quantity, Range] = {}
    overlap: dict[Quantity, Range] = {}
    sign = 0
    for name in names:
        if name in {"CHGCOR_SS", "CHGCOR_LS", "CHGCOR_OS"}:
            sign = OPPOSITE if name == "CHGCOR_OS" else ALIKE
            continue
        match = _PREFIX.fullmatch(name)
        found = _range(match["quantity"], match["range"]) if match else None
        if match is None or found is None:
            msg = f"the name of the cut {name!r} says no range that is known"
            raise UnsupportedSeedError(msg)
        target = overlap if match["overlap"] else ranges
        quantity: Quantity = match["quantity"]  # type: ignore[assignment] # by the pattern
        if quantity in target:
            msg = f"two cuts limit {quantity}: {name!r} is the second"
            raise UnsupportedSeedError(msg)
        target[quantity] = found
    return CorrelationCuts(ranges, overlap, sign)


def _range(quantity: str, text: str) -> Range | None:
    text = text.removeprefix(f"{quantity}_")
    for pattern in _RANGES:
        match = pattern.fullmatch(text)
        if match is not None and (match["low"] or match["high"]):
            low, high = match["low"], match["high"]
            return number(low) if low else None, number(high) if high else None
    bare = _BARE.fullmatch(text)
    if bare is None or quantity not in _BARE_IS_HIGHEST:
        return None
    edge = number(bare["edge"])
    return (None, edge) if _BARE_IS_HIGHEST[quantity] else (edge, None)


def integer_limits(ranges: Mapping[Quantity, Range], math_digits: int) -> NDArray[np.int64]:
    """Return lowest and highest deta, dphi, dR**2 and half squared mass as the tables count them.

    Without a lower limit the lowest is 0: a mass below 0, which rounding can give, does not pass.
    """
    delta = Fraction(10**DELTA_DIGITS)
    scales = {
        "DETA": (1, delta),
        "DPHI": (1, delta),
        "DR": (2, delta**2),
        "MASS": (2, Fraction(10 ** (2 * PT_DIGITS + math_digits), 2)),
    }
    limits = []
    for quantity, (power, unit) in scales.items():
        low, high = ranges.get(quantity, (None, None))  # type: ignore[call-overload]
        limits.append(0 if quantity in ranges else NO_LOWEST)
        if low is not None:
            limits[-1] = ceil(low**power * unit)
        limits.append(_NO_LIMIT)
        if high is not None:
            top = _rounded_up(high**power) if quantity == "DR" else high**power
            limits[-1] = floor(top * unit)
    return np.array(limits, dtype=np.int64)


def _rounded_up(square: Fraction) -> Fraction:
    """Return the upper limit on dR**2 as menus are compiled: 0.8 gives 0.641, 0.5 gives 0.25.

    The producer rounds limits up at the third digit, after a multiplication in floating point that
    leaves only numbers with a finite binary fraction where they are.
    """
    binary = square.denominator & (square.denominator - 1) == 0
    return square if binary else Fraction(floor(square * 1000) + 1, 1000)
