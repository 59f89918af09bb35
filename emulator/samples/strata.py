r"""Exact stratified sampling of zero-bias crossings.

Interactions fall into classes :math:`1..K` with Poisson means :math:`\\mu_k`, ordered from soft to
hard. The stratum of a crossing is the hardest class present, so that

.. math:: P(\\text{stratum} \\le k) = \\exp(-\\sum_{j>k} \\mu_j).

In stratum :math:`k` the number of interactions of class :math:`k` is a zero-truncated Poisson
number, harder classes are absent, softer ones stay Poisson. The probabilities sum to 1 exactly.

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
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import SettingsError
from emulator.jit import kernel
from emulator.samples.pools import join_deposits
from emulator.samples.response import BADLY, FREE, WELL, found_probability
from emulator.samples.settings import MUON_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.samples.deposit import Deposits
    from emulator.samples.detector import MuonResponse
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings, StrataSettings

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


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Which entries are overlaid in each crossing.

    Attributes
    ----------
    offsets, entries
        Hard entries of each crossing, the leading one first: int64 ``(n + 1,)`` and ``(n_drawn,)``.
    n_soft
        Interactions of the softest class, drawn while simulating, int64, ``(n,)``.
    weight
        Weight of each crossing inside its stratum, float64, ``(n,)``, mean 1.
    """

    offsets: IntArray
    entries: IntArray
    n_soft: IntArray
    weight: FloatArray


def class_means(
    generator: GeneratorSettings,
    muon_fraction: Mapping[str, float],
    sigma_mb: Mapping[str, float],
    pileup: float,
) -> dict[str, float]:
    """Return the mean number of interactions of each class in a crossing.

    Inelastic events count for the pile-up; electroweak and top events come on top of it.

    Raises
    ------
    SettingsError
        If the pile-up is not positive.
    """
    if not pileup > 0:
        msg = f"the mean pile-up must be positive, not {pileup}"
        raise SettingsError(msg)
    strata = generator.strata
    softest, *harder = strata.processes()
    means = {
        name: pileup * sigma_mb[name] * generator.process(name).k_factor / generator.inelastic_mb
        for name in harder
    }
    # Hard QCD is a part of the inelastic cross-section, and replaces what was cut from the rest.
    qcd = sum(means[name] for name in harder if name.startswith("qcd"))
    means = {softest: pileup - qcd, **means}
    for name in strata.forced_muons:
        total, fraction = means[name], muon_fraction[name]
        means[name] = total * (1.0 - fraction)
        means[name + MUON_SUFFIX] = total * fraction
    return {rank: means[rank] for rank in strata.ranks}


def class_probabilities(means: Mapping[str, float]) -> dict[str, float]:
    """Return the probability of each stratum; the first class stands for "nothing harder".

    Parameters
    ----------
    means
        Mean numbers of interactions in a crossing, from the softest class to the hardest.

    Returns
    -------
    Probabilities in the same order, with sum 1.

    Examples
    --------
    >>> p = class_probabilities({"soft": 50.0, "hard": 0.1, "harder": 0.01})
    >>> round(p["harder"], 6), round(sum(p.values()), 12)
    (0.00995, 1.0)
    """
    softest, *harder = means
    probabilities: dict[str, float] = {}
    above = 0.0
    for name in reversed(harder):
        probabilities[name] = float(np.exp(-above) * -np.expm1(-means[name]))
        above += means[name]
    return {softest: float(np.exp(-above)), **dict(reversed(probabilities.items()))}


def zero_truncated_poisson(rng: np.random.Generator, mean: float, n: int) -> IntArray:
    """Draw Poisson numbers under the condition that they are not 0.

    Examples
    --------
    >>> zero_truncated_poisson(np.random.default_rng(1), 0.01, 5).tolist()
    [1, 1, 1, 1, 1]
    """
    # Enough terms that the rest is far below what a random number can resolve.
    last = int(mean + 12.0 * np.sqrt(mean) + 30.0)
    terms = np.cumprod(mean / np.arange(1, last + 1)) * np.exp(-mean) / -np.expm1(-mean)
    table = np.cumsum(terms)
    return 1 + np.minimum(np.searchsorted(table, rng.random(n), side="right"), last - 1)


def draw_stratum(
    overlays: Overlays,
    means: Mapping[str, float],
    stratum: str,
    n: int,
    rng: np.random.Generator,
) -> Draw:
    """Draw the interactions of ``n`` crossings of one stratum."""
    names = list(means)
    lead = names.index(stratum)
    crossing: list[IntArray] = []
    entries: list[IntArray] = []
    weight = np.ones(n)
    for rank in range(lead, 0, -1):
        pool, mean = overlays.classes[names[rank]], means[names[rank]]
        if rank == lead:
            first, weight = pool.draw(rng, n, leading=True)
            crossing.append(np.arange(n))
            entries.append(first)
            counts = zero_truncated_poisson(rng, mean, n) - 1
        else:
            counts = rng.poisson(mean, n)
        owner = np.repeat(np.arange(n), counts)
        crossing.append(owner)
        entries.append(pool.draw(rng, len(owner), leading=False)[0])
    return _assemble(crossing, entries, rng.poisson(means[names[0]], n), weight)


def draw_natural(
    overlays: Overlays,
    means: Mapping[str, float],
    n: int,
    rng: np.random.Generator,
    leading: IntArray | None = None,
) -> Draw:
    """Draw the interactions of ``n`` natural crossings: every class is Poisson, all weights are 1.

    Parameters
    ----------
    overlays, means
        Entries and mean numbers of all classes.
    n
        Number of crossings.
    rng
        Source of randomness.
    leading
        Entries of a signal, one for each crossing, to overlay on top.
    """
    names = list(means)
    crossing: list[IntArray] = []
    entries: list[IntArray] = []
    if leading is not None:
        crossing.append(np.arange(n))
        entries.append(leading)
    for name in reversed(names[1:]):
        owner = np.repeat(np.arange(n), rng.poisson(means[name], n))
        crossing.append(owner)
        entries.append(overlays.classes[name].draw(rng, len(owner), leading=False)[0])
    return _assemble(crossing, entries, rng.poisson(means[names[0]], n), np.ones(n))


def _assemble(
    crossing: Sequence[IntArray],
    entries: Sequence[IntArray],
    n_soft: IntArray,
    weight: FloatArray,
) -> Draw:
    n = len(n_soft)
    owner = np.concatenate([np.zeros(0, np.int64), *crossing])
    drawn = np.concatenate([np.zeros(0, np.int64), *entries])
    # Stable, so that the leading entry stays the first of its crossing.
    order = np.argsort(owner, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))]).astype(np.int64)
    return Draw(offsets, drawn[order], n_soft.astype(np.int64), weight)


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
