"""The engine: integer scores of a network for many crossings, exact to the last bit."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.kernels import TILE
from emulator.engine.machine import run_rows
from emulator.engine.planner import Plan, plan
from emulator.engine.program import Program, assemble
from emulator.engine.reference import evaluate_rows
from emulator.errors import RangeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.graph.graph import Graph

#: Below this number of events per thread, waking another thread costs more than it saves.
MIN_EVENTS_PER_THREAD = 4_096


class Emulator:
    """Runs a network on rows of hardware integers.

    Parameters
    ----------
    graph
        The network.
    threads
        Threads to use at most; by default all processors this process may use. The result does not
        depend on it.

    Examples
    --------
    >>> import numpy as np
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Graph, Input, Square, Sum
    >>> byte = FixedFormat(16, 16)
    >>> x = Input("x", (), byte, size=3)
    >>> s = Square("s", ("x",), byte)
    >>> score = Sum("score", ("s",), byte, accumulator=byte)
    >>> Emulator(Graph((x, s, score), ("score",))).run(np.array([[1, 2, 3], [0, -2, 0]]))
    {'score': array([[14],
           [ 4]])}
    """

    def __init__(self, graph: Graph, *, threads: int | None = None) -> None:
        self.graph = graph
        self.threads = threads if threads is not None else len(os.sched_getaffinity(0))
        if self.threads < 1:
            msg = f"needs at least one thread, got {threads}"
            raise ValueError(msg)
        self._program: Program | None = assemble(graph)
        self.plan: Plan = self._program.plan if self._program else plan(graph)

    def run(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Return the raws of the graph's outputs.

        Parameters
        ----------
        rows
            Hardware integers, (n events, n features); int16 is read fastest.

        Returns
        -------
        For each output, int64, (n events, size of the output).

        Raises
        ------
        RangeError
            If an integer is out of the range of the network's input type.
        """
        return self._run(rows, self.graph.outputs)

    def trace(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Return the raws of every node, in order of evaluation; see `run`."""
        return self._run(rows, tuple(node.name for node in self.graph.nodes))

    def _run(self, rows: NDArray[np.integer], names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        checked = self._check(rows)
        if self._program is None:
            return evaluate_rows(self.graph.with_outputs(tuple(names)), checked, jobs=self.threads)
        slices = [self._program.tile_rows[name] for name in names]
        output_rows = np.concatenate([np.arange(part.start, part.stop) for part in slices])
        outputs = np.empty((len(checked), len(output_rows)), dtype=np.int64)
        self._run_threads(self._program, checked, output_rows, outputs)
        ends = np.cumsum([part.stop - part.start for part in slices])
        parts = np.split(outputs, ends[:-1], axis=1)
        return dict(zip(names, parts, strict=True))

    def _check(self, rows: NDArray[np.integer]) -> NDArray[np.signedinteger]:
        source = self.graph.input
        array = np.asarray(rows)
        if array.ndim != 2 or array.shape[1] != source.size or array.dtype.kind not in "iu":
            msg = (
                f"rows must be integers of shape (n, {source.size}), "
                f"got {array.dtype} of shape {array.shape}"
            )
            raise ValueError(msg)
        limits = np.iinfo(array.dtype)
        lowest, highest = source.format.lowest, source.format.raw_max
        fits = lowest <= limits.min and limits.max <= highest
        if not fits and array.size:
            bad = (array < lowest) | (array > highest)
            if bad.any():
                event, feature = np.argwhere(bad)[0]
                msg = (
                    f"event {event}, feature {feature}: {array[event, feature]} is out of the range "
                    f"of the network's input, {source.format}"
                )
                raise RangeError(msg)
        # Kernels are compiled for these three; anything else is widened.
        known = array.dtype in {np.dtype(np.int16), np.dtype(np.int32)}
        return np.ascontiguousarray(array, dtype=array.dtype if known else np.int64)

    def _run_threads(
        self,
        program: Program,
        rows: NDArray[np.signedinteger],
        output_rows: NDArray[np.int64],
        outputs: NDArray[np.int64],
    ) -> None:
        n_tiles = -(-len(rows) // TILE)
        threads = max(1, min(self.threads, len(rows) // MIN_EVENTS_PER_THREAD))
        bounds = [min(n_tiles * part // threads * TILE, len(rows)) for part in range(threads + 1)]

        def work(part: int) -> None:
            tile = np.zeros(program.n_tile_rows * TILE, dtype=program.tile_dtype)
            run_rows(
                rows,
                bounds[part],
                bounds[part + 1],
                program.steps,
                program.pool,
                program.wide_pool,
                tile,
                output_rows,
                outputs,
            )

        if threads == 1:
            work(0)
            return
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
