"""A planned network as the arrays that the kernels read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine import kernels as k
from emulator.engine.assembler import Assembler
from emulator.engine.planner import plan
from emulator.engine.steps import add_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emulator.engine.planner import Plan
    from emulator.graph.graph import Graph


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
    assembler = Assembler(graph)
    for node in graph.nodes:
        add_steps(node, assembler)
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
