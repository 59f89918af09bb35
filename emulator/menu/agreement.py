"""How our decisions of seeds agree with those that were published, seed by seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from emulator.errors import L1Error
from emulator.menu.cuts import AbsentInputError
from emulator.menu.evaluate import SHOWER, SeedEvaluator
from emulator.menu.syntax import Condition, External, Junction, Negation, Requirement
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    import awkward as ak
    import numpy as np
    from numpy.typing import NDArray

    from emulator.menu.menu import Menu, Seed
    from emulator.menu.syntax import Expression

#: ``agrees``: it fired and every decision is the same. ``not tested``: the same, but it never fired.
#: ``not in the file``: the file lacks an input, or the decision. ``unsupported``: it is not modelled.
Status = Literal["agrees", "disagrees", "not tested", "not in the file", "unsupported"]

#: What a seed is about: networks and external signals are no seeds of objects.
Kind = Literal["objects", "network", "external"]

_NETWORKS = {"AXO", "ADT", "CICADA", "TOPO"}


@dataclass(frozen=True, slots=True)
class SeedAgreement(Record):
    """One seed.

    Attributes
    ----------
    bit, name, kind
        The seed.
    status
        See `Status`.
    n_crossings
        Crossings on which it was compared.
    fires
        Crossings on which the published decision fires.
    extra, missing
        Crossings on which only ours fires, and only theirs.
    reason
        Why it could not be evaluated, on some files at least; empty if it could.
    """

    bit: int
    name: str
    kind: Kind
    status: Status
    n_crossings: int
    fires: int
    extra: int
    missing: int
    reason: str


@dataclass
class _Tally:
    n_crossings: int = 0
    fires: int = 0
    extra: int = 0
    missing: int = 0
    reasons: list[str] = field(default_factory=list)
    modelled: bool = True


class MenuAgreement:
    """Compares a menu's seeds with published decisions, events array by events array.

    Examples
    --------
    >>> import numpy as np
    >>> from emulator.menu.menu import Menu, Seed
    >>> from emulator.objects import empty_events
    >>> agreement = MenuAgreement(Menu("m", (Seed(3, "L1_SingleEG8", "EG8"),)))
    >>> agreement.add(empty_events(), {3: np.zeros(0, dtype=bool)})
    >>> [(record.name, record.status) for record in agreement.records()]
    [('L1_SingleEG8', 'not tested')]
    """

    def __init__(self, menu: Menu) -> None:
        self.menu = menu
        self._tallies = {seed.bit: _Tally() for seed in menu.seeds}

    def add(
        self,
        events: ak.Array,
        published: dict[int, NDArray[np.bool_]],
        *,
        consecutive: bool = False,
    ) -> None:
        """Compare all seeds on more crossings.

        Parameters
        ----------
        events
            An events array.
        published
            Decisions by algorithm bit, each of shape (n_rows,).
        consecutive
            Whether the rows are consecutive crossings; see `SeedEvaluator`.
        """
        evaluator = SeedEvaluator(events, consecutive=consecutive, menu=self.menu.name)
        for seed in self.menu.seeds:
            tally = self._tallies[seed.bit]
            if seed.bit not in published:
                _note(tally, "the files hold no decision of it")
                continue
            try:
                ours = evaluator.decide(seed.parsed())
            except L1Error as error:
                _note(tally, str(error))
                tally.modelled &= isinstance(error, AbsentInputError)
                continue
            theirs = published[seed.bit]
            tally.n_crossings += len(theirs)
            tally.fires += int(theirs.sum())
            tally.extra += int((ours & ~theirs).sum())
            tally.missing += int((theirs & ~ours).sum())

    def records(self) -> tuple[SeedAgreement, ...]:
        """Return one record for each seed, in the order of the bits."""
        return tuple(_record(seed, self._tallies[seed.bit]) for seed in self.menu.seeds)


def _note(tally: _Tally, reason: str) -> None:
    if reason not in tally.reasons:
        tally.reasons.append(reason)


def _record(seed: Seed, tally: _Tally) -> SeedAgreement:
    if _is_flag(seed) and tally.extra and not tally.fires:
        # The decision would be the flag itself: one that never follows it was made of other flags.
        _note(
            tally,
            f"the file sets this flag in {tally.extra} crossings, its decision in none: the "
            "decisions were made without muon showers",
        )
        tally = _Tally(reasons=tally.reasons)
    return SeedAgreement(
        bit=seed.bit,
        name=seed.name,
        kind=_kind(seed),
        status=_status(tally),
        n_crossings=tally.n_crossings,
        fires=tally.fires,
        extra=tally.extra,
        missing=tally.missing,
        reason="; ".join(tally.reasons),
    )


def _status(tally: _Tally) -> Status:
    if tally.extra or tally.missing:
        return "disagrees"
    if tally.fires:
        return "agrees"
    if tally.n_crossings or not tally.reasons:
        return "not tested"
    return "not in the file" if tally.modelled else "unsupported"


def _is_flag(seed: Seed) -> bool:
    """Tell whether a seed is nothing but a flag of muon showers."""
    try:
        expression = seed.parsed()
    except L1Error:
        return False
    return isinstance(expression, Requirement) and expression.kind == SHOWER


def _kind(seed: Seed) -> Kind:
    try:
        parts = list(_leaves(seed.parsed()))
    except L1Error:
        return "objects"
    if any(isinstance(part, External) for part in parts):
        return "external"
    networks = any(isinstance(part, Requirement) and part.kind in _NETWORKS for part in parts)
    return "network" if networks else "objects"


def _leaves(expression: Expression) -> Iterator[Requirement | External]:
    if isinstance(expression, Requirement | External):
        yield expression
    elif isinstance(expression, Negation):
        yield from _leaves(expression.operand)
    elif isinstance(expression, Junction):
        for operand in expression.operands:
            yield from _leaves(operand)
    elif isinstance(expression, Condition):
        yield from expression.legs


@dataclass(frozen=True, slots=True)
class AgreementSummary(Record):
    """How many seeds of objects (no networks, no external signals) there are of each status."""

    n_seeds: int
    agrees: int
    not_tested: int
    disagrees: int
    not_in_the_file: int
    unsupported: int

    @property
    def fraction_without_mismatch(self) -> float:
        """Part of the seeds that are evaluated and differ nowhere."""
        return (self.agrees + self.not_tested) / self.n_seeds if self.n_seeds else 0.0

    @property
    def fraction_of_those_in_the_file(self) -> float:
        """The same part of the seeds whose inputs and decisions the files hold."""
        there = self.n_seeds - self.not_in_the_file
        return (self.agrees + self.not_tested) / there if there else 0.0


def summarize(records: tuple[SeedAgreement, ...]) -> AgreementSummary:
    """Count the seeds of objects by their status."""
    statuses = [record.status for record in records if record.kind == "objects"]
    return AgreementSummary(
        len(statuses),
        statuses.count("agrees"),
        statuses.count("not tested"),
        statuses.count("disagrees"),
        statuses.count("not in the file"),
        statuses.count("unsupported"),
    )
