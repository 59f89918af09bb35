"""A planned network as the arrays that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine import kernels as k
from emulator.engine.planner import (
    exact_sum_fraction,
    kept_format,
    moved_range,
    plan,
    start_values,
    sum_range,
)
from emulator.fixed import Interval
from emulator.graph.operations import (
    Add,
    Dense,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Square,
    Subtract,
    Sum,
)
from emulator.graph.ranges import node_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from emulator.engine.planner import Plan
    from emulator.fixed import FixedFormat
    from emulator.graph.graph import Graph

_ROUNDING_CODES = {
    "TRN": k.TRN,
    "TRN_ZERO": k.TRN_ZERO,
    "RND": k.RND,
    "RND_ZERO": k.RND_ZERO,
    "RND_INF": k.RND_INF,
    "RND_MIN_INF": k.RND_MIN_INF,
    "RND_CONV": k.RND_CONV,
}
_OVERFLOW_CODES = {"WRAP": k.WRAP, "SAT": k.SAT, "SAT_SYM": k.SAT, "SAT_ZERO": k.SAT_ZERO}

_ELEMENT_CODES: dict[type[Node], int] = {
    Relu: k.RELU,
    Quantize: k.QUANTIZE,
    Square: k.SQUARE,
    Add: k.ADD,
    Subtract: k.SUBTRACT,
}


@dataclass(frozen=True)
class Program:
    """Arrays for `kernels.run_rows`; ``tile_rows[name]`` are the rows of each node's elements."""

    plan: Plan
    steps: NDArray[np.int64]
    pool: NDArray[np.signedinteger]
    wide_pool: NDArray[np.int64]
    tile_rows: Mapping[str, slice]
    n_tile_rows: int

    @property
    def tile_dtype(self) -> np.dtype[np.signedinteger]:
        """Integers of the tiles and of `pool`."""
        return self.pool.dtype


def assemble(graph: Graph) -> Program | None:
    """Translate a network into a program, or return None if it needs Python integers."""
    planned = plan(graph)
    if planned.tile_bits == 0:
        return None
    assembler = _Assembler(graph)
    for node in graph.nodes[1:]:
        assembler.add(node)
    dtype = np.dtype(np.int32 if planned.tile_bits == 32 else np.int64)
    modulus = 1 << 64
    wrapped = [(number + modulus // 2) % modulus - modulus // 2 for number in assembler.pool]
    return Program(
        plan=planned,
        steps=np.array(assembler.steps, dtype=np.int64).reshape(-1, k.N_COLUMNS),
        pool=np.array(wrapped, dtype=np.int64).astype(dtype),
        wide_pool=np.array(assembler.wide_pool, dtype=np.int64),
        tile_rows=assembler.tile_rows,
        # The last group of a sum may reach beyond the last node; its weights there are zero.
        n_tile_rows=assembler.n_tile_rows + k.GROUP,
    )


class _Assembler:
    """Collects steps and pools while it walks through the nodes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.ranges = node_ranges(graph)
        self.steps: list[list[int]] = []
        self.pool: list[int] = []
        self.wide_pool: list[int] = []
        self.tile_rows: dict[str, slice] = {}
        self.n_tile_rows = 0
        for node in graph.nodes:
            size = graph.tensors[node.name].size
            self.tile_rows[node.name] = slice(self.n_tile_rows, self.n_tile_rows + size)
            self.n_tile_rows += size

    def add(self, node: Node) -> None:
        step = [0] * k.N_COLUMNS
        sources = [self.tile_rows[name].start * k.TILE for name in node.inputs]
        step[k.SOURCE], step[k.SECOND] = sources[0], sources[-1]
        step[k.N_IN] = self.graph.tensors[node.inputs[0]].size
        step[k.TARGET] = self.tile_rows[node.name].start * k.TILE
        step[k.N_OUT] = self.graph.tensors[node.name].size
        if isinstance(node, Dense | Sum):
            self._add_sum(node, step)
        elif isinstance(node, OffsetShift):
            self._add_offset_shift(node, step)
        else:
            self._add_element(node, step)
        self.steps.append(step)

    def _fractions(self, node: Node) -> list[int]:
        return [self.graph.tensors[name].format.fraction for name in node.inputs]

    def _add_sum(self, node: Dense | Sum, step: list[int]) -> None:
        fraction = self._fractions(node)[0]
        if isinstance(node, Dense):
            fraction += node.weight_format.fraction
            factors = [weight for column in zip(*node.weights, strict=True) for weight in column]
        else:
            factors = [1] * step[k.N_IN]
        starts = start_values(node)
        accumulator = node.accumulator
        at = exact_sum_fraction(node, fraction)
        dense = isinstance(node, Dense)
        if at is None:
            step[k.OPERATION] = k.DENSE_STEPWISE if dense else k.SUM_STEPWISE
            step[k.POOL] = _extend(self.wide_pool, factors)
            step[k.STARTS] = _extend(self.wide_pool, starts)
            _set_cast(step, k.CAST_INNER, fraction, accumulator)
            _set_cast(step, k.CAST_STEP, accumulator.fraction, accumulator)
            _set_cast(step, k.CAST_RESULT, accumulator.fraction, node.format)
            return
        exact = sum_range(node, self.ranges[node.inputs[0]], fraction, at)
        step[k.OPERATION] = k.DENSE_EXACT if dense else k.SUM_EXACT
        step[k.POOL] = len(self.pool)
        for j in range(step[k.N_OUT]):
            column = factors[j * step[k.N_IN] : (j + 1) * step[k.N_IN]]
            padding = [0] * (-len(column) % k.GROUP)
            _extend(self.pool, [factor << at - fraction for factor in column] + padding)
        step[k.STARTS] = _extend(
            self.pool, (start >> accumulator.fraction - at for start in starts)
        )
        kept = kept_format(accumulator, at)
        _set_cast(step, k.CAST_STEP, at, kept, exact)
        _set_cast(step, k.CAST_RESULT, at, node.format, exact.cast(at, kept))

    def _add_offset_shift(self, node: OffsetShift, step: list[int]) -> None:
        source = self._fractions(node)[0]
        fraction = max(source, node.offset_format.fraction)
        align = fraction - node.offset_format.fraction
        step[k.OPERATION] = k.OFFSET_SHIFT
        step[k.ALIGN] = fraction - source
        step[k.POOL] = _extend(self.wide_pool, (offset << align for offset in node.offset))
        step[k.STARTS] = _extend(self.wide_pool, node.shift)
        moved = moved_range(node, self.ranges[node.inputs[0]], source)
        _set_cast(step, k.CAST_INNER, fraction, node.inner, moved)
        _set_cast(step, k.CAST_STEP, node.inner.fraction, replace(node.inner, overflow="WRAP"))
        _set_cast(step, k.CAST_RESULT, node.inner.fraction, node.format)

    def _add_element(self, node: Node, step: list[int]) -> None:
        fractions = self._fractions(node)
        fraction = max(fractions)
        step[k.OPERATION] = _ELEMENT_CODES[type(node)]
        step[k.ALIGN], step[k.ALIGN_SECOND] = (fraction - fractions[0], fraction - fractions[-1])
        exact = 2 * fraction if isinstance(node, Square) else fraction
        _set_cast(step, k.CAST_RESULT, exact, node.format)


def _extend(pool: list[int], numbers: Iterable[int]) -> int:
    place = len(pool)
    pool.extend(numbers)
    return place


def _set_cast(
    step: list[int], at: int, fraction: int, target: FixedFormat, exact: Interval | None = None
) -> None:
    """Write the columns of a cast; ``exact`` bounds what is cast, where that is known."""
    step[at + k.DROP] = fraction - target.fraction
    step[at + k.ROUNDING] = _ROUNDING_CODES[target.rounding]
    low, high = target.lowest, target.raw_max
    fits = exact is not None and exact.shifted(fraction - target.fraction, target).within(
        Interval(low, high)
    )
    # A type wider than the machine is one that the planner let pass because nothing overflows.
    if fits or not Interval(low, high).within(Interval(-(2**62), 2**62)):
        step[at + k.OVERFLOW] = k.NO_OVERFLOW
        return
    step[at + k.OVERFLOW] = _OVERFLOW_CODES[target.overflow]
    step[at + k.LOW], step[at + k.HIGH] = low, high
    step[at + k.MASK] = (1 << target.width) - 1
