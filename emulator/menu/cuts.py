"""Cuts on one object, as tables of the codes that pass.

Every cut is a set of allowed codes of one field, so that one kernel evaluates all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import yaml

from emulator.errors import L1Error
from emulator.objects import load_scales

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from emulator.menu.syntax import Requirement
    from emulator.objects.scales import FieldScale

    Table = NDArray[np.bool_]


class UnsupportedSeedError(L1Error):
    """A seed uses what is not modelled, or what the events do not hold; the message says what."""


class AbsentInputError(UnsupportedSeedError):
    """A seed uses an input that the events do not hold; the message says which."""


@dataclass(frozen=True)
class FieldCut:
    """Codes of a field that pass: ``table[code - lowest]``."""

    field: str
    lowest: int
    table: Table


@dataclass(frozen=True, slots=True)
class _CutType:
    """Which field a type of cut looks at, and whether several of them are alternatives."""

    field: str
    alternatives: bool = False


#: Types of cuts by the word after the kind, as ``ETA`` in ``MU-ETA_2p0``.
_CUT_TYPES: Final[Mapping[str, _CutType]] = {
    "ETA": _CutType("eta", alternatives=True),
    "PHI": _CutType("phi", alternatives=True),
    "INDEX": _CutType("index", alternatives=True),
    "QLTY": _CutType("qual"),
    "ISO": _CutType("iso"),
    "UPT": _CutType("pt_unconstrained"),
    "IP": _CutType("dxy"),
    "CHG": _CutType("charge"),
    "DISP": _CutType("displaced"),
}

_CUT = re.compile(r"(?P<kind>[A-Z]+)-(?P<type>[A-Z]+)_(?P<value>.+)")
_NUMBER: Final = r"\d+(?:p\d+)?"
_SYMMETRIC = re.compile(rf"(?P<edge>{_NUMBER})(?:_HASHFIX)?")
_ONE_SIDE = re.compile(
    rf"(?P<forward>FWD_)?(?P<inner>{_NUMBER})(?:_(?P<outer>{_NUMBER}))?_(?P<side>NEG|POS)"
)


@lru_cache(maxsize=1)
def knowledge() -> Mapping[str, Any]:
    """Return what names in menus mean (``data/cms_ugt.yaml``)."""
    content = (files("emulator.menu") / "data" / "cms_ugt.yaml").read_text(encoding="utf-8")
    known: Mapping[str, Any] = yaml.safe_load(content)
    return known


def number(text: str) -> Fraction:
    """Read a number in which ``p`` is the decimal point.

    Examples
    --------
    >>> number("2p52")
    Fraction(63, 25)
    """
    return Fraction(text.replace("p", "."))


def collection_of(kind: str) -> str:
    """Return the collection of the events array that holds a kind of objects.

    Raises
    ------
    UnsupportedSeedError
        If none does.
    """
    return _source(kind)[0]


def _source(kind: str) -> tuple[str, str]:
    """Return the collection, and the field that a threshold cuts on."""
    known = knowledge()
    if kind in known["kinds"]:
        collection, _, field = known["kinds"][kind].partition(".")
        return collection, field
    what = known["absent"].get(kind)
    if what:
        msg = f"{kind} is {what}, which events do not hold"
        raise AbsentInputError(msg)
    msg = f"{kind} is not known"
    raise UnsupportedSeedError(msg)


def field_cuts(requirement: Requirement, menu: str = "") -> tuple[FieldCut, ...]:
    """Return all cuts of a requirement, its threshold first.

    Parameters
    ----------
    requirement
        One object with its cuts.
    menu
        Name of the menu, as ``L1Menu_Collisions2024_v1_1_0``: some define a window otherwise.

    Raises
    ------
    UnsupportedSeedError
        If a cut is not known.

    Examples
    --------
    >>> from emulator.menu.grammar import parse_expression
    >>> pt, eta = field_cuts(parse_expression("EG4p5[EG-ETA_2p52]"))
    >>> int(pt.table.argmax()), eta.lowest + int(eta.table.argmax()), int(eta.table.sum())
    (9, -58, 116)
    """
    collection, threshold_field = _source(requirement.kind)
    if requirement.threshold is None:
        msg = f"{requirement.kind} has no threshold"
        raise UnsupportedSeedError(msg)
    scale = load_scales().field(collection, threshold_field)
    tables = {threshold_field: _at_least(scale, _code(scale, requirement.threshold))}
    seen: set[str] = set()
    for cut in requirement.cuts:
        match = _CUT.fullmatch(cut)
        kind = _CUT_TYPES.get(match["type"]) if match else None
        if match is None or kind is None or match["kind"] != requirement.kind:
            msg = f"the cut {cut!r} is not known"
            raise UnsupportedSeedError(msg)
        field = _field(collection, kind.field)
        table = _cut_table(load_scales().field(collection, field), cut, match, menu)
        if match["type"] in seen and not kind.alternatives:
            msg = f"{requirement.kind} has two cuts of the type {match['type']}"
            raise UnsupportedSeedError(msg)
        tables[field] = tables[field] | table if match["type"] in seen else table
        seen.add(match["type"])
    return tuple(
        FieldCut(field, load_scales().field(collection, field).minimum, table)
        for field, table in tables.items()
    )


def _field(collection: str, field: str) -> str:
    # The Global Trigger cuts on muons extrapolated to the vertex.
    field = f"{field}_vtx" if collection == "mu" and field in {"eta", "phi"} else field
    if field not in load_scales().collection(collection).fields:
        msg = f"there is no field {field!r} of {collection!r}"
        raise UnsupportedSeedError(msg)
    return field


def _code(scale: FieldScale, value: Fraction) -> int:
    """Return the lowest code whose value is at least ``value``; a plain code is its own value."""
    return ceil(value / Fraction(scale.lsb or 1)) + scale.offset


def _empty(scale: FieldScale) -> Table:
    return np.zeros(scale.maximum - scale.minimum + 1, dtype=np.bool_)


def _at_least(scale: FieldScale, lowest: int) -> Table:
    table = _empty(scale)
    table[max(lowest - scale.minimum, 0) :] = True
    return table


def _window(scale: FieldScale, low: int, high: int) -> Table:
    if low > high:  # the way round
        return ~_window(scale, high + 1, low - 1)
    table = _empty(scale)
    table[max(low - scale.minimum, 0) : max(high - scale.minimum + 1, 0)] = True
    return table


def _codes(scale: FieldScale, codes: list[int]) -> Table:
    table = _empty(scale)
    table[np.array(codes, dtype=np.int64) - scale.minimum] = True
    return table


def _named_window(cut: str, menu: str) -> tuple[int, int] | None:
    """Return the window of a name that is no number, as the menu defines it."""
    for entry in knowledge()["windows_of_menus"]:
        if cut in entry["windows"] and fnmatchcase(menu, entry["menus"]):
            return tuple(entry["windows"][cut])
    window = knowledge()["windows"].get(cut)
    return None if window is None else tuple(window)


def _cut_table(scale: FieldScale, cut: str, match: re.Match[str], menu: str) -> Table:
    named = _named_window(cut, menu)
    if named is not None:
        return _window(scale, *named)
    read = _READ.get(match["type"])
    table = read(scale, match["value"], match["kind"]) if read else None
    if table is None:
        msg = f"the cut {cut!r} is not known"
        raise UnsupportedSeedError(msg)
    return table


def _eta(scale: FieldScale, value: str, kind: str) -> Table | None:
    window = _eta_window(scale, value, muon=kind == "MU")
    return _window(scale, *window) if window else None


def _quality(scale: FieldScale, value: str, kind: str) -> Table | None:
    if kind != "MU":
        return None
    qualities: Mapping[str, int] = knowledge()["muon_qualities"]
    if value in qualities:
        return _at_least(scale, qualities[value])
    # A number is the lowest quality, too: the tables of MU-QLTY_13 and _14 are E000 and C000.
    good = value.isdecimal() and int(value) <= scale.maximum
    return _at_least(scale, int(value)) if good else None


def _isolation(scale: FieldScale, value: str, _kind: str) -> Table | None:
    # A mask over the four codes: bit n says whether code n passes.
    if not re.fullmatch("0x[0-9A-Fa-f]", value):
        return None
    return _codes(scale, [code for code in range(4) if int(value, 16) >> code & 1])


def _unconstrained_pt(scale: FieldScale, value: str, _kind: str) -> Table | None:
    good = re.fullmatch(_NUMBER, value)
    return _at_least(scale, _code(scale, number(value))) if good else None


def _impact_parameter(scale: FieldScale, value: str, _kind: str) -> Table | None:
    good = re.fullmatch("[0-3]+", value)
    return _codes(scale, [int(digit) for digit in value]) if good else None


def _charge(scale: FieldScale, value: str, _kind: str) -> Table | None:
    return _codes(scale, [int(value == "NEG")]) if value in {"POS", "NEG"} else None


def _displaced(scale: FieldScale, value: str, _kind: str) -> Table | None:
    return _codes(scale, [1]) if value == "LLP" else None


_READ: Final[Mapping[str, Callable[[FieldScale, str, str], Table | None]]] = {
    "ETA": _eta,
    "QLTY": _quality,
    "ISO": _isolation,
    "UPT": _unconstrained_pt,
    "IP": _impact_parameter,
    "CHG": _charge,
    "DISP": _displaced,
}


def _eta_window(scale: FieldScale, value: str, *, muon: bool) -> tuple[int, int] | None:
    """Return the codes of a window that is named by numbers.

    A calorimeter code covers ``[n, n + 1)`` steps, and windows end at edges of codes, to which names
    are rounded; a muon code is centred on ``n`` steps.
    """

    def edge(text: str) -> int:
        steps = number(text) / Fraction(scale.lsb)
        return round(steps)

    beyond = 0 if muon else 1
    symmetric = _SYMMETRIC.fullmatch(value)
    if symmetric is not None:
        high = edge(symmetric["edge"]) - beyond
        return -high - beyond, high
    side = _ONE_SIDE.fullmatch(value)
    if side is None or (side["forward"] is None) == (side["outer"] is None):
        return None
    low = edge(side["inner"])
    high = edge(side["outer"] or str(knowledge()["forward_eta"])) - beyond
    return (low, high) if side["side"] == "POS" else (-high - beyond, -low - beyond)
