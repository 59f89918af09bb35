"""How much work something costs, in units of the calibration that is timed between its rounds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.results import Record
from l1distill.bench.calibration import calibrate

if TYPE_CHECKING:
    from collections.abc import Callable

#: Processor time of one round, seconds: short, so that both sides of a ratio meet the same machine.
ROUND_SECONDS: Final = 0.004
ROUNDS: Final = 41


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to be timed.

    Parameters
    ----------
    name
        How records and references call it.
    work
        Does the work once, in this process.
    n_events
        Events that one call works on.
    rounds
        Rounds of one measurement; fewer for what takes long.
    """

    name: str
    work: Callable[[], object]
    n_events: int
    rounds: int = ROUNDS


@dataclass(frozen=True, slots=True)
class Cost(Record):
    """What a subject costs.

    Parameters
    ----------
    name
        The subject's.
    units_per_million
        Calibrations that take the processor time of a million events: the figure that is gated.
    events_per_second
        Events in a second of processor time, on this machine as it is now: recorded, never gated.
    calibration_ms
        Median processor time of a calibration, ms.
    spread
        Interquartile range of the rounds' costs over their median.
    """

    name: str
    units_per_million: float
    events_per_second: float
    calibration_ms: float
    spread: float


def measure(subject: Subject) -> Cost:
    """Time a subject against the calibration, round by round.

    Processor time of this process is measured, not wall-clock time: what others do on the machine
    takes turns away, and those do not count. What is left of their influence (shared caches, clock
    frequency) meets the calibrations right before and after each round too. The median over rounds
    leaves single disturbances out.
    """
    subject.work()
    calibrate()
    calls = _calls_for(subject.work)
    calibrations = _calls_for(calibrate)
    units = [_seconds(calibrate, calibrations)]
    rounds = []
    for _ in range(subject.rounds):
        rounds.append(_seconds(subject.work, calls))
        units.append(_seconds(calibrate, calibrations))
    around = (np.array(units[1:]) + np.array(units[:-1])) / 2
    costs = np.array(rounds) / around / subject.n_events * 1e6
    low, middle, high = (float(each) for each in np.percentile(costs, (25, 50, 75)))
    return Cost(
        name=subject.name,
        units_per_million=middle,
        events_per_second=subject.n_events / float(np.median(rounds)),
        calibration_ms=1e3 * float(np.median(units)),
        spread=(high - low) / middle,
    )


def _calls_for(work: Callable[[], object]) -> int:
    """Return how many calls fill a round."""
    fastest = min(_seconds(work, 1) for _ in range(3))
    return max(1, round(ROUND_SECONDS / max(fastest, 1e-6)))


def _seconds(work: Callable[[], object], calls: int) -> float:
    """Return the processor time of one call, seconds."""
    start = time.process_time_ns()
    for _ in range(calls):
        work()
    return (time.process_time_ns() - start) / calls / 1e9
