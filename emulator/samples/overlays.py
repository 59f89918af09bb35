r"""What crossings are overlaid from: the pool events of each class, split by their hardest muon.

Scores that react to muons live in soft classes, where a muon is rare. So the events of a soft
process are split by the *hardest found* muon candidate: an event with candidates of falling pT and
probabilities :math:`p_1, p_2, ...` to be realised and found by the trigger belongs to the muon class with candidate :math:`i` leading
with probability :math:`p_i (1-p_1)...(1-p_{i-1})`, and to no muon class with the product of all
:math:`1-p`. In the muon class candidate :math:`i` is forced, harder ones are vetoed, and softer ones
of the same event stay free, else muon pairs of one event would be lost.

Each leading candidate makes two entries, one that will be measured well and one badly: badly
measured soft muons are rare and yet a good part of what fires. Leading entries are drawn from a
mixture of the natural distribution and one that rises with pT, and the crossing's weight takes it
back; the natural part of the mixture keeps weights bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.errors import SettingsError
from emulator.jit import kernel
from emulator.samples.muons import BADLY, FREE, WELL, found_probability
from emulator.samples.pools import join_deposits
from emulator.samples.settings import MUON_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.samples.deposit import Deposits
    from emulator.samples.detector import MuonResponse
    from emulator.samples.pools import Pool
    from emulator.samples.settings import StrataSettings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """What a class of interactions is drawn from.

    Attributes
    ----------
    first
        Number of the first entry of the class in the overlays.
    natural, proposed
        Probabilities of the entries, float64, ``(n,)``, each with sum 1: as they are in nature, and
        as they are drawn for the leading interaction.
    """

    first: int
    natural: FloatArray
    proposed: FloatArray

    def draw(
        self, rng: np.random.Generator, n: int, *, leading: bool
    ) -> tuple[IntArray, FloatArray]:
        """Draw ``n`` entries; return their numbers and their weights (1 unless leading)."""
        table = np.cumsum(self.proposed if leading else self.natural)
        index = np.searchsorted(table, rng.random(n) * table[-1], side="right")
        # A product that rounds up to the last sum would point behind the table.
        index = np.minimum(index, len(table) - 1)
        weight = self.natural[index] / self.proposed[index] if leading else np.ones(n)
        return self.first + index, weight


@dataclass(frozen=True, slots=True, eq=False)
class Overlays:
    """Entries that can be overlaid: pool events with a list of muon candidates each.

    Several entries may share the towers of one event, with different candidates forced.

    Attributes
    ----------
    deposits
        Towers of all pool events.
    event
        Pool event of each entry, int64, ``(n_entries,)``.
    event_id
        Id of each pool event, uint64, ``(n_events,)``.
    hardest_tower_gev
        Largest transverse energy in one tower of each pool event, float32, ``(n_events,)``.
    candidate_offsets, candidates
        Muon candidates of each entry: int64 ``(n_entries + 1,)`` and float32 ``(n, 6)``, the
        columns of a pool, with the probability to be found, and `FREE`, `WELL` or `BADLY` for how
        a candidate is measured.
    classes
        The entries of each class of interactions.
    muon_fraction
        Fraction of the events of a process that have a muon of the stratum, for split processes.
    """

    deposits: Deposits
    event: IntArray
    event_id: NDArray[np.uint64]
    hardest_tower_gev: NDArray[np.float32]
    candidate_offsets: IntArray
    candidates: NDArray[np.float32]
    classes: Mapping[str, Entries]
    muon_fraction: Mapping[str, float]


def build_overlays(
    pools: Mapping[str, Pool],
    strata: StrataSettings,
    muons: MuonResponse,
    signal: Pool | None = None,
) -> Overlays:
    """Build the entries of all classes from the pools of one split.

    Parameters
    ----------
    pools
        A pool for every process of the strata.
    strata
        Classes, and the processes whose muon candidates are forced.
    muons
        Efficiency of the trigger, and fraction of badly measured muons.
    signal
        Pool of a signal; its entries become the class named by its process.

    Raises
    ------
    SettingsError
        If a pool has no muon candidate that could be forced.
    """
    names = [*strata.processes()]
    used = [pools[name] for name in names] + ([signal] if signal is not None else [])
    event: list[IntArray] = []
    counts: list[IntArray] = []
    candidates: list[NDArray[np.float32]] = []
    classes: dict[str, Entries] = {}
    fractions: dict[str, float] = {}
    first_event = first_entry = 0

    def add(name: str, part: _Part) -> None:
        nonlocal first_entry
        event.append(first_event + part.event)
        counts.append(part.counts)
        candidates.append(part.candidates)
        classes[name] = Entries(first_entry, part.natural, part.proposed)
        first_entry += len(part.event)

    for pool in used:
        if pool.process in strata.forced_muons:
            without, forced, fractions[pool.process] = _split_by_muon(pool, strata, muons)
            add(pool.process, without)
            add(pool.process + MUON_SUFFIX, forced)
        else:
            add(pool.process, _whole(pool, muons))
        first_event += pool.n_events
    deposits = join_deposits([pool.deposits for pool in used])
    return Overlays(
        deposits=deposits,
        event=np.concatenate(event),
        event_id=np.concatenate([pool.event_id for pool in used]),
        hardest_tower_gev=_hardest_towers(deposits),
        candidate_offsets=np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64),
        candidates=np.concatenate(candidates),
        classes=classes,
        muon_fraction=fractions,
    )


def _hardest_towers(deposits: Deposits) -> NDArray[np.float32]:
    n_events = len(deposits.tower_offsets) - 1
    event = np.repeat(np.arange(n_events), np.diff(deposits.tower_offsets))
    hardest = np.zeros(n_events, np.float32)
    np.maximum.at(hardest, event, deposits.em_gev + deposits.had_gev)
    return hardest


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Entries of one class: pool event, number of candidates, candidates, probabilities."""

    event: IntArray
    counts: IntArray
    candidates: NDArray[np.float32]
    natural: FloatArray
    proposed: FloatArray


def _candidates(pool: Pool, muons: MuonResponse) -> tuple[IntArray, NDArray[np.float32]]:
    """Offsets and candidates that can be found, in falling pT, with the probability to be found."""
    deposits = pool.deposits
    owner = np.repeat(np.arange(pool.n_events), np.diff(deposits.candidate_offsets))
    probability = found_probability(deposits.candidates, muons)
    free = np.full(len(probability), FREE, np.float32)
    candidates = np.column_stack([deposits.candidates[:, :4], probability, free])
    order = np.lexsort((-candidates[:, 0], owner))
    order = order[probability[order] > 0.0]
    counts = np.bincount(owner[order], minlength=pool.n_events)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), candidates[order]


def _whole(pool: Pool, muons: MuonResponse) -> _Part:
    """All events, all candidates free."""
    equal = np.full(pool.n_events, 1.0 / pool.n_events)
    offsets, candidates = _candidates(pool, muons)
    return _Part(np.arange(pool.n_events), np.diff(offsets), candidates, equal, equal)


def _split_by_muon(
    pool: Pool, strata: StrataSettings, muons: MuonResponse
) -> tuple[_Part, _Part, float]:
    """Split events into those without and with a muon; see the head of this module."""
    offsets, candidates = _candidates(pool, muons)
    none_harder, none = _survival(offsets, candidates[:, 4].astype(np.float64))
    leading = candidates[:, 4] * none_harder
    if not leading.any():
        msg = (
            f"the pool {pool.process} of {pool.n_events} {pool.split} events has no muon candidate "
            "that the trigger can find: ask for more events in the tier"
        )
        raise SettingsError(msg)
    natural = none / none.sum()
    nobody = np.zeros(pool.n_events, np.int64)
    without = _Part(np.arange(pool.n_events), nobody, candidates[:0], natural, natural)
    forced = _forced_part(offsets, candidates, leading, strata, muons.tail_fraction)
    return without, forced, float(leading.sum() / pool.n_events)


def _forced_part(
    offsets: IntArray,
    candidates: NDArray[np.float32],
    leading: FloatArray,
    strata: StrataSettings,
    tail_fraction: float,
) -> _Part:
    """Two entries for each candidate that can lead: it is certain, softer ones of its event float.

    The first half of the entries has the leading candidates measured well, the second half badly.
    """
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    chosen = np.flatnonzero(leading)
    length = offsets[owner[chosen] + 1] - chosen
    starts = np.concatenate([[0], np.cumsum(length)])
    rows = np.arange(starts[-1]) - np.repeat(starts[:-1] - chosen, length)
    forced = candidates[rows]
    forced[starts[:-1], 4] = 1.0
    well, badly = forced.copy(), forced.copy()
    well[starts[:-1], 5], badly[starts[:-1], 5] = WELL, BADLY
    share = leading[chosen] / leading.sum()
    natural = np.concatenate([share * (1.0 - tail_fraction), share * tail_fraction])
    pt_gev = candidates[chosen, 0].astype(np.float64)
    equivalent = np.concatenate([pt_gev, np.maximum(pt_gev, strata.tail_equivalent_pt_gev)])
    rising = natural * np.minimum(equivalent, strata.importance_cap_gev) ** strata.importance_power
    mixed = strata.importance_share
    return _Part(
        np.tile(owner[chosen], 2),
        np.tile(length, 2),
        np.concatenate([well, badly]),
        natural,
        (1.0 - mixed) * natural + mixed * rising / rising.sum(),
    )


class OverlayTables(NamedTuple):
    """The part of `Overlays` that kernels use, and how soft entries are accepted."""

    deposits: Deposits
    event: IntArray
    candidate_offsets: IntArray
    candidates: NDArray[np.float32]
    hardest_tower_gev: NDArray[np.float32]
    soft_first: int
    soft_acceptance: FloatArray


def overlay_tables(overlays: Overlays, softest: str) -> OverlayTables:
    """Return what kernels use, with the class that soft interactions are drawn from."""
    soft = overlays.classes[softest]
    return OverlayTables(
        overlays.deposits,
        overlays.event,
        overlays.candidate_offsets,
        overlays.candidates,
        overlays.hardest_tower_gev,
        soft.first,
        soft.natural / soft.natural.max(),
    )


@kernel
def soft_entry(tables: OverlayTables, rng: np.random.Generator) -> int:
    """Draw an entry of the softest class."""
    soft_events = tables.soft_acceptance.size
    # Events that are less likely to be without a muon are accepted less often.
    i = int(rng.random() * soft_events)
    while rng.random() >= tables.soft_acceptance[i]:
        i = int(rng.random() * soft_events)
    return tables.soft_first + i


@kernel
def _survival(offsets: IntArray, probability: FloatArray) -> Any:
    """Return for each candidate that no earlier one of its event is realised; for events, none."""
    before = np.empty(probability.size, np.float64)
    none = np.empty(offsets.size - 1, np.float64)
    for event in range(offsets.size - 1):
        rest = 1.0
        for i in range(offsets[event], offsets[event + 1]):
            before[i] = rest
            rest *= 1.0 - probability[i]
        none[event] = rest
    return before, none
