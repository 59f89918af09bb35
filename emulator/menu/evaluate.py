"""Decisions of seeds on events, in hardware integers."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, TypeVar

import awkward as ak
import numpy as np

from emulator.menu.correlations import CorrelationCuts, correlation_cuts, integer_limits
from emulator.menu.cuts import AbsentInputError, UnsupportedSeedError, collection_of, field_cuts
from emulator.menu.kernels import (
    Leg,
    Metric,
    any_pair,
    any_triple,
    apart_from,
    distinct_objects,
    distinct_with_charges,
    every_object,
    keep_passing,
)
from emulator.menu.syntax import Condition, Junction, Negation, Requirement
from emulator.menu.tables import PairTables, pair_tables, pt_table
from emulator.objects import SHOWERS, SUMS, displaced_of, field_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.menu.syntax import Expression

    Integers = NDArray[np.int64]
    Masks = NDArray[np.uint16]
    Decisions = NDArray[np.bool_]
    Codes = NDArray[np.int16]
    Rows = TypeVar("Rows", Masks, Decisions)

#: How menus name flags of muon showers, and the bits of the centrality.
SHOWER: Final = "MUS"
_CENTRALITY: Final = "CENT"
#: Collection of each four bits of the centrality, the lowest first.
_CENTRALITY_WORDS: Final = ("etmhf", "htmhf")

_JOIN: Final[Mapping[str, Callable[[Decisions, Decisions], Decisions]]] = {
    "AND": np.logical_and,
    "OR": np.logical_or,
    "XOR": np.logical_xor,
}
_NO_CHARGE: Final = np.zeros(0, dtype=np.int16)


class SeedEvaluator:
    """Evaluates expressions on one events array; what seeds share is computed once.

    Parameters
    ----------
    events
        An events array.
    consecutive
        Whether its rows are consecutive crossings, as in a test vector of the Global Trigger. Only
        then can seeds look at neighbouring crossings; beyond the ends there are no objects.
    menu
        Name of the menu whose seeds they are: some define a window otherwise (`field_cuts`).
    """

    def __init__(self, events: ak.Array, *, consecutive: bool = False, menu: str = "") -> None:
        self._events = events
        self._menu = menu
        self._consecutive = consecutive
        self._masks: dict[Requirement, Masks] = {}
        self._codes: dict[tuple[str, bool, str], tuple[Integers, Integers, Integers, Integers]] = {}
        self._results: dict[Expression, Decisions] = {}

    def decide(self, expression: Expression) -> Decisions:
        """Return for each row whether the expression holds.

        Raises
        ------
        UnsupportedSeedError
            If it uses what is not modelled, or (`AbsentInputError`) what the events do not hold.
        """
        if expression not in self._results:
            self._results[expression] = self._decide(expression)
        return self._results[expression]

    def _decide(self, expression: Expression) -> Decisions:
        if isinstance(expression, Requirement):
            if expression.kind == SHOWER:
                return self._shower(expression)
            if expression.kind == _CENTRALITY:
                return self._centrality(expression)
            return np.not_equal(self._shifted(expression), 0)
        if isinstance(expression, Negation):
            return np.logical_not(self.decide(expression.operand))
        if isinstance(expression, Junction):
            parts = [self.decide(operand) for operand in expression.operands]
            return reduce(_JOIN[expression.operator], parts)
        if isinstance(expression, Condition):
            return self._condition(expression)
        msg = f"the external signal {expression.name} is not in the events"
        raise AbsentInputError(msg)

    def _condition(self, condition: Condition) -> Decisions:
        cuts = correlation_cuts(condition.cuts)
        for leg in condition.legs:
            collection_of(leg.kind)
        known = {
            "comb": self._combination,
            "comb_orm": self._combination,
            "dist": self._pair,
            "dist_orm": self._pair,
            "mass_inv": self._pair,
            "mass_inv_orm": self._pair,
            "mass_inv_upt": self._pair,
            "mass_trv": self._pair,
            "mass_inv_3": self._triple,
        }
        unconstrained = any(cut.startswith("MASSUPT_") for cut in condition.cuts)
        if unconstrained != (condition.function == "mass_inv_upt"):
            msg = "mass_inv_upt and a cut MASSUPT go together"
            raise UnsupportedSeedError(msg)
        if condition.function not in known:
            msg = f"the function {condition.function!r} is not known"
            raise UnsupportedSeedError(msg)
        if condition.function.endswith("_orm"):
            return self._without_overlap(condition, cuts)
        if cuts.overlap:
            msg = f"{condition.function} has no overlap to remove"
            raise UnsupportedSeedError(msg)
        masks = [self._mask(leg) for leg in condition.legs]
        return known[condition.function](condition.function, condition.legs, masks, cuts)

    # One object

    def _shower(self, requirement: Requirement) -> Decisions:
        """Return a flag of muon showers, whose number is written as a threshold."""
        name = f"mus{requirement.threshold}"
        if requirement.cuts or requirement.bx or name not in SHOWERS:
            msg = f"the muon shower {requirement.kind}{requirement.threshold} is not known"
            raise UnsupportedSeedError(msg)
        if name not in self._events.fields:
            msg = f"the flag {name} of muon showers is not in the events"
            raise AbsentInputError(msg)
        flags: Decisions = ak.to_numpy(self._events[name]) != 0
        return flags

    def _centrality(self, requirement: Requirement) -> Decisions:
        """Return a bit of the centrality, whose number is written as a threshold."""
        bits = range(4 * len(_CENTRALITY_WORDS))
        if requirement.cuts or requirement.bx or requirement.threshold not in bits:
            msg = f"the centrality {requirement.kind}{requirement.threshold} is not known"
            raise UnsupportedSeedError(msg)
        word, bit = divmod(int(requirement.threshold or 0), 4)
        offsets, codes = self._column(_CENTRALITY_WORDS[word], "centrality")
        masks = every_object(offsets)
        keep_passing(masks, offsets, codes, 0, (np.arange(16) >> bit & 1).astype(np.bool_))
        return np.not_equal(masks, 0)

    def _mask(self, requirement: Requirement) -> Masks:
        if requirement not in self._masks:
            at_zero = Requirement(requirement.kind, requirement.threshold, 0, requirement.cuts)
            if at_zero not in self._masks:
                self._masks[at_zero] = self._computed_mask(at_zero)
            self._masks[requirement] = self._masks[at_zero]
        return self._masks[requirement]

    def _computed_mask(self, requirement: Requirement) -> Masks:
        collection = collection_of(requirement.kind)
        cuts = field_cuts(requirement, self._menu)
        masks = every_object(self._column(collection, "pt")[0])
        for cut in cuts:
            keep_passing(masks, *self._column(collection, cut.field), cut.lowest, cut.table)
        return masks

    def _column(self, collection: str, name: str) -> tuple[NDArray[np.int64], Codes]:
        fields = self._events[collection].fields
        if name == "displaced" and name not in fields and "qual" in fields:
            offsets, quality = field_columns(self._events, collection, "qual")
            return offsets, displaced_of(quality).astype(np.int16)
        if name not in fields:
            msg = f"{collection}.{name} is not in the events"
            raise AbsentInputError(msg)
        offsets, codes = field_columns(self._events, collection, name)
        if name == "index" and len(codes) and not codes.any():
            # Real muons come from all track finders: some simulations do not fill the field.
            msg = f"{collection}.{name} is 0 for every object, so it is not filled"
            raise AbsentInputError(msg)
        return offsets, codes

    def _shifted(self, requirement: Requirement) -> Masks:
        """Return the masks of a requirement's own crossing, row by row."""
        return _moved(self._mask(requirement), self._crossing(requirement))

    def _crossing(self, requirement: Requirement) -> int:
        if requirement.bx and not self._consecutive:
            msg = "it looks at neighbouring crossings, and the events are not consecutive"
            raise AbsentInputError(msg)
        return requirement.bx

    # Several objects

    def _combination(
        self,
        function: str,
        legs: Sequence[Requirement],
        masks: Sequence[Masks],
        cuts: CorrelationCuts,
    ) -> Decisions:
        if cuts.ranges:
            msg = f"{function} with a cut on {', '.join(cuts.ranges)} is not known"
            raise UnsupportedSeedError(msg)
        if len({(leg.kind, leg.bx) for leg in legs}) > 1:
            msg = f"{function} of several kinds of objects or crossings is not known"
            raise UnsupportedSeedError(msg)
        bx = self._crossing(legs[0])
        stacked = np.stack(masks)
        if not cuts.sign:
            return _moved(distinct_objects(stacked), bx)
        offsets, charge, valid = self._charges(legs)
        return _moved(distinct_with_charges(stacked & valid, offsets, charge, cuts.sign), bx)

    def _charges(self, legs: Sequence[Requirement]) -> tuple[NDArray[np.int64], Codes, Masks]:
        """Return the charges of the legs' muons, and masks of those whose charge is valid."""
        if {leg.kind for leg in legs} != {"MU"}:
            msg = "only muons have a charge"
            raise UnsupportedSeedError(msg)
        offsets, charge = self._column("mu", "charge")
        valid = every_object(offsets)
        if "charge_valid" in self._events["mu"].fields:
            keep_passing(valid, *self._column("mu", "charge_valid"), 0, np.array([False, True]))
        return offsets, charge, valid

    def _leg(
        self, requirement: Requirement, masks: Masks, *, finer: bool, pt_field: str = "pt"
    ) -> Leg:
        """Return an object's codes, in a muon's steps where it meets one."""
        collection = collection_of(requirement.kind)
        key = (collection, finer, pt_field)
        if key not in self._codes:
            self._codes[key] = self._computed_codes(collection, finer=finer, pt_field=pt_field)
        return Leg(masks, *self._codes[key], self._crossing(requirement))

    def _computed_codes(
        self, collection: str, *, finer: bool, pt_field: str
    ) -> tuple[Integers, Integers, Integers, Integers]:
        """Return offsets, eta, phi and pt as legs of conditions hold them."""
        at_vertex = "_vtx" if collection == "mu" else ""
        offsets, pt = self._column(collection, pt_field)
        eta = np.zeros(len(pt), dtype=np.int64)
        if collection not in SUMS:
            eta = self._column(collection, f"eta{at_vertex}")[1].astype(np.int64)
        phi = self._column(collection, f"phi{at_vertex}")[1].astype(np.int64)
        if finer:
            eta, phi = 4 * eta + FINE_ETA, 4 * phi + FINE_PHI
        return offsets, eta, phi, pt_table(collection, pt_field)[pt]

    def _pair(
        self,
        function: str,
        legs: Sequence[Requirement],
        masks: Sequence[Masks],
        cuts: CorrelationCuts,
    ) -> Decisions:
        if len(legs) != 2:
            msg = f"{function} of {len(legs)} objects is not known"
            raise UnsupportedSeedError(msg)
        sums = [leg.kind for leg in legs if collection_of(leg.kind) in SUMS]
        if sums and set(cuts.ranges) - {"DPHI"} and function != "mass_trv":
            msg = f"{sums[0]} has no eta, so only DPHI and transverse masses can be cut on"
            raise UnsupportedSeedError(msg)
        tables = pair_tables(*(collection_of(leg.kind) for leg in legs))
        pt_field = "pt_unconstrained" if function == "mass_inv_upt" else "pt"
        first, second = (
            self._leg(leg, mask, finer=finer, pt_field=pt_field)
            for leg, mask, finer in zip(legs, masks, tables.finer, strict=True)
        )
        charge = _NO_CHARGE
        if cuts.sign:
            _, charge, valid = self._charges(legs)
            first, second = (leg._replace(masks=leg.masks & valid) for leg in (first, second))
        return any_pair(
            first,
            second,
            charge,
            _metric(tables),
            integer_limits(cuts.ranges, tables.math_digits),
            int(function == "mass_trv"),
            cuts.sign,
            _sameness(*legs),
        )

    def _triple(
        self,
        function: str,
        legs: Sequence[Requirement],
        masks: Sequence[Masks],
        cuts: CorrelationCuts,
    ) -> Decisions:
        if len(legs) != 3 or len({leg.kind for leg in legs}) > 1 or any(leg.bx for leg in legs):
            msg = f"{function} is only known for three objects of one kind in one crossing"
            raise UnsupportedSeedError(msg)
        if set(cuts.ranges) != {"MASS"}:
            msg = f"{function} needs a cut on MASS and no other"
            raise UnsupportedSeedError(msg)
        collection = collection_of(legs[0].kind)
        tables = pair_tables(collection, collection)
        charge = _NO_CHARGE
        if cuts.sign:
            _, charge, valid = self._charges(legs)
            masks = [mask & valid for mask in masks]
        triple = tuple(
            self._leg(leg, mask, finer=False) for leg, mask in zip(legs, masks, strict=True)
        )
        limits = integer_limits(cuts.ranges, tables.math_digits)
        return any_triple(triple, charge, _metric(tables), limits, cuts.sign)

    def _without_overlap(self, condition: Condition, cuts: CorrelationCuts) -> Decisions:
        """Evaluate a condition on objects that do not overlap with one reference object, the last leg."""
        *legs, reference = condition.legs
        if not legs or not cuts.overlap:
            msg = f"{condition.function} says no overlap that is known"
            raise UnsupportedSeedError(msg)
        if any(leg.bx for leg in condition.legs):
            msg = f"{condition.function} with other crossings is not known"
            raise UnsupportedSeedError(msg)
        inner = self._combination if condition.function == "comb_orm" else self._pair
        result = np.zeros(len(self._events), dtype=np.bool_)
        reference_mask = self._mask(reference)
        for which in range(int(reference_mask.max(initial=0)).bit_length()):
            masks = []
            for leg in legs:
                tables = pair_tables(collection_of(leg.kind), collection_of(reference.kind))
                masks.append(
                    apart_from(
                        self._leg(leg, self._mask(leg), finer=tables.finer[0]),
                        self._leg(reference, reference_mask, finer=tables.finer[1]),
                        which,
                        _metric(tables),
                        integer_limits(cuts.overlap, tables.math_digits),
                    )
                )
            result |= inner(condition.function, legs, masks, cuts)
        return result


#: Codes of the calorimeter become codes of muons at the middle of their range.
FINE_ETA: Final = 2
FINE_PHI: Final = 2


def _moved(rows: Rows, bx: int) -> Rows:
    """Return what stands ``bx`` rows further on; nothing beyond the ends."""
    if bx == 0:
        return rows
    moved = np.zeros_like(rows)
    if bx > 0:
        moved[:-bx] = rows[bx:]
    else:
        moved[-bx:] = rows[:bx]
    return moved


def _sameness(first: Requirement, second: Requirement) -> int:
    """Return how much two legs share; see `any_pair`."""
    if (first.kind, first.bx) != (second.kind, second.bx):
        return 0
    alike = (first.threshold, set(first.cuts)) == (second.threshold, set(second.cuts))
    return 2 if alike else 1


def _metric(tables: PairTables) -> Metric:
    return Metric(tables.deta, tables.dphi, tables.cosh, tables.cos, tables.half_turn)
