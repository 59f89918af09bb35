"""What the steps of all operations are made with: rows of a tile, pools of numbers, and casts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine import kernels as k
from emulator.engine.cast_columns import CAST_COLUMNS, cast_row, no_cast
from emulator.engine.widths import INT62
from emulator.fixed import Interval
from emulator.graph.operations import Flatten, Reshape
from emulator.graph.ranges import node_ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.fixed import FixedFormat
    from emulator.graph.graph import Graph
    from emulator.graph.operations import Node

#: Width in which casts are computed.
BITS = 64

#: Columns of the three casts of a step, which do nothing until they are set.
_NO_CASTS = 3 * no_cast(BITS).columns


class Assembler:
    """Collects steps and pools while operations are added, node after node.

    Attributes
    ----------
    steps
        Rows of columns, as the machine reads them.
    pool, wide_pool
        Numbers of exact sums, and of all other operations.
    tile_rows, n_tile_rows
        Rows of the tile for each node, and of all so far.
    """

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

    def new_step(self, node: Node) -> list[int]:
        """Return a step from all of a node's inputs to all of its result."""
        step = blank_step()
        sources = [self.tile_rows[name].start * k.TILE for name in node.inputs]
        step[k.SOURCE], step[k.SECOND] = sources[0], sources[-1]
        step[k.N_IN] = self.graph.tensors[node.inputs[0]].size
        step[k.TARGET] = self.tile_rows[node.name].start * k.TILE
        step[k.N_OUT] = self.graph.tensors[node.name].size
        self.steps.append(step)
        return step

    def spare_rows(self, n: int) -> int:
        """Return the first of ``n`` more rows of the tile."""
        self.n_tile_rows += n
        return self.n_tile_rows - n

    def fractions(self, node: Node) -> list[int]:
        """Return the fraction bits of what a node reads."""
        return [self.graph.tensors[name].format.fraction for name in node.inputs]

    def add_cast(
        self, source: int, target: int, n: int, fraction: int, to: FixedFormat
    ) -> list[int]:
        """Add a cast of ``n`` rows of the tile, or of what its operation makes of them."""
        step = blank_step()
        step[k.OPERATION], step[k.N_OUT] = k.ALIGNED_SUM, n
        step[k.SOURCE] = step[k.SECOND] = source * k.TILE
        step[k.TARGET] = target * k.TILE
        set_cast(step, k.CAST_RESULT, fraction, to)
        self.steps.append(step)
        return step

    def add_fill(self, target: int, raws: Sequence[int]) -> None:
        """Add a step that writes a number to each of some rows."""
        step = blank_step()
        step[k.OPERATION], step[k.TARGET], step[k.N_OUT] = k.FILL, target * k.TILE, len(raws)
        step[k.POOL] = extend(self.wide_pool, raws)
        self.steps.append(step)


def blank_step() -> list[int]:
    """Return a step that does nothing yet."""
    return [*[0] * k.CAST_INNER, *_NO_CASTS]


def extend(pool: list[int], numbers: Iterable[int]) -> int:
    """Append numbers to a pool and return where they begin."""
    place = len(pool)
    pool.extend(numbers)
    return place


def set_cast(
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
