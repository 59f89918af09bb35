"""What one processor of this machine can do at most, and benchmarks that are told as a part of it.

Two things bound an engine: the multiply-adds that a processor issues (`emulator.engine.lanes.peak`) and the
bytes that it moves. Both are measured between the rounds of each benchmark, by processor time, so that
on a loaded machine the fractions still say something.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import median
from time import process_time, thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.engine.lanes.peak import limit_events_per_second

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.graph import Graph

#: Bytes that are copied: more than the caches hold.
COPIED = 96 << 20

ROUNDS = 15

#: Bytes of a score that an engine writes.
SCORE_BYTES = 8


@cache
def _buffers() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.ones(COPIED, np.uint8), np.zeros(COPIED, np.uint8)


def moved_bytes_per_second() -> float:
    """Return the bytes that one processor reads and writes in a second of its time, copying memory."""
    source, target = _buffers()
    start = thread_time()
    np.copyto(target, source)
    return 2 * COPIED / (thread_time() - start)


@dataclass(frozen=True)
class Work:
    """What is timed.

    Parameters
    ----------
    n_events
        Events of one call.
    bytes_per_event
        Bytes that must be read and written for an event, at least.
    graph
        The network that is run, if one is: its products are a limit too.
    """

    n_events: int
    bytes_per_event: float
    graph: Graph | None = None


def time_work(
    benchmark: BenchmarkFixture, run: Callable[[], Any], work: Work, *, rounds: int = ROUNDS
) -> None:
    """Time something and tell its rate, and the fractions of the limits measured between its rounds.

    Rates are by the clock on the wall; fractions are by processor time and for one processor.
    """
    issue: list[float] = []
    memory: list[float] = []
    seconds: list[float] = []

    def measure_limits() -> None:
        memory.append(moved_bytes_per_second() / work.bytes_per_event)
        if work.graph is not None:
            issue.append(limit_events_per_second(work.graph))

    def timed() -> None:
        start = process_time()
        run()
        seconds.append(process_time() - start)

    benchmark.pedantic(  # type: ignore[no-untyped-call]
        timed, setup=measure_limits, rounds=rounds, warmup_rounds=1
    )
    rate = work.n_events / median(seconds)
    told = {"million_events_per_second_and_processor": rate / 1e6}
    if issue:
        told["fraction_of_issue_limit"] = rate / median(issue)
    told["fraction_of_copy_limit"] = rate / median(memory)
    benchmark.extra_info.update(told)
    tell_rate(benchmark, work.n_events)


def tell_rate(benchmark: BenchmarkFixture, n_events: float, **more: float) -> None:
    """Write the median rate, and what else there is, beside the times, unless nothing is timed."""
    if benchmark.stats is None:
        return
    rate = n_events / benchmark.stats.stats.median
    benchmark.extra_info["million_events_per_second"] = rate / 1e6
    benchmark.extra_info.update(more)
