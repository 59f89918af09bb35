"""Where a network wraps, saturates or loses numbers: what can happen, and what does on given rows.

Silent overflow is the commonest way a trigger network goes wrong. Counting evaluates the network a
second time, exactly, beside the engine, which knows nothing of it and pays nothing.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.fixed import FixedFormat, Interval
from emulator.fixed.column import Column
from emulator.graph.evaluation import evaluate_numbers
from emulator.graph.operations import Input, Sigmoid, Tanh, UnaryLut
from emulator.graph.ranges import IntervalArithmetic, curve_end, walk_intervals
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.graph.graph import Graph

    # A node, one of its casts, and the type that it casts to.
    Key = tuple[str, str, FixedFormat]

#: Events that are evaluated together: a column of them stays in the cache.
CHUNK_EVENTS = 4_096

_SAFE = Interval(-(1 << 62) + 1, (1 << 62) - 1)


@dataclass(frozen=True, slots=True)
class OverflowCount(Record):
    """How often one cast of a node left the range of its type.

    Parameters
    ----------
    node
        Name of the node.
    place
        Which of its casts: ``result``, ``accumulator`` (a sum), ``product`` (before it is added),
        ``bias``, ``inner`` and ``left shift`` (of an `OffsetShift`), ``own type`` (of a
        `QuantizeEach`).
    format
        The type.
    effect
        What becomes of such a number: ``wraps``, ``saturates`` or ``becomes 0``.
    n_events, n_overflows
        Events with at least one overflow here, and overflows of all elements together. A sum that
        only wraps and rounds nothing is looked at once, at its end: wraps on the way cancel out.
    """

    node: str
    place: str
    format: str
    effect: str
    n_events: int
    n_overflows: int


_EFFECTS = {"WRAP": "wraps", "SAT": "saturates", "SAT_SYM": "saturates", "SAT_ZERO": "becomes 0"}


def possible_overflows(graph: Graph) -> tuple[OverflowCount, ...]:
    """Return the casts that can overflow for some row of the input's type, with counts of 0.

    All others are proved never to. Intervals do not know that elements depend on each other, so that
    some of these may never overflow either.

    Examples
    --------
    >>> from emulator.graph import Graph, Square
    >>> x = Input("x", (), FixedFormat(4, 4), size=1)
    >>> y = Square("y", ("x",), FixedFormat(6, 6, overflow="SAT"))
    >>> [item.effect for item in possible_overflows(Graph((x, y), ("y",)))]
    ['saturates']
    """
    possible = _Possible()
    walk_intervals(graph, possible)
    return tuple(_count(key, 0, 0) for key in possible.keys)


def count_overflows(
    graph: Graph, rows: NDArray[np.integer], *, threads: int = 1
) -> tuple[OverflowCount, ...]:
    """Count the overflows of each cast on given rows.

    Parameters
    ----------
    graph
        The network.
    rows
        Hardware integers within the input's type, (n events, n features).
    threads
        Threads to use; the counts do not depend on it.

    Returns
    -------
    One record for each cast of `possible_overflows`, those that never overflowed here with 0.

    Examples
    --------
    >>> from emulator.graph import Graph, Square
    >>> x = Input("x", (), FixedFormat(4, 4), size=2)
    >>> y = Square("y", ("x",), FixedFormat(5, 5))
    >>> (count,) = count_overflows(Graph((x, y), ("y",)), np.array([[3, 3], [7, 0], [7, 7]]))
    >>> count.effect, count.n_events, count.n_overflows
    ('wraps', 2, 3)
    """
    possible = _walked(graph)
    # Beyond 62 bits arrays of Python integers are used: slow, and as exact.
    dtype = np.dtype(np.int64 if possible.narrow else object)
    chunks = [rows[first : first + CHUNK_EVENTS] for first in range(0, len(rows), CHUNK_EVENTS)]
    events: dict[Key, int] = dict.fromkeys(possible.keys, 0)
    overflows = dict(events)

    def work(chunk: NDArray[np.integer]) -> _Counting:
        return _count_chunk(graph, chunk.astype(dtype), frozenset(possible.keys))

    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(work, chunks):
            for key, mask in found.events.items():
                events[key] += int(mask.sum())
                overflows[key] += found.overflows[key]
    return tuple(_count(key, events[key], overflows[key]) for key in possible.keys)


def fits_62_bits(graph: Graph) -> bool:
    """Tell whether all numbers on the way, for any row of the input's type, are below 62 bits."""
    return _walked(graph).narrow


def _walked(graph: Graph) -> _Possible:
    possible = _Possible()
    walk_intervals(graph, possible)
    return possible


def _count(key: Key, n_events: int, n_overflows: int) -> OverflowCount:
    node, place, target = key
    return OverflowCount(node, place, str(target), _EFFECTS[target.overflow], n_events, n_overflows)


class _Possible(IntervalArithmetic):
    """Intervals that note which casts may overflow, and whether 62 bits hold all numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[Key, None] = {}
        self.narrow = True

    def cast(self, x: Interval, fraction: int, target: FixedFormat, place: str) -> Interval:
        rounded = x.shifted(fraction - target.fraction, target)
        if not rounded.within(Interval.of(target)):
            self.keys[self.node, place, target] = None
        self.narrow &= x.within(_SAFE) and rounded.within(_SAFE)
        return super().cast(x, fraction, target, place)

    def look_up(
        self, x: Interval, node: UnaryLut | Sigmoid | Tanh, source: FixedFormat
    ) -> Interval:
        if not isinstance(node, UnaryLut):
            largest = curve_end(node, source) * len(node.table) << max(-source.fraction, 0)
            self.narrow &= largest in _SAFE
        return super().look_up(x, node, source)


class _Counting:
    """Columns of events that count the overflows of those casts that may overflow."""

    def __init__(self, n_events: int, dtype: np.dtype[np.generic], keys: frozenset[Key]) -> None:
        self.node = ""
        self.n_events = n_events
        self.dtype = dtype
        self.keys = keys
        self.events: dict[Key, NDArray[np.bool_]] = {}
        self.overflows: dict[Key, int] = defaultdict(int)

    def constant(self, raw: int) -> Column:
        return Column(np.full(self.n_events, raw, dtype=self.dtype))

    def cast(self, x: Column, fraction: int, target: FixedFormat, place: str) -> Column:
        rounded = x.rounded(fraction, target)
        key = (self.node, place, target)
        if key not in self.keys:
            return rounded
        out = rounded.outside(target)
        n = int(out.sum())
        if n == 0:
            return rounded
        self.overflows[key] += n
        self.events[key] = out if key not in self.events else self.events[key] | out
        return rounded.overflowed(target)

    def look_up(self, x: Column, node: UnaryLut | Sigmoid | Tanh, source: FixedFormat) -> Column:
        n = len(node.table)
        if isinstance(node, UnaryLut):
            places = x.raws & n - 1
        else:
            end = curve_end(node, source)
            scaled = Column(np.clip(x.raws, -end, end) * n << max(-source.fraction, 0))
            middle = scaled.divided(2 * node.reach << max(source.fraction, 0)).plus(n // 2)
            places = np.clip(middle.raws, 0, n - 1)
        return Column(np.array(node.table, dtype=self.dtype)[places.astype(np.int64)])


def _count_chunk(graph: Graph, rows: NDArray[np.generic], keys: frozenset[Key]) -> _Counting:
    arithmetic = _Counting(len(rows), rows.dtype, keys)
    values: dict[str, list[Column]] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            values[node.name] = [Column(np.ascontiguousarray(column)) for column in rows.T]
            continue
        arithmetic.node = node.name
        inputs = [values[name] for name in node.inputs]
        tensors = [graph.tensors[name] for name in node.inputs]
        values[node.name] = evaluate_numbers(node, inputs, tensors, arithmetic)
    return arithmetic
