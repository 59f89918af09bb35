"""A planned network as the arrays that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine import kernels as k
from emulator.engine.cast_columns import CAST_COLUMNS, cast_row, no_cast
from emulator.engine.planner import (
    INT62,
    exact_sum_fraction,
    kept_format,
    moved_range,
    plan,
    start_values,
    sum_range,
    table_reach,
    term_fraction,
)
from emulator.fixed import Interval
from emulator.graph.operations import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    MaxPool,
    Multiply,
    Node,
    OffsetShift,
    QuantizeEach,
    Relu,
    Reshape,
    Sigmoid,
    Square,
    Subtract,
    Sum,
    Tanh,
    UnaryLut,
)
from emulator.graph.ranges import node_ranges, table_place
from emulator.graph.windows import BEYOND, patches, pool_windows, spread, weight_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.engine.planner import Plan
    from emulator.fixed import FixedFormat
    from emulator.graph.graph import Graph
    from emulator.graph.windows import Adder

#: Width in which casts are computed.
BITS = 64

#: Columns of the three casts of a step, which do nothing until they are set.
_NO_CASTS = 3 * no_cast(BITS).columns


@dataclass(frozen=True)
class Program:
    """Arrays for `machine.run_rows`; ``tile_rows[name]`` are the rows of each node's elements."""

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


def assemble(graph: Graph, *, tile_bits: int | None = None) -> Program | None:
    """Translate a network into a program, or return None if it needs Python integers.

    ``tile_bits`` may ask for 64-bit tiles where 32 bits suffice.
    """
    planned = plan(graph)
    if planned.tile_bits == 0:
        return None
    if tile_bits == 64:
        planned = replace(planned, tile_bits=64)
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
            if isinstance(node, Reshape | Flatten):
                self.tile_rows[node.name] = self.tile_rows[node.inputs[0]]
                continue
            size = graph.tensors[node.name].size
            self.tile_rows[node.name] = slice(self.n_tile_rows, self.n_tile_rows + size)
            self.n_tile_rows += size

    def add(self, node: Node) -> None:
        if isinstance(node, Dense | Conv2d | Sum):
            self._add_sum(node)
        elif isinstance(node, OffsetShift):
            self._add_offset_shift(node)
        elif isinstance(node, BatchNormalization):
            self._add_normalization(node)
        elif isinstance(node, UnaryLut | Sigmoid | Tanh):
            self._add_table(node)
        elif isinstance(node, MaxPool | AveragePool):
            self._add_pool(node)
        elif isinstance(node, QuantizeEach):
            self._add_quantize_each(node)
        elif isinstance(node, Concatenate):
            self._add_concatenate(node)
        elif isinstance(node, Constant):
            self._add_fill(self.tile_rows[node.name].start, node.raws)
        elif not isinstance(node, Reshape | Flatten):
            self._add_element(node)

    def _new_step(self, node: Node) -> list[int]:
        """Return a step from all of a node's inputs to all of its result."""
        step = _blank_step()
        sources = [self.tile_rows[name].start * k.TILE for name in node.inputs]
        step[k.SOURCE], step[k.SECOND] = sources[0], sources[-1]
        step[k.N_IN] = self.graph.tensors[node.inputs[0]].size
        step[k.TARGET] = self.tile_rows[node.name].start * k.TILE
        step[k.N_OUT] = self.graph.tensors[node.name].size
        self.steps.append(step)
        return step

    def _spare_rows(self, n: int) -> int:
        """Return the first of ``n`` more rows of the tile."""
        self.n_tile_rows += n
        return self.n_tile_rows - n

    def _fractions(self, node: Node) -> list[int]:
        return [self.graph.tensors[name].format.fraction for name in node.inputs]

    def _add_sum(self, node: Adder) -> None:
        source = self.graph.tensors[node.inputs[0]]
        found = patches(node, source)
        n_patch = len(found[0].places)
        template = self._sum_step(node, n_patch)
        if not isinstance(node, Conv2d):
            return
        self.steps.pop()
        template[k.N_IN], template[k.N_OUT] = n_patch, len(node.bias)
        # The last group of a sum reaches beyond its patch; its weights there are zero.
        patch_rows = self._spare_rows(n_patch + k.GROUP)
        zero_row = self._spare_rows(1)
        first_row = self.tile_rows[node.inputs[0]].start
        for patch in found:
            rows = [zero_row if at == BEYOND else first_row + at for at in patch.places]
            gather = self._new_step(node)
            gather[k.OPERATION] = k.GATHER
            gather[k.POOL] = _extend(self.wide_pool, (row * k.TILE for row in rows))
            gather[k.N_OUT], gather[k.TARGET] = n_patch, patch_rows * k.TILE
            step = template.copy()
            step[k.SOURCE] = patch_rows * k.TILE
            step[k.TARGET] += patch.first * k.TILE
            self.steps.append(step)

    def _sum_step(self, node: Adder, n_in: int) -> list[int]:
        step = self._new_step(node)
        source = self.graph.tensors[node.inputs[0]]
        fraction = term_fraction(node, source)
        columns = weight_columns(node, n_in)
        starts = start_values(node)
        accumulator = node.accumulator
        at = exact_sum_fraction(node, fraction)
        if at is None:
            step[k.OPERATION] = k.SUM_STEPWISE
            step[k.POOL] = _extend(
                self.wide_pool, (weight for column in columns for weight in column)
            )
            step[k.STARTS] = _extend(self.wide_pool, starts)
            _set_cast(step, k.CAST_INNER, fraction, accumulator)
            _set_cast(step, k.CAST_STEP, accumulator.fraction, accumulator)
            _set_cast(step, k.CAST_RESULT, accumulator.fraction, node.format)
            return step
        exact = sum_range(node, self.ranges[node.inputs[0]], source, at)
        step[k.OPERATION] = k.SUM_EXACT
        step[k.POOL] = len(self.pool)
        for column in columns:
            padding = [0] * (-len(column) % k.GROUP)
            _extend(self.pool, [weight << at - fraction for weight in column] + padding)
        step[k.STARTS] = _extend(
            self.pool, (start >> accumulator.fraction - at for start in starts)
        )
        kept = kept_format(accumulator, at)
        _set_cast(step, k.CAST_STEP, at, kept, exact)
        _set_cast(step, k.CAST_RESULT, at, node.format, exact.cast(at, kept))
        return step

    def _add_offset_shift(self, node: OffsetShift) -> None:
        step = self._new_step(node)
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

    def _add_element(self, node: Node) -> None:
        step = self._new_step(node)
        fractions = self._fractions(node)
        fraction = max(fractions)
        step[k.ALIGN], step[k.ALIGN_SECOND] = (fraction - fractions[0], fraction - fractions[-1])
        if isinstance(node, Square | Multiply):
            step[k.OPERATION] = k.MULTIPLY
            fraction = fractions[0] + fractions[-1]
        else:
            step[k.OPERATION] = k.ALIGNED_SUM
            step[k.SIGN] = int(isinstance(node, Add)) - int(isinstance(node, Subtract))
        _set_cast(step, k.CAST_RESULT, fraction, node.format, relu=isinstance(node, Relu))

    def _add_normalization(self, node: BatchNormalization) -> None:
        step = self._new_step(node)
        n = step[k.N_OUT]
        product = self._fractions(node)[0] + node.scale_format.fraction
        fraction = max(product, node.bias_format.fraction)
        align = fraction - node.bias_format.fraction
        step[k.OPERATION] = k.NORMALIZE
        step[k.POOL] = _extend(
            self.wide_pool, (s << fraction - product for s in spread(node.scale, n))
        )
        step[k.STARTS] = _extend(self.wide_pool, (bias << align for bias in spread(node.bias, n)))
        _set_cast(step, k.CAST_RESULT, fraction, node.format)

    def _add_table(self, node: UnaryLut | Sigmoid | Tanh) -> None:
        step = self._new_step(node)
        source = self.graph.tensors[node.inputs[0]].format
        reach = table_reach(node, Interval.hull(self.ranges[node.inputs[0]]), source)
        entries = (
            node.table[table_place(node, x, source)] for x in range(reach.low, reach.high + 1)
        )
        fraction = node.table_format.fraction
        step[k.OPERATION] = k.LOOK_UP
        step[k.ALIGN], step[k.ALIGN_SECOND] = reach.low, reach.high
        step[k.POOL] = _extend(
            self.wide_pool, (Interval(e, e).cast(fraction, node.format).low for e in entries)
        )

    def _add_pool(self, node: MaxPool | AveragePool) -> None:
        """Add a step for each element of each window; channels stand side by side."""
        source = self.graph.tensors[node.inputs[0]]
        first_row, channels = self.tile_rows[node.inputs[0]].start, source.shape[-1]
        target, spare = self.tile_rows[node.name].start, self._spare_rows(channels)
        fraction, given = source.format.fraction, source.format
        for window in pool_windows(node, source):
            rows = [first_row + place for place in window]
            if isinstance(node, MaxPool):
                self._add_cast(rows[0], spare, channels, fraction, given)
                for row in rows[1:]:
                    step = self._add_cast(spare, spare, channels, fraction, given)
                    step[k.OPERATION], step[k.SECOND] = k.MAXIMUM, row * k.TILE
                self._add_cast(spare, target, channels, fraction, node.format)
            else:
                self._add_mean(node, rows, spare, fraction, channels)
                step = self._add_cast(
                    spare, target, channels, node.accumulator.fraction, node.format
                )
                step[k.OPERATION], step[k.ALIGN] = k.DIVIDE, len(window)
            target += channels

    def _add_mean(
        self, node: AveragePool, rows: Sequence[int], spare: int, fraction: int, channels: int
    ) -> None:
        accumulator = node.accumulator
        common = max(fraction, accumulator.fraction)
        self._add_fill(spare, (0,) * channels)
        for row in rows:
            step = self._add_cast(spare, spare, channels, common, accumulator)
            step[k.SECOND], step[k.SIGN] = row * k.TILE, 1
            step[k.ALIGN] = common - accumulator.fraction
            step[k.ALIGN_SECOND] = common - fraction

    def _add_quantize_each(self, node: QuantizeEach) -> None:
        first, target = (self.tile_rows[name].start for name in (node.inputs[0], node.name))
        fraction = self._fractions(node)[0]
        for place, own in enumerate(spread(node.formats, self.graph.tensors[node.name].size)):
            if own is None:
                self._add_fill(target + place, (0,))
                continue
            self._add_cast(first + place, target + place, 1, fraction, own)
            self._add_cast(target + place, target + place, 1, own.fraction, node.format)

    def _add_concatenate(self, node: Concatenate) -> None:
        tensors = [self.graph.tensors[name] for name in node.inputs]
        target = self.tile_rows[node.name].start
        for row in range(tensors[0].size // tensors[0].shape[-1]):
            for name, tensor in zip(node.inputs, tensors, strict=True):
                n = tensor.shape[-1]
                first = self.tile_rows[name].start + row * n
                self._add_cast(first, target, n, tensor.format.fraction, node.format)
                target += n

    def _add_cast(
        self, source: int, target: int, n: int, fraction: int, to: FixedFormat
    ) -> list[int]:
        """Add a cast of ``n`` rows of the tile, or of what its operation makes of them."""
        step = _blank_step()
        step[k.OPERATION], step[k.N_OUT] = k.ALIGNED_SUM, n
        step[k.SOURCE] = step[k.SECOND] = source * k.TILE
        step[k.TARGET] = target * k.TILE
        _set_cast(step, k.CAST_RESULT, fraction, to)
        self.steps.append(step)
        return step

    def _add_fill(self, target: int, raws: Sequence[int]) -> None:
        step = _blank_step()
        step[k.OPERATION], step[k.TARGET], step[k.N_OUT] = k.FILL, target * k.TILE, len(raws)
        step[k.POOL] = _extend(self.wide_pool, raws)
        self.steps.append(step)


def _blank_step() -> list[int]:
    return [*[0] * k.CAST_INNER, *_NO_CASTS]


def _extend(pool: list[int], numbers: Iterable[int]) -> int:
    place = len(pool)
    pool.extend(numbers)
    return place


def _set_cast(
    step: list[int],
    at: int,
    fraction: int,
    target: FixedFormat,
    exact: Interval | None = None,
    *,
    relu: bool = False,
) -> None:
    """Write the columns of a cast; ``exact`` bounds what is cast, where that is known."""
    drop, full = fraction - target.fraction, Interval.of(target)
    fits = exact is not None and exact.shifted(drop, target).within(full)
    # A type wider than the machine is one that the planner let pass because nothing overflows.
    row = cast_row(drop, target, BITS, fits=fits or not full.within(INT62), relu=relu)
    step[at : at + CAST_COLUMNS] = row.columns
