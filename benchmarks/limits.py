"""What one processor of this machine can do at most, and benchmarks that are told as a part of it.

An engine is bound by the multiply-adds that a processor issues (`emulator.engine.lanes.peak`) and by the bytes
that it moves; training by products of floats, reading by decompression. What bounds a benchmark is measured
between its rounds, by processor time, so that on a loaded machine the fractions still say something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from statistics import median
from time import process_time, thread_time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.engine.lanes.peak import limit_events_per_second
from emulator.features import columns_of_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import awkward as ak
    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.features import FeatureLayout
    from emulator.graph import Graph

#: Bytes that are copied: more than the caches hold.
COPIED = 96 << 20

ROUNDS = 15

#: Bytes of a score that an engine writes.
SCORE_BYTES = 8

#: Key under which a benchmark says why none of the limits bounds it.
NO_LIMIT: Final = "no_limit"

_FRACTION: Final = "fraction_of_"

# Rows and columns of the floats that are multiplied: they stay in the caches, and are no small work.
_FLOATS = 512

#: Measurements of each limit before the first round, and as many after the last, of what has warm caches.
_APART = 4


@cache
def _buffers() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    # Both written: pages of zeros exist only when they are first touched.
    return np.ones(COPIED, np.uint8), np.ones(COPIED, np.uint8)


def moved_bytes_per_second() -> float:
    """Return the bytes that one processor reads and writes in a second of its time, copying memory."""
    source, target = _buffers()
    return 2 * COPIED / seconds_of(lambda: np.copyto(target, source))


def float_products_per_second() -> float:
    """Return the products of float32 that torch adds up in a second of one processor, at best."""
    import torch

    from distill.training import torch_threads

    first, second = torch.ones(2, _FLOATS, _FLOATS)
    with torch_threads(1):
        return _FLOATS**3 / min(seconds_of(lambda: first @ second) for _ in range(3))


def seconds_of(work: Callable[[], Any]) -> float:
    """Return the time of this thread's processor that some work takes."""
    start = thread_time()
    work()
    return thread_time() - start


def bytes_of_objects(events: ak.Array, layout: FeatureLayout) -> int:
    """Return the bytes of those offsets and fields of jagged objects that a layout reads."""
    collections = columns_of_layout(events, layout).values()
    return sum(
        each.offsets.nbytes + sum(values.nbytes for values in each.fields.values())
        for each in collections
    )


@dataclass(frozen=True)
class Work:
    """What is timed.

    Parameters
    ----------
    n_events
        Events of one call.
    bytes_per_event
        Bytes that must be read and written for an event, at least; 0 if that bounds nothing.
    graph
        The network that is run, if one is: its products are a limit too.
    others
        Other limits by name: each is measured by a call, in events of a second of one processor.
    """

    n_events: float
    bytes_per_event: float = 0.0
    graph: Graph | None = None
    others: Mapping[str, Callable[[], float]] = field(default_factory=dict)

    def limits(self) -> dict[str, Callable[[], float]]:
        """Return what measures each limit, in events per second."""
        found: dict[str, Callable[[], float]] = {}
        if self.graph is not None:
            graph = self.graph
            found["issue"] = lambda: limit_events_per_second(graph)
        if self.bytes_per_event:
            found["copy"] = lambda: moved_bytes_per_second() / self.bytes_per_event
        return {**found, **self.others}


class Limits:
    """The limits of some work, measured as often as one likes."""

    def __init__(self, work: Work) -> None:
        self._measures = work.limits()
        self._found: dict[str, list[float]] = {name: [] for name in self._measures}

    def measure(self, times: int = 1) -> None:
        """Measure each limit."""
        for _ in range(times):
            for name, measure in self._measures.items():
                self._found[name].append(measure())

    def fractions(self, events_per_second: float) -> dict[str, float]:
        """Return a rate as parts of the limits."""
        return {
            f"{_FRACTION}{name}_limit": events_per_second / median(values)
            for name, values in self._found.items()
        }


def time_work(
    benchmark: BenchmarkFixture, run: Callable[[], Any], work: Work, *, rounds: int = ROUNDS
) -> None:
    """Time something and tell its rate, and the fractions of the limits measured between its rounds.

    Rates are by the clock on the wall; fractions are by processor time and for one processor.
    """
    limits = Limits(work)
    seconds: list[float] = []

    def timed() -> None:
        start = process_time()
        run()
        seconds.append(process_time() - start)

    benchmark.pedantic(  # type: ignore[no-untyped-call]
        timed, setup=limits.measure, rounds=rounds, warmup_rounds=1
    )
    _tell(benchmark, work, limits, median(seconds))


def time_warm(
    benchmark: BenchmarkFixture, run: Callable[[], Any], work: Work, *, rounds: int, calls: int = 1
) -> None:
    """Time what may have its data in the caches: limits, which empty them, are measured before and after.

    Parameters
    ----------
    benchmark, run, work, rounds
        As for `time_work`.
    calls
        Calls of a round, for what takes less than the clock can tell.
    """
    limits = Limits(work)
    limits.measure(_APART)
    run()
    start = process_time()
    benchmark.pedantic(run, rounds=rounds, iterations=calls)  # type: ignore[no-untyped-call]
    made = rounds * calls + (calls > 1)  # rounds of several calls have one more, for its result
    seconds = (process_time() - start) / made
    limits.measure(_APART)
    _tell(benchmark, work, limits, seconds)


def _tell(benchmark: BenchmarkFixture, work: Work, limits: Limits, cpu_seconds: float) -> None:
    rate = work.n_events / cpu_seconds
    tell_rate(
        benchmark,
        work.n_events,
        million_events_per_second_and_processor=rate / 1e6,
        **limits.fractions(rate),
    )


def tell_rate(benchmark: BenchmarkFixture, n_events: float, **more: float) -> None:
    """Write the median rate, and what else there is, beside the times, unless nothing is timed."""
    if benchmark.stats is None:
        return
    benchmark.extra_info.update(more)
    rate = n_events / benchmark.stats.stats.median
    benchmark.extra_info["million_events_per_second"] = rate / 1e6


def tell_no_limit(benchmark: BenchmarkFixture, why: str, n_events: int = 0) -> None:
    """Say why no limit of the machine bounds this, and the rate if there are events."""
    benchmark.extra_info[NO_LIMIT] = why
    if n_events and benchmark.stats is not None:
        benchmark.extra_info["events_per_second"] = n_events / benchmark.stats.stats.median


def is_held(extra_info: Mapping[str, Any]) -> bool:
    """Tell whether a benchmark says how far it is from a limit, or why it has none.

    Examples
    --------
    >>> is_held({"fraction_of_copy_limit": 0.2}), is_held({"no_limit": "it waits"}), is_held({})
    (True, True, False)
    """
    return any(name == NO_LIMIT or name.startswith(_FRACTION) for name in extra_info)
