"""Exact ranges of every node, from its types and actual weights, in Python integers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.fixed import FixedFormat, Interval
from emulator.graph.evaluation import evaluate_numbers
from emulator.graph.operations import Input, Sigmoid, Tanh, UnaryLut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.graph.graph import Graph

    # One interval of raws for each element of a tensor.
    Ranges = tuple[Interval, ...]


@lru_cache(maxsize=2)  # several parts of an engine ask, for a network and what follows its chain
def node_ranges(graph: Graph) -> Mapping[str, Ranges]:
    """Return an interval of raws for each element of each node; nothing can ever lie outside.

    The input is taken to use all of its type.

    Examples
    --------
    >>> from emulator.graph import Graph, Square
    >>> x = Input("x", (), FixedFormat(4, 4), size=1)
    >>> y = Square("y", ("x",), FixedFormat(8, 8, signed=False))
    >>> node_ranges(Graph((x, y), ("y",)))["y"]
    (Interval(low=0, high=64),)
    """
    return walk_intervals(graph, IntervalArithmetic())


def walk_intervals(graph: Graph, arithmetic: IntervalArithmetic) -> Mapping[str, Ranges]:
    """Evaluate a network over the intervals of its input's type; see `node_ranges`."""
    ranges: dict[str, Ranges] = {}
    for node in graph.nodes:
        if isinstance(node, Input):
            ranges[node.name] = (Interval.of(node.format),) * node.size
            continue
        arithmetic.node = node.name
        inputs = [ranges[name] for name in node.inputs]
        tensors = [graph.tensors[name] for name in node.inputs]
        ranges[node.name] = tuple(evaluate_numbers(node, inputs, tensors, arithmetic))
    return ranges


class IntervalArithmetic:
    """Arithmetic of intervals; ``node`` is the node that is evaluated."""

    def __init__(self) -> None:
        self.node = ""
        # Elements often share their intervals, and large tables take time.
        self._found: dict[tuple[str, Interval], Interval] = {}

    def constant(self, raw: int) -> Interval:
        """Return the interval of one number."""
        return Interval(raw, raw)

    def cast(
        self,
        x: Interval,
        fraction: int,
        target: FixedFormat,
        place: str,  # noqa: ARG002 - for those who note what is cast
    ) -> Interval:
        """Cast to a type."""
        return x.cast(fraction, target)

    def look_up(
        self, x: Interval, node: UnaryLut | Sigmoid | Tanh, source: FixedFormat
    ) -> Interval:
        """Return the interval of the entries that can be found."""
        key = (node.name, x)
        if key not in self._found:
            entries = _reached_entries(node, x, source)
            self._found[key] = Interval(min(entries), max(entries))
        return self._found[key]


def _reached_entries(
    node: UnaryLut | Sigmoid | Tanh, x: Interval, source: FixedFormat
) -> tuple[int, ...]:
    if isinstance(node, UnaryLut):
        if x.low < 0 <= x.high:  # the bits of negative numbers stand in the upper half
            return node.table[x.low :] + node.table[: x.high + 1]
        first = x.low % len(node.table)
        return node.table[first : first + x.high - x.low + 1]
    reach = curve_reach(node, x, source)
    if 2 * curve_end(node, source) > len(node.table):  # no entry in between is left out
        first, last = (table_place(node, end, source) for end in (reach.low, reach.high))
        return node.table[first : last + 1]
    return tuple(
        node.table[table_place(node, raw, source)] for raw in range(reach.low, reach.high + 1)
    )


def curve_end(node: Sigmoid | Tanh, source: FixedFormat) -> int:
    """Return the raw from which on, and from whose negative down, the ends of a table are found."""
    return node.reach << max(source.fraction, 0)


def curve_reach(node: Sigmoid | Tanh, x: Interval, source: FixedFormat) -> Interval:
    """Return the raws that find entries; those beyond find what its ends find."""
    end = curve_end(node, source)
    return Interval(min(max(x.low, -end), end), max(min(x.high, end), -end))


def table_place(node: UnaryLut | Sigmoid | Tanh, raw: int, source: FixedFormat) -> int:
    """Return which entry of a table a raw of type ``source`` finds."""
    n = len(node.table)
    if isinstance(node, UnaryLut):
        return raw % n
    scaled, unit = raw * n, 2 * node.reach
    if source.fraction >= 0:
        unit <<= source.fraction
    else:
        scaled <<= -source.fraction
    toward_zero = scaled // unit if scaled >= 0 else -(-scaled // unit)
    return min(max(toward_zero + n // 2, 0), n - 1)
