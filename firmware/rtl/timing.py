"""Latency and initiation interval, measured in the simulation, not taken from the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from emulator.engine import Emulator
from emulator.results import Record
from firmware.rtl.errors import RtlTimingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph import Graph

#: Clocks in which a response must begin and end; no pipeline of a trigger is longer.
LONGEST_CLOCKS = 512

#: Rows among which two with different results are looked for.
TRIED_ROWS = 4_096


class Clocked(Protocol):
    """Anything that can be clocked."""

    def clock(self, rows: NDArray[np.integer], n_clocks: int) -> NDArray[np.int64]:
        """Return the outputs after each clock."""
        ...


@dataclass(frozen=True, slots=True)
class RtlTiming(Record):
    """When results come out.

    Parameters
    ----------
    latency_clocks
        Clock edges from a row at the input port to its result at the output port; the registers at
        both ports count.
    initiation_interval_clocks
        Clocks for which one row occupies the output; with 1, a new row can be taken at every clock.
    """

    latency_clocks: int
    initiation_interval_clocks: int


def measure_timing(design: Clocked, graph: Graph) -> RtlTiming | None:
    """Measure the response of a design to a row that is there for one clock.

    A row stands at the input until everything has settled; another one takes its place for exactly one
    clock. When its result comes out is the latency, for how long it stays the initiation interval.

    Parameters
    ----------
    design
        The simulated design.
    graph
        Its network; the engine finds two rows with different results.

    Returns
    -------
    The timing; None if all rows that were tried have the same result, so that nothing can be seen.

    Raises
    ------
    RtlTimingError
        If the response is not one uninterrupted stretch of clocks.
    """
    pair = _distinct_rows(graph)
    if pair is None:
        return None
    still, moved = pair
    rows = np.repeat(still[np.newaxis], 2 * LONGEST_CLOCKS, axis=0)
    rows[LONGEST_CLOCKS] = moved
    outputs = design.clock(rows, len(rows))
    answers = np.flatnonzero((outputs != outputs[LONGEST_CLOCKS - 1]).any(axis=1))
    answers = answers[answers >= LONGEST_CLOCKS] - LONGEST_CLOCKS
    if not len(answers):
        msg = f"no response within {LONGEST_CLOCKS} clocks"
        raise RtlTimingError(msg)
    first, last = int(answers[0]), int(answers[-1])
    if len(answers) != last - first + 1:
        msg = f"the response to one row comes in pieces, at clocks {(answers + 1).tolist()}"
        raise RtlTimingError(msg)
    return RtlTiming(first + 1, last - first + 1)


def _distinct_rows(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    source = graph.input
    low, high = source.format.lowest, source.format.raw_max
    rng = np.random.default_rng(0)
    rows = rng.integers(low, high, (TRIED_ROWS, source.size), endpoint=True)
    corners = np.where(rng.random(rows.shape) < 0.5, low, high)
    rows[::2] = corners[::2]
    found = Emulator(graph, threads=1).run(rows)
    results = np.concatenate([found[name] for name in graph.outputs], axis=1)
    different = np.flatnonzero((results != results[0]).any(axis=1))
    return (rows[0], rows[int(different[0])]) if len(different) else None
