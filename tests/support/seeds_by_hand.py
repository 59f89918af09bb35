"""Seeds decided object by object, in plain Python, from the words of the documentation.

Only the parser is shared with what is tested. Windows and masks that the expressions of the tests
name stand here as numbers.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

from emulator.menu.syntax import Condition, Junction, Negation, Requirement

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.menu.syntax import Expression

Object = dict[str, Any]

CUTS: dict[str, Callable[[Object], bool]] = {
    "MU-QLTY_SNGL": lambda o: o["qual"] in range(12, 16),
    "MU-QLTY_DBLE": lambda o: o["qual"] in range(8, 16),
    "MU-QLTY_OPEN": lambda o: o["qual"] in range(4, 16),
    "MU-QLTY_14": lambda o: o["qual"] in (14, 15),
    "MU-UPT_10": lambda o: o["pt_unconstrained"] >= 11,
    "MU-IP_123": lambda o: o["dxy"] != 0,
    "MU-CHG_POS": lambda o: o["charge"] == 0,
    "MU-ETA_2p0": lambda o: -184 <= o["eta_vtx"] <= 184,
    "MU-ETA_BMTF_POS": lambda o: 1 <= o["eta_vtx"] <= 73,
    "MU-ETA_BMTF": lambda o: -73 <= o["eta_vtx"] <= 73,
    "MU-ETA_EMTF_POS_er2p0": lambda o: 115 <= o["eta_vtx"] <= 184,
    "MU-ETA_EMTF_NEG_er2p0": lambda o: -184 <= o["eta_vtx"] <= -115,
    "MU-PHI_TOP120": lambda o: 48 <= o["phi_vtx"] <= 239,
    "EG-ISO_0xA": lambda o: bool(o["iso"] & 1),
    "EG-ISO_0xC": lambda o: bool(o["iso"] & 2),
    "TAU-ISO_0xE": lambda o: o["iso"] != 0,
    "EG-ETA_2p52": lambda o: -58 <= o["eta"] <= 57,
    "EG-ETA_1p52_HASHFIX": lambda o: -35 <= o["eta"] <= 34,
    "JET-ETA_2p52": lambda o: -58 <= o["eta"] <= 57,
    "JET-ETA_FWD_2p52_POS": lambda o: 58 <= o["eta"] <= 114,
    "JET-ETA_FWD_2p52_NEG": lambda o: -115 <= o["eta"] <= -59,
    "JET-ETA_1p392_2p958_NEG": lambda o: -68 <= o["eta"] <= -33,
    "TAU-ETA_2p13": lambda o: -49 <= o["eta"] <= 48,
}

#: Cuts of one object that are alternatives of each other.
ALTERNATIVES = ("ETA", "PHI", "INDEX")

#: Lowest and highest value of pair cuts; dR by its square, as menus are compiled.
PAIRS: dict[str, tuple[str, float, float]] = {
    "DETA_MAX_1p5": ("deta", 0, 1500),
    "DPHI_0p8to1p2": ("dphi", 800, 1200),
    "DPHI_DPHI_MIN2p094_MAX3p142": ("dphi", 2094, 3142),
    "DPHI_dPhi2p0": ("dphi", 2000, math.inf),
    "DR_MAX_0p8": ("dr", 0, 641_000),
    "DR_1p4": ("dr", 0, 1_961_000),
    "DR_MIN_0p3": ("dr", 90_000, math.inf),
    "ORMDR_0p5": ("dr", 0, 250_000),
    "ORMDR_0p2": ("dr", 0, 41_000),
    "MASS_MIN_1": ("mass", 1, math.inf),
    "MASSUPT_MIN_100": ("mass_upt", 100, math.inf),
    "MASS_MASS_7to18": ("mass", 7, 18),
    "MASS_MAX_80": ("mass", 0, 80),
    "MASS_MIN_40": ("mass", 40, math.inf),
}


def rounded(value: float) -> int:
    """Nearest integer, halves away from zero."""
    return math.floor(value + 0.5 + 1e-9) if value >= 0 else -math.floor(-value + 0.5 + 1e-9)


def passes(o: Object, leg: Requirement) -> bool:
    """Whether an object passes a leg's threshold and cuts."""
    assert leg.threshold is not None
    lowest = 2 * leg.threshold + (1 if leg.kind == "MU" else 0)
    if o["pt"] < lowest:
        return False
    groups: dict[str, list[bool]] = {}
    for cut in leg.cuts:
        kind = cut.split("-")[1].split("_")[0]
        groups.setdefault(kind, []).append(CUTS[cut](o))
    return all(any(each) if kind in ALTERNATIVES else all(each) for kind, each in groups.items())


#: Kinds that are no objects: collection and field of a count, in the unit of the threshold.
COUNTS = {
    "MBT0HFP": ("ett", "min_bias", 1),
    "MBT1HFM": ("htm", "min_bias", 1),
    "ETTEM": ("ett", "ettem", 2),
    "TOWERCOUNT": ("htt", "towers", 1),
    "ASYMET": ("etm", "asymmetry", 1),
    "ASYMHTHF": ("htmhf", "asymmetry", 1),
}


def counts(event: Any, leg: Requirement) -> bool:
    """Whether a count of an event reaches a threshold, or a flag is set."""
    assert leg.threshold is not None
    if leg.kind == "MUS":
        return bool(event[f"mus{leg.threshold}"])
    if leg.kind == "CENT":
        name = "etmhf" if leg.threshold < 4 else "htmhf"
        return any(o["centrality"] >> int(leg.threshold) % 4 & 1 for o in event[name])
    collection, field, unit = COUNTS[leg.kind]
    return any(o[field] >= unit * leg.threshold for o in event[collection])


def objects(event: Any, leg: Requirement) -> list[tuple[int, Object]]:
    """The objects of an event that pass a leg, with their places."""
    collection = leg.kind.lower()
    return [(place, o) for place, o in enumerate(event[collection]) if passes(o, leg)]


def angles(o: Object, kind: str, *, fine: bool) -> tuple[int, int]:
    """Codes of eta and phi; fine ones are those of muons."""
    if kind == "MU":
        return o["eta_vtx"], o["phi_vtx"]
    eta, phi = o.get("eta", 0), o["phi"]
    return (4 * eta + 2, 4 * phi + 2) if fine else (eta, phi)


def quantity(name: str, legs: tuple[str, str], pair: tuple[Object, Object], *, flat: bool) -> int:
    """deta, dphi, dR**2 or half the squared mass, in the integers of the trigger."""
    fine = "MU" in legs
    (eta_1, phi_1), (eta_2, phi_2) = (
        angles(o, kind, fine=fine) for o, kind in zip(pair, legs, strict=True)
    )
    eta_step = 0.087 / 8 if fine else 0.087 / 2
    turn = 576 if fine else 144
    deta = abs(eta_1 - eta_2) * eta_step
    dphi = abs(phi_1 - phi_2)
    dphi_rad = min(dphi, turn - dphi) * 2 * math.pi / turn
    if name == "deta":
        return rounded(1000 * deta)
    if name == "dphi":
        return rounded(1000 * dphi_rad)
    if name == "dr":
        return rounded(1000 * deta) ** 2 + rounded(1000 * dphi_rad) ** 2
    unit = 10**4 if fine else 10**3
    pts = [
        5 * (o["pt"] - (1 if kind == "MU" else 0)) + 3 for o, kind in zip(pair, legs, strict=True)
    ]
    if name == "mass_upt":  # in steps of 1 GeV; code 0 is no momentum at all
        pts = [10 * o["pt_unconstrained"] - 5 if o["pt_unconstrained"] else 0 for o in pair]
    cosh = unit if flat else rounded(unit * math.cosh(deta))
    mass: int = pts[0] * pts[1] * (cosh - rounded(unit * math.cos(dphi_rad)))
    return mass


def pair_keeps(
    cuts: tuple[str, ...], legs: tuple[str, str], pair: tuple[Object, Object], *, flat: bool = False
) -> bool:
    """Whether a pair keeps all cuts."""
    for cut in cuts:
        if cut.startswith("CHGCOR"):
            if (pair[0]["charge"] == pair[1]["charge"]) != (cut == "CHGCOR_SS"):
                return False
            continue
        name, low, high = PAIRS[cut]
        value: float = quantity(name, legs, pair, flat=flat)
        if name.startswith("mass"):
            unit = 100 * (10**4 if "MU" in legs else 10**3)
            low, high = low**2 / 2 * unit, high**2 / 2 * unit
        if not low <= value <= high:
            return False
    return True


def charges_keep(cuts: tuple[str, ...], chosen: list[Object]) -> bool:
    """Whether the charges of two to four muons are related as a cut says."""
    negative = sum(o.get("charge", 0) for o in chosen)
    for cut in cuts:
        if cut == "CHGCOR_SS" and negative not in {0, len(chosen)}:
            return False
        if cut == "CHGCOR_OS" and (
            negative in {0, len(chosen)} or (len(chosen) == 4 and negative != 2)
        ):
            return False
    return True


def combination(legs: list[list[tuple[int, Object]]], cuts: tuple[str, ...]) -> bool:
    """Whether distinct objects can be chosen for all legs."""
    for chosen in product(*legs):
        distinct = len({place for place, _ in chosen}) == len(chosen)
        if distinct and charges_keep(cuts, [o for _, o in chosen]):
            return True
    return False


def any_pair(
    legs: tuple[Requirement, ...],
    found: list[list[tuple[int, Object]]],
    cuts: tuple[str, ...],
    *,
    flat: bool = False,
) -> bool:
    """Whether any pair keeps the cuts."""
    kinds = (legs[0].kind, legs[1].kind)
    for (i, first), (j, second) in product(*found):
        if kinds[0] == kinds[1] and i == j:
            continue
        if pair_keeps(cuts, kinds, (first, second), flat=flat):
            return True
    return False


def triple(found: list[list[tuple[int, Object]]], cuts: tuple[str, ...]) -> bool:
    """Whether three muons have their mass in range."""
    (mass,) = [PAIRS[cut] for cut in cuts if cut.startswith("MASS")]
    low, high = (edge**2 / 2 * 10**6 for edge in mass[1:])
    for chosen in product(*found):
        if len({place for place, _ in chosen}) < 3:
            continue
        muons = [o for _, o in chosen]
        total = sum(
            quantity("mass", ("MU", "MU"), pair, flat=False)
            for pair in ((muons[0], muons[1]), (muons[0], muons[2]), (muons[1], muons[2]))
        )
        if low <= total <= high and charges_keep(cuts, muons):
            return True
    return False


def condition(event: Any, node: Condition) -> bool:
    """Decide a function of several objects."""
    overlap = tuple(cut for cut in node.cuts if cut.startswith("ORM"))
    cuts = tuple(cut for cut in node.cuts if not cut.startswith("ORM"))
    found = [objects(event, leg) for leg in node.legs]
    if node.function.endswith("_orm"):
        *legs, reference = node.legs
        for _, other in found[-1]:
            apart = [
                [
                    (place, o)
                    for place, o in each
                    if not pair_keeps(overlap, (leg.kind, reference.kind), (o, other))
                ]
                for leg, each in zip(legs, found, strict=False)
            ]
            if node.function == "comb_orm":
                if combination(apart, cuts):
                    return True
            elif any_pair(tuple(legs), apart, cuts):
                return True
        return False
    if node.function == "comb":
        return combination(found, cuts)
    if node.function == "mass_inv_3":
        return triple(found, cuts)
    return any_pair(node.legs, found, cuts, flat=node.function == "mass_trv")


def decide(event: Any, node: Expression) -> bool:
    """Decide an expression for one event (plain Python values)."""
    if isinstance(node, Requirement) and (node.kind in {"MUS", "CENT"} or node.kind in COUNTS):
        return counts(event, node)
    if isinstance(node, Requirement):
        return bool(objects(event, node))
    if isinstance(node, Negation):
        return not decide(event, node.operand)
    if isinstance(node, Condition):
        return condition(event, node)
    assert isinstance(node, Junction)
    parts = [decide(event, operand) for operand in node.operands]
    return {"AND": all(parts), "OR": any(parts), "XOR": sum(parts) % 2 == 1}[node.operator]
