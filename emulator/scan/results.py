"""What a scan found: rates, efficiencies and differences of every scorer, in every condition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from emulator.rates import (
    CountsError,
    Efficiency,
    MenuCounts,
    ModelScores,
    PairedComparison,
    ScoreCounts,
    SeedRate,
    WorkingPoint,
    compare_paired,
    efficiency_at,
    require_other_pools,
    working_point,
)
from emulator.rates.groups import labelled
from emulator.results import Record, plain_rows
from emulator.scan.counted import (
    AcceptedGroups,
    menu_counts,
    n_excess,
    n_shared,
    pieces_of,
    score_counts,
    summed,
)
from emulator.scan.plan import MEASURING, SETTING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emulator.scan.counted import Results
    from emulator.scan.plan import Condition, ScanPlan


@dataclass(frozen=True, slots=True)
class LostFile(Record):
    """A file that could not be read: none of its events is in any numerator or denominator."""

    condition: str
    sample: str
    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Duplicates(Record):
    """Crossings that are in the samples more than once: same run, lumi section, event, crossing.

    Parameters
    ----------
    condition, sample
        Where; ``setting + measuring`` for crossings that both have.
    n_events
        How many there are too many. They are counted like all others.
    """

    condition: str
    sample: str
    n_events: int


@dataclass(frozen=True, slots=True)
class SampleSize(Record):
    """What was read of a sample; ``weight`` in crossings of weight one."""

    condition: str
    sample: str
    n_files: int
    n_files_lost: int
    n_events: int
    weight: float


@dataclass(frozen=True, slots=True)
class MenuEfficiency(Record):
    """What the menu as a whole keeps of a signal, prescales as expectations, with its 68 % interval."""

    signal: str
    efficiency: float
    low: float
    high: float
    n_total: int


@dataclass(frozen=True, slots=True)
class SeedOverlap(Record):
    """Rate at which two seeds of the menu accept both, after prescales."""

    seed: str
    other: str
    rate_khz: float


@dataclass(frozen=True)
class ConditionResult:
    """What was found in one condition.

    Attributes
    ----------
    working_points, efficiencies, comparisons
        Of all scorers.
    pure_working_points, pure_efficiencies
        The same on top of the menu: at fixed *pure* rates, of what the menu leaves.
    seeds, overlaps, menu_efficiencies
        The menu's rates (the last record is the menu as a whole), the rates of pairs of seeds, and what it
        keeps of each signal.
    rates_in_groups, turn_ons
        Rows of the tables of `emulator.rates.groups.labelled`; turn-ons have their signal.
    notes
        What could not be told, and why.
    """

    working_points: tuple[WorkingPoint, ...] = ()
    efficiencies: tuple[Efficiency, ...] = ()
    comparisons: tuple[PairedComparison, ...] = ()
    pure_working_points: tuple[WorkingPoint, ...] = ()
    pure_efficiencies: tuple[Efficiency, ...] = ()
    seeds: tuple[SeedRate, ...] = ()
    overlaps: tuple[SeedOverlap, ...] = ()
    menu_efficiencies: tuple[MenuEfficiency, ...] = ()
    rates_in_groups: tuple[dict[str, Any], ...] = ()
    turn_ons: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


#: Names of the tables of a condition.
TABLES = tuple(each.name for each in fields(ConditionResult) if each.name != "notes")


@dataclass(frozen=True)
class ScanResult:
    """All of a scan.

    Attributes
    ----------
    conditions
        What was found in each.
    samples, lost, duplicates
        What was read, what could not be, and what comes more than once.
    """

    conditions: Mapping[str, ConditionResult]
    samples: tuple[SampleSize, ...]
    lost: tuple[LostFile, ...]
    duplicates: tuple[Duplicates, ...]

    @property
    def working_points(self) -> list[tuple[str, WorkingPoint]]:
        """All working points, with their condition."""
        return self.all_of("working_points")

    @property
    def efficiencies(self) -> list[tuple[str, Efficiency]]:
        """All efficiencies, with their condition."""
        return self.all_of("efficiencies")

    @property
    def comparisons(self) -> list[tuple[str, PairedComparison]]:
        """All paired comparisons, with their condition."""
        return self.all_of("comparisons")

    def all_of(self, name: str) -> list[tuple[str, Any]]:
        """Return the records of one table of all conditions, each with its condition."""
        return [
            (condition, each)
            for condition, found in self.conditions.items()
            for each in getattr(found, name)
        ]


def evaluate(plan: ScanPlan, results: Results, lost: Sequence[LostFile]) -> ScanResult:
    """Turn the results of all pieces into rates and efficiencies.

    Raises
    ------
    L1Error
        If a sample has no crossing left, or too few for a target rate, or if crossings that set
        thresholds and that measure rates share pool events.
    """
    for condition in plan.conditions:
        pools = {
            sample: [
                piece.sorted_numbers("pools") for piece in pieces_of(condition, sample, results)
            ]
            for sample in (SETTING, MEASURING)
        }
        require_other_pools(n_shared(pools[SETTING], pools[MEASURING]), where=condition.name)
    return ScanResult(
        {each.name: _Evaluator(plan, each, results).found() for each in plan.conditions},
        _sizes(plan, results),
        tuple(lost),
        duplicates(plan, results),
    )


class _Evaluator:
    """Evaluates one condition; holds the counts of one scorer, and of the reference, at a time."""

    def __init__(self, plan: ScanPlan, condition: Condition, results: Results) -> None:
        self._plan, self._condition = plan, condition
        self._pieces = {
            sample: pieces_of(condition, sample, results) for sample in condition.samples
        }

    def found(self) -> ConditionResult:
        """Return everything."""
        plan = self._plan
        parts: dict[str, list[Any]] = {each.name: [] for each in fields(ConditionResult)}
        reference = self._counts(plan.reference) if plan.reference else {}
        for scorer in plan.counting.scorers:
            counts = self._counts(scorer)
            points = self._points(scorer, counts)
            parts["working_points"] += points
            parts["efficiencies"] += self._efficiencies(scorer, counts)
            parts["rates_in_groups"] += self._groups(points)
            parts["turn_ons"] += self._turn_ons(points)
            if reference and scorer != plan.reference:
                parts["comparisons"] += self._comparisons(scorer, counts, reference)
            if plan.counting.menu is not None:
                self._add_pure(scorer, parts)
        if plan.counting.menu is not None:
            self._add_menu(parts)
        return ConditionResult(**{name: tuple(part) for name, part in parts.items()})

    def _counts(self, scorer: str, *, pure: bool = False) -> dict[str, ScoreCounts]:
        counting = self._plan.counting
        floors = counting.pure_floors if pure else counting.floors
        floor = (floors or {}).get(self._condition.name, {}).get(scorer)
        return {
            sample: score_counts(pieces, scorer, floor=floor, seed=counting.seed, pure=pure)
            for sample, pieces in self._pieces.items()
        }

    def _points(self, scorer: str, counts: Mapping[str, ScoreCounts]) -> list[WorkingPoint]:
        return [
            working_point(
                counts[SETTING],
                counts[MEASURING],
                model=scorer,
                target_khz=target,
                scenario=self._condition.scenario,
            )
            for target in self._plan.targets_khz
        ]

    def _efficiencies(self, scorer: str, counts: Mapping[str, ScoreCounts]) -> list[Efficiency]:
        return [
            efficiency_at(
                counts[signal],
                counts[SETTING],
                signal=signal,
                model=scorer,
                target_khz=target,
                scenario=self._condition.scenario,
            )
            for signal in self._condition.signals
            for target in self._plan.targets_khz
        ]

    def _comparisons(
        self,
        scorer: str,
        counts: Mapping[str, ScoreCounts],
        reference: Mapping[str, ScoreCounts],
    ) -> list[PairedComparison]:
        return [
            compare_paired(
                ModelScores(scorer, counts[SETTING], counts[signal]),
                ModelScores(self._plan.reference, reference[SETTING], reference[signal]),
                signal=signal,
                target_khz=target,
                scenario=self._condition.scenario,
            )
            for signal in self._condition.signals
            for target in self._plan.targets_khz
        ]

    def _add_pure(self, scorer: str, parts: dict[str, list[Any]]) -> None:
        """Rate a scorer on top of the menu; where the menu leaves too little, say so."""
        try:
            counts = self._counts(scorer, pure=True)
            points, kept = self._points(scorer, counts), self._efficiencies(scorer, counts)
        except CountsError as error:
            parts["notes"].append(f"{self._condition.name}: {scorer} on top of the menu: {error}")
            return
        parts["pure_working_points"] += points
        parts["pure_efficiencies"] += kept

    def _add_menu(self, parts: dict[str, list[Any]]) -> None:
        scenario = self._condition.scenario
        counts = menu_counts(self._pieces[MEASURING], self._plan.counting)
        parts["seeds"] += counts.rates(scenario)
        parts["overlaps"] += [
            SeedOverlap(str(seed), str(other), float(rate))
            for seed, row in counts.overlap(scenario).iterrows()
            for other, rate in row.items()
        ]
        for signal in self._condition.signals:
            of_signal = menu_counts(self._pieces[signal], self._plan.counting)
            parts["menu_efficiencies"].append(menu_efficiency(signal, of_signal))

    def _groups(self, points: Sequence[WorkingPoint]) -> Iterator[dict[str, Any]]:
        for place, binning in enumerate(self._plan.counting.by):
            found = self._accepted(MEASURING, points, place)
            for point in points:
                counts = found.counts(point.threshold, self._plan.counting.seed)
                frame = counts.rates(1, self._condition.scenario)
                yield from plain_rows(labelled(frame, binning.name, binning.edges, point))

    def _turn_ons(self, points: Sequence[WorkingPoint]) -> Iterator[dict[str, Any]]:
        for signal in self._condition.signals:
            for place, binning in enumerate(self._plan.counting.turn_ons):
                found = self._accepted(signal, points, place)
                for point in points:
                    counts = found.counts(point.threshold, self._plan.counting.seed)
                    frame = labelled(counts.efficiencies(1), binning.name, binning.edges, point)
                    yield from ({"signal": signal, **row} for row in plain_rows(frame))

    def _accepted(
        self, sample: str, points: Sequence[WorkingPoint], binning: int
    ) -> AcceptedGroups:
        lowest = min(point.threshold for point in points)
        return AcceptedGroups(self._pieces[sample], points[0].model, binning, lowest)


def menu_efficiency(signal: str, counts: MenuCounts) -> MenuEfficiency:
    """Return what a menu keeps of a signal."""
    efficiency, low, high = counts.efficiency()
    return MenuEfficiency(signal, efficiency, low, high, counts.total.entries)


def _sizes(plan: ScanPlan, results: Results) -> tuple[SampleSize, ...]:
    sizes = []
    for condition in plan.conditions:
        for sample, paths in condition.samples.items():
            lost = {piece.file for piece in condition.pieces() if piece.sample == sample} - {
                piece.file for piece in results
            }
            total = summed(pieces_of(condition, sample, results))
            sizes.append(
                SampleSize(
                    condition.name,
                    sample,
                    len(paths),
                    len(lost),
                    total.entries,
                    total.weight / 2**32,
                )
            )
    return tuple(sizes)


def duplicates(plan: ScanPlan, results: Results) -> tuple[Duplicates, ...]:
    """Find crossings that come more than once, in a sample or in both sets of zero bias."""
    found = []
    for condition in plan.conditions:
        keys = {
            sample: [
                piece.sorted_numbers("keys") for piece in pieces_of(condition, sample, results)
            ]
            for sample in condition.samples
        }
        excess = {sample: n_excess(parts) for sample, parts in keys.items()}
        excess[f"{SETTING} + {MEASURING}"] = (
            n_excess([*keys[SETTING], *keys[MEASURING]]) - excess[SETTING] - excess[MEASURING]
        )
        found += [Duplicates(condition.name, sample, n) for sample, n in excess.items() if n > 0]
    return tuple(found)


def files_listed_twice(plan: ScanPlan) -> list[str]:
    """Return files that a condition names more than once, which is a mistake of the scan file."""
    listed: list[str] = []
    for condition in plan.conditions:
        tally = Counter(path for paths in condition.samples.values() for path in paths)
        listed += [path for path, times in tally.items() if times > 1]
    return listed
