r"""What limits the error of a rate, and how many pool events and crossings a smaller one takes.

A stratified rate is a sum over crossings, :math:`r = \\sum_i y_i` with :math:`y_i` the weight in kHz of a
crossing that fires. Crossings that share a pool event are not independent. The variance that the block
bootstrap sees is :math:`\\sum_e (\\sum_{i \\in e} y_i)^2`, and falls apart into two terms:

* :math:`V_s = \\sum_i y_i^2` of each stratum, which falls as one over its number of *crossings*, and
* :math:`V_p = \\sum_e [(\\sum_{i \\in e} y_i)^2 - \\sum_{i \\in e} y_i^2]` of each process, from pairs of crossings
  of one pool event, which falls as one over its number of *pool events*: with :math:`a` times the events
  and :math:`b` times the crossings there are :math:`b^2 / a` times the pairs, of :math:`1/b^2` the size.

So two sums measured on a small sample predict the error of every larger one, and the cheapest sample for
a wanted error has events and crossings in proportion to :math:`\\sqrt{V N / t}`, :math:`t` being the
time one takes (J. Neyman, J. R. Stat. Soc. 97 (1934) 558).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.errors import SettingsError
from emulator.results import Record
from emulator.samples.pools import process_code
from emulator.samples.settings import MUON_SUFFIX, load_generator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.samples.manifest import SampleFile
    from emulator.samples.settings import GeneratorSettings
    from emulator.samples.tiers import Tier

#: A stratum in which nothing fires says little: its crossings may not weigh more than this part of
#: the wanted error, so that one that fires does not spoil it.
_ONE_CROSSING: Final = 1.0


@dataclass(frozen=True, slots=True)
class BudgetTerm(Record):
    """One term of the variance of a rate.

    Attributes
    ----------
    name
        A stratum (crossings) or a process (pool events).
    kind
        ``crossings`` or ``events``.
    size
        Crossings of the stratum, or events of the pool.
    rate_khz
        Rate from this stratum or process.
    firing
        Crossings that fire, or pool events with a crossing that fires.
    error_khz
        Square root of the variance.
    one_khz
        Rate that one more firing crossing of the mean weight adds; 0 for events.
    """

    name: str
    kind: str
    size: int
    rate_khz: float
    firing: int
    error_khz: float
    one_khz: float


@dataclass(frozen=True, slots=True)
class ErrorBudget(Record):
    """Rate of a score above a threshold, and where its error comes from.

    Attributes
    ----------
    rate_khz, error_khz
        Rate and its error, clustered by pool event.
    naive_khz
        Error if all crossings were independent.
    terms
        All terms of the variance, the largest first.
    """

    rate_khz: float
    error_khz: float
    naive_khz: float
    terms: tuple[BudgetTerm, ...]

    def predicted_percent(
        self, events: Mapping[str, float], crossings: Mapping[str, float]
    ) -> float:
        """Return the relative error in percent for other numbers of events and crossings.

        Parameters
        ----------
        events, crossings
            Pool events by process and crossings by stratum; names that are absent stay as they are.
        """
        variance = 0.0
        for term in self.terms:
            sizes = crossings if term.kind == "crossings" else events
            variance += term.error_khz**2 * term.size / sizes.get(term.name, term.size)
        return 100.0 * math.sqrt(variance) / self.rate_khz


@dataclass(frozen=True, slots=True)
class SamplePlan(Record):
    """The cheapest sample for a wanted error.

    Attributes
    ----------
    wanted_percent
        What was asked.
    predicted_percent
        What these numbers give; smaller where a number had to be at least something.
    events, crossings
        Pool events by process, crossings by stratum.
    cpu_hours
        Processor time of one data set.
    limited_by
        Terms of the variance that are largest in the sample that was measured, in words.
    """

    wanted_percent: float
    predicted_percent: float
    events: Mapping[str, int]
    crossings: Mapping[str, int]
    cpu_hours: float
    limited_by: tuple[str, ...]


def rate_of_crossings(weight: NDArray[np.integer], total_khz: float) -> NDArray[np.float64]:
    """Return the rate in kHz that each crossing stands for, from integer weights.

    Examples
    --------
    >>> rate_of_crossings(np.array([1, 3]), 40.0).tolist()
    [10.0, 30.0]
    """
    khz = weight / 2.0**WEIGHT_FRACTION_BITS
    scaled: NDArray[np.float64] = khz * (total_khz / khz.sum())
    return scaled


def error_budget(
    weight: NDArray[np.int64],
    stratum: NDArray[np.integer],
    pool_id: NDArray[np.uint64],
    fires: NDArray[np.bool_],
    file: SampleFile,
    generator: GeneratorSettings,
    total_khz: float,
) -> ErrorBudget:
    """Return where the error of a rate comes from.

    Parameters
    ----------
    weight, stratum, pool_id
        As in the file: integer weights, numbers of strata, ids of pool events, each ``(n,)``.
    fires
        Whether a crossing fires, bool, ``(n,)``.
    file
        The file's record in the manifest, for names and sizes.
    generator
        Processes and their codes.
    total_khz
        Rate of all crossings.

    Raises
    ------
    SettingsError
        If nothing fires.
    """
    if not fires.any():
        msg = f"{file.name}: no crossing fires, so there is no rate to plan for"
        raise SettingsError(msg)
    khz = rate_of_crossings(weight, total_khz)
    rate_of = np.where(fires, khz, 0.0)
    terms = _terms_of_crossings(khz, rate_of, stratum, file)
    terms += _terms_of_events(rate_of, pool_id, file, generator)
    variance = sum(term.error_khz**2 for term in terms)
    return ErrorBudget(
        rate_khz=float(rate_of.sum()),
        error_khz=float(variance**0.5),
        naive_khz=float((rate_of**2).sum() ** 0.5),
        terms=tuple(sorted(terms, key=lambda term: -term.error_khz)),
    )


def _terms_of_crossings(
    khz: NDArray[np.float64],
    rate_of: NDArray[np.float64],
    stratum: NDArray[np.integer],
    file: SampleFile,
) -> list[BudgetTerm]:
    terms = []
    for record in file.strata:
        inside = stratum == record.number
        y = rate_of[inside]
        terms.append(
            BudgetTerm(
                name=record.name,
                kind="crossings",
                size=int(inside.sum()),
                rate_khz=float(y.sum()),
                firing=int((y > 0).sum()),
                error_khz=float((y**2).sum() ** 0.5),
                one_khz=float(khz[inside].mean()) if inside.any() else 0.0,
            )
        )
    return terms


def _terms_of_events(
    rate_of: NDArray[np.float64],
    pool_id: NDArray[np.uint64],
    file: SampleFile,
    generator: GeneratorSettings,
) -> list[BudgetTerm]:
    ids, block = np.unique(pool_id, return_inverse=True)
    whole = np.bincount(block, rate_of, len(ids))
    pairs = whole**2 - np.bincount(block, rate_of**2, len(ids))
    code = process_code(ids)
    terms = []
    for name, events in file.pools.items():
        mine = code == generator.process(name).code
        terms.append(
            BudgetTerm(
                name=name,
                kind="events",
                size=events,
                rate_khz=float(whole[mine].sum()),
                firing=int((whole[mine] > 0).sum()),
                # Never below 0, but for rounding.
                error_khz=float(max(pairs[mine].sum(), 0.0) ** 0.5),
                one_khz=0.0,
            )
        )
    return terms


def mean_budget(budgets: Sequence[ErrorBudget]) -> ErrorBudget:
    """Return the mean of the budgets of files of equal sizes, which say the same with less noise."""
    by_name: dict[tuple[str, str], list[BudgetTerm]] = {}
    for budget in budgets:
        for term in budget.terms:
            by_name.setdefault((term.kind, term.name), []).append(term)
    terms = []
    for (kind, name), same in by_name.items():
        size = sum(term.size for term in same) / len(same)
        # Variance times size is what does not depend on the size.
        scaled = sum(term.error_khz**2 * term.size for term in same) / len(same) / max(size, 1.0)
        terms.append(
            BudgetTerm(
                name=name,
                kind=kind,
                size=round(size),
                rate_khz=sum(term.rate_khz for term in same) / len(same),
                firing=sum(term.firing for term in same),
                error_khz=float(scaled**0.5),
                one_khz=sum(term.one_khz for term in same) / len(same),
            )
        )
    return ErrorBudget(
        rate_khz=sum(budget.rate_khz for budget in budgets) / len(budgets),
        error_khz=float(sum(term.error_khz**2 for term in terms) ** 0.5),
        naive_khz=float(sum(t.error_khz**2 for t in terms if t.kind == "crossings") ** 0.5),
        terms=tuple(sorted(terms, key=lambda term: -term.error_khz)),
    )


def plan_sample(
    budget: ErrorBudget, wanted_percent: float, generator: GeneratorSettings
) -> SamplePlan:
    """Return the cheapest numbers of pool events and crossings for a wanted error.

    Raises
    ------
    SettingsError
        If the wanted error is not positive.
    """
    if not 0.0 < wanted_percent < 100.0:
        msg = f"the wanted error must be between 0 and 100 percent, not {wanted_percent:g}"
        raise SettingsError(msg)
    wanted_khz = wanted_percent / 100.0 * budget.rate_khz
    seconds = {term: _seconds(term, generator) for term in budget.terms}
    work = sum(term.error_khz * (term.size * seconds[term]) ** 0.5 for term in budget.terms)
    sizes: dict[str, dict[str, int]] = {"events": {}, "crossings": {}}
    for term in budget.terms:
        best = term.error_khz * (term.size / seconds[term]) ** 0.5 * work / wanted_khz**2
        least = 1.0
        if term.kind == "crossings":
            least = term.size * term.one_khz / (_ONE_CROSSING * wanted_khz)
        elif term.name == generator.strata.processes()[0]:
            least = float(generator.least_pileup_events)
        sizes[term.kind][term.name] = max(int(np.ceil(best)), int(np.ceil(least)), 1)
    spent = sum(sizes[term.kind][term.name] * seconds[term] for term in budget.terms)
    return SamplePlan(
        wanted_percent=wanted_percent,
        predicted_percent=budget.predicted_percent(sizes["events"], sizes["crossings"]),
        events=sizes["events"],
        crossings=sizes["crossings"],
        cpu_hours=spent / 3600.0,
        limited_by=limits(budget),
    )


def limits(budget: ErrorBudget) -> tuple[str, ...]:
    """Say in words which terms make up most of the variance, and where nothing fires yet."""
    total = sum(term.error_khz**2 for term in budget.terms)
    said = []
    covered = 0.0
    for term in budget.terms:
        if covered >= 0.8 * total:
            break
        covered += term.error_khz**2
        what = "crossings of stratum" if term.kind == "crossings" else "pool events of"
        said.append(
            f"{100.0 * term.error_khz**2 / total:.0f} % of the variance: too few {what} {term.name} "
            f"({term.firing} of {term.size} fire)"
        )
    said += [
        f"nothing fires in stratum {term.name}, but one crossing would add {term.one_khz:.2g} kHz: "
        f"the error does not know of it"
        for term in budget.terms
        if term.kind == "crossings" and not term.firing and term.one_khz > budget.error_khz
    ]
    return tuple(said)


def _seconds(term: BudgetTerm, generator: GeneratorSettings) -> float:
    if term.kind == "crossings":
        return generator.crossing_cpu_seconds
    return generator.process(term.name).cpu_seconds


def tier_sizes(
    tier: Tier, split: str, scale: float = 1
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the pool events and crossings of one data set of a tier, all units together.

    A process that takes the place of one of other settings is also given under the name of that one, so
    that a plan from samples of either tells what the other gives.

    Examples
    --------
    >>> from emulator.samples.tiers import load_tier
    >>> events, crossings = tier_sizes(load_tier("release"), "eval", 3)
    >>> events["light20"] == events["qcd20"], crossings["qcd20_mu"]
    (True, 144000.0)
    """
    factor = tier.n_units(scale)
    generator = load_generator(tier.processes)
    events, crossings = (
        {name: float(n * factor) for name, n in sizes[split].items()}
        for sizes in (tier.events, tier.crossings)
    )
    for process in generator.processes:
        if process.replaces:
            for sizes in (events, crossings):
                for suffix in ("", MUON_SUFFIX):
                    if (name := process.name + suffix) in sizes:
                        sizes[process.replaces + suffix] = sizes[name]
    return events, crossings
