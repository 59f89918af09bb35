"""What a scan found: rates, efficiencies and differences of every scorer, in every condition."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import InputFileError
from emulator.rates import (
    Efficiency,
    ModelScores,
    PairedComparison,
    Passing,
    ScoreCounts,
    Tail,
    WorkingPoint,
    compare_paired,
    efficiency_at,
    working_point,
)
from emulator.rates.blocks import joined
from emulator.rates.tails import LOWEST_FLOOR
from emulator.results import Record
from emulator.scan.errors import ScanError
from emulator.scan.plan import MEASURING, SETTING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.scan.plan import Condition, Piece, ScanPlan
    from emulator.scan.work import PieceResult

    Results = Mapping[Piece, PieceResult]


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


@dataclass(frozen=True)
class ScanResult:
    """All of a scan, with the condition that each record belongs to."""

    working_points: tuple[tuple[str, WorkingPoint], ...]
    efficiencies: tuple[tuple[str, Efficiency], ...]
    comparisons: tuple[tuple[str, PairedComparison], ...]
    samples: tuple[SampleSize, ...]
    lost: tuple[LostFile, ...]
    duplicates: tuple[Duplicates, ...]


def evaluate(plan: ScanPlan, results: Results, lost: Sequence[LostFile]) -> ScanResult:
    """Turn the results of all pieces into rates and efficiencies.

    Raises
    ------
    L1Error
        If a sample has no crossing left, or too few for a target rate.
    """
    points: list[tuple[str, WorkingPoint]] = []
    efficiencies: list[tuple[str, Efficiency]] = []
    comparisons: list[tuple[str, PairedComparison]] = []
    for condition in plan.conditions:
        reference: dict[str, ScoreCounts] = {}
        if plan.reference:
            reference = _counts(plan, condition, plan.reference, results)
        for scorer in plan.counting.scorers:
            counts = _counts(plan, condition, scorer, results)
            points += [(condition.name, each) for each in _points(plan, condition, scorer, counts)]
            efficiencies += [
                (condition.name, each) for each in _efficiencies(plan, condition, scorer, counts)
            ]
            if reference and scorer != plan.reference:
                comparisons += [
                    (condition.name, each)
                    for each in _comparisons(plan, condition, scorer, counts, reference)
                ]
    return ScanResult(
        tuple(points),
        tuple(efficiencies),
        tuple(comparisons),
        _sizes(plan, results),
        tuple(lost),
        duplicates(plan, results),
    )


def sample_counts(
    pieces: Sequence[PieceResult], scorer: str, *, floor: int | None, seed: int
) -> ScoreCounts:
    """Return the counts of a scorer over all pieces of a sample; there is at least one.

    Parameters
    ----------
    pieces
        Results that were counted above the same floor.
    scorer
        Whose scores.
    floor, seed
        As they were counted.
    """
    lowest = LOWEST_FLOOR if floor is None else floor
    total = pieces[0].total
    for piece in pieces[1:]:
        total += piece.total
    ranges = joined((), tuple(each for piece in pieces for each in piece.ranges))
    found = [each for piece in pieces if (each := piece.lowest[scorer]) is not None]
    return ScoreCounts.from_tail(
        Tail.joined([piece.tails[scorer] for piece in pieces]),
        total,
        floor=lowest,
        seed=seed,
        has_pools=any(piece.has_pools for piece in pieces),
        ranges=ranges,
        # The row below the floor is one score if there is no lower one.
        is_complete=floor is None or (bool(found) and min(found) >= floor - 1),
    )


def _counts(
    plan: ScanPlan, condition: Condition, scorer: str, results: Results
) -> dict[str, ScoreCounts]:
    floors = (plan.counting.floors or {}).get(condition.name, {})
    return {
        sample: sample_counts(
            _pieces(condition, sample, results),
            scorer,
            floor=floors.get(scorer),
            seed=plan.counting.seed,
        )
        for sample in condition.samples
    }


def _pieces(condition: Condition, sample: str, results: Results) -> list[PieceResult]:
    pieces = [piece for piece in condition.pieces() if piece.sample == sample]
    found = [(piece, results[piece]) for piece in pieces if piece in results]
    if not found:
        n_files = len(condition.samples[sample])
        msg = f"{condition.name}: none of the {n_files} files of {sample!r} could be read"
        raise ScanError(msg)
    # A part of a short file may be empty.
    filled = [each for each in found if each[1].n_events] or found[:1]
    first = filled[0][1].scalars
    for piece, result in filled:
        if result.scalars != first:
            names = ", ".join(sorted({*first} ^ {*result.scalars}))
            which = "has" if len(result.scalars) > len(first) else "lacks"
            problem = f"{which} {names}, unlike {filled[0][0].path}; do not mix such files"
            raise InputFileError(piece.path, problem)
    return [result for _, result in found]


def _points(
    plan: ScanPlan, condition: Condition, scorer: str, counts: Mapping[str, ScoreCounts]
) -> list[WorkingPoint]:
    return [
        working_point(
            counts[SETTING],
            counts[MEASURING],
            model=scorer,
            target_khz=target,
            scenario=condition.scenario,
        )
        for target in plan.targets_khz
    ]


def _efficiencies(
    plan: ScanPlan, condition: Condition, scorer: str, counts: Mapping[str, ScoreCounts]
) -> list[Efficiency]:
    return [
        efficiency_at(
            counts[signal],
            counts[SETTING],
            signal=signal,
            model=scorer,
            target_khz=target,
            scenario=condition.scenario,
        )
        for signal in condition.signals
        for target in plan.targets_khz
    ]


def _comparisons(
    plan: ScanPlan,
    condition: Condition,
    scorer: str,
    counts: Mapping[str, ScoreCounts],
    reference: Mapping[str, ScoreCounts],
) -> list[PairedComparison]:
    return [
        compare_paired(
            ModelScores(scorer, counts[SETTING], counts[signal]),
            ModelScores(plan.reference, reference[SETTING], reference[signal]),
            signal=signal,
            target_khz=target,
            scenario=condition.scenario,
        )
        for signal in condition.signals
        for target in plan.targets_khz
    ]


def _sizes(plan: ScanPlan, results: Results) -> tuple[SampleSize, ...]:
    sizes = []
    for condition in plan.conditions:
        for sample, paths in condition.samples.items():
            found = _pieces(condition, sample, results)
            lost = {piece.file for piece in condition.pieces() if piece.sample == sample} - {
                piece.file for piece in results
            }
            total = Passing(0, 0, 0, np.zeros(plan.counting.replicas, dtype=np.int64))
            for piece in found:
                total += piece.total
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
            sample: [piece.keys for piece in _pieces(condition, sample, results)]
            for sample in condition.samples
        }
        excess = {sample: _excess(parts) for sample, parts in keys.items()}
        excess[f"{SETTING} + {MEASURING}"] = (
            _excess([*keys[SETTING], *keys[MEASURING]]) - excess[SETTING] - excess[MEASURING]
        )
        found += [Duplicates(condition.name, sample, n) for sample, n in excess.items() if n > 0]
    return tuple(found)


#: Keys are compared range by range, so that memory holds one part in so many of them.
_KEY_RANGES = 16


def _excess(parts: Sequence[NDArray[np.uint64]]) -> int:
    """Return how many keys there are too many; each part is sorted."""
    edges = np.arange(1, _KEY_RANGES, dtype=np.uint64) << np.uint64(60)
    cuts = [np.concatenate(([0], np.searchsorted(part, edges), [len(part)])) for part in parts]
    total = 0
    for i in range(_KEY_RANGES):
        here = np.concatenate(
            [part[cut[i] : cut[i + 1]] for part, cut in zip(parts, cuts, strict=True)]
        )
        total += len(here) - len(np.unique(here))
    return total


def files_listed_twice(plan: ScanPlan) -> list[str]:
    """Return files that a condition names more than once, which is a mistake of the scan file."""
    listed: list[str] = []
    for condition in plan.conditions:
        tally = Counter(path for paths in condition.samples.values() for path in paths)
        listed += [path for path, times in tally.items() if times > 1]
    return listed
