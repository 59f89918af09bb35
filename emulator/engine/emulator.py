"""The engine: integer scores of a network for many crossings, exact to the last bit."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.execution import (
    Execution,
    JaggedExecution,
    PythonExecution,
    TileExecution,
    execution,
)
from emulator.engine.jagged import JaggedRows, RowOrder, copied_order, reordered
from emulator.engine.kernels import TILE
from emulator.engine.program import assemble
from emulator.engine.reference import evaluate_rows
from emulator.engine.selection import select
from emulator.errors import RangeError
from emulator.features import columns_of_layout, rows_of_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.engine.planner import Plan
    from emulator.features import FeatureLayout
    from emulator.graph.graph import Graph
    from emulator.kernel_names import KernelName
    from emulator.objects import Columns

#: Below this number of events per thread, waking another thread costs more than it saves.
MIN_EVENTS_PER_THREAD = 8_192

#: Events that a thread takes at once, at most, and when little is left: enough to forget what a call costs, few enough
#: that one thread never waits long for another.
MAX_BLOCK, LAST_BLOCK = 32_768, 4_096


class Emulator:
    """Runs a network on rows of hardware integers.

    Parameters
    ----------
    graph
        The network.
    threads
        Threads to use at most; by default all processors this process may use. The result does not
        depend on it.
    kernel
        Run the network with this kernel instead of the fastest that is proved exact; see
        `emulator.engine.KERNELS`. The result does not depend on it either.

    Raises
    ------
    KernelError
        If ``kernel`` is not proved exact for this network.

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

    def __init__(
        self, graph: Graph, *, threads: int | None = None, kernel: KernelName | None = None
    ) -> None:
        self.graph = graph
        self.threads = threads if threads is not None else len(os.sched_getaffinity(0))
        if self.threads < 1:
            msg = f"needs at least one thread, got {threads}"
            raise ValueError(msg)
        selection = select(graph, kernel)
        self.plan: Plan = selection.plan
        self._kernel = kernel
        self._execution = execution(selection)
        self._n_outputs = sum(graph.tensors[name].size for name in graph.outputs)
        self._gatherings: dict[FeatureLayout, tuple[RowOrder, Execution] | None] = {}

    def run(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Return the raws of the graph's outputs.

        Parameters
        ----------
        rows
            Hardware integers, (n events, n features); int16 is read fastest, or int8 where the
            network's input type is no wider.

        Returns
        -------
        For each output, int64, (n events, size of the output).

        Raises
        ------
        RangeError
            If an integer is out of the range of the network's input type.
        """
        return self._run(self._execution, rows, self.graph.outputs)

    def run_events(self, events: ak.Array, layout: FeatureLayout) -> dict[str, NDArray[np.int64]]:
        """Return the raws of the graph's outputs for jagged objects.

        The same as `run` on `emulator.features.feature_rows`, without the rows in between: they are
        made for a block of events at a time, field by field, and the network's first weights stand
        in that order.

        Parameters
        ----------
        events
            An events array; slots count its objects in the order in which they stand.
        layout
            The network's inputs.

        Raises
        ------
        MissingNameError
            If the events lack an optional field that the layout reads.
        RangeError
            As `run` does.
        """
        self._check_layout(layout)
        return self.run_columns(columns_of_layout(events, layout), layout)

    def run_columns(
        self, collections: Mapping[str, Columns], layout: FeatureLayout
    ) -> dict[str, NDArray[np.int64]]:
        """Return the raws of the graph's outputs for jagged objects in flat arrays; see `run_events`.

        Parameters
        ----------
        collections
            By name, offsets (which never fall) and contents (int16) of at least what the layout reads.
        layout
            The network's inputs.

        Raises
        ------
        MissingNameError
            If a collection or field that the layout reads is missing.
        ValueError
            If contents are not int16, or collections differ in their number of events.
        RangeError
            As `run` does.

        Examples
        --------
        >>> import numpy as np
        >>> from emulator.features import Feature, FeatureLayout
        >>> from emulator.fixed import FixedFormat
        >>> from emulator.graph import Graph, Input, Sum
        >>> from emulator.objects import Columns
        >>> whole = FixedFormat(16, 16)
        >>> x = Input("x", (), whole, size=2)
        >>> score = Sum("score", ("x",), whole, accumulator=whole)
        >>> layout = FeatureLayout("two", (Feature("jet", 0, "pt"), Feature("jet", 1, "pt")))
        >>> pt = np.array([90, 80, 70, 40], dtype=np.int16)
        >>> jets = Columns(np.array([0, 3, 3, 4]), {"pt": pt})
        >>> Emulator(Graph((x, score), ("score",))).run_columns({"jet": jets}, layout)
        {'score': array([[170],
               [  0],
               [ 40]])}
        """
        self._check_layout(layout)
        gathering = self._gathering(layout)
        if gathering is None:
            n_rows = len(collections[layout.inputs[0][0]].offsets) - 1
            return self.run(rows_of_columns(collections, layout, n_rows))
        order, inner = gathering
        jagged = JaggedRows.of(collections, order, layout)
        outputs = np.empty((jagged.n_events, self._n_outputs), dtype=np.int64)
        nothing = np.empty((0, 0), dtype=np.int16)
        self._run_threads(JaggedExecution(jagged, inner), nothing, outputs, jagged.n_events)
        return self._split(outputs, self.graph.outputs)

    def _check_layout(self, layout: FeatureLayout) -> None:
        if len(layout) != self.graph.input.size:
            msg = f"the layout has {len(layout)} features, the network {self.graph.input.size}"
            raise ValueError(msg)

    def _gathering(self, layout: FeatureLayout) -> tuple[RowOrder, Execution] | None:
        """Return the order in which a layout's rows are gathered and the network for them."""
        if layout not in self._gatherings:
            order = copied_order(layout)
            source = self.graph.input.format
            holds = source.lowest <= np.iinfo(np.int16).min and source.raw_max >= 2**15 - 1
            graph = reordered(self.graph, order.features) if order and holds else None
            self._gatherings[layout] = (
                (order, execution(select(graph, self._kernel))) if order and graph else None
            )
        return self._gatherings[layout]

    def trace(self, rows: NDArray[np.integer]) -> dict[str, NDArray[np.int64]]:
        """Return the raws of every node, in order of evaluation; see `run`."""
        return self._run(self._tracing, rows, tuple(node.name for node in self.graph.nodes))

    @cached_property
    def _tracing(self) -> Execution:
        names = tuple(node.name for node in self.graph.nodes)
        program = assemble(self.graph)
        if program is None:
            return PythonExecution(self.graph.with_outputs(names))
        return TileExecution.of(program, names)

    def _run(
        self, execution: Execution, rows: NDArray[np.integer], names: Sequence[str]
    ) -> dict[str, NDArray[np.int64]]:
        checked = self._check(rows)
        if isinstance(execution, PythonExecution):
            return evaluate_rows(execution.graph, checked, jobs=self.threads)
        width = sum(self.graph.tensors[name].size for name in names)
        outputs = np.empty((len(checked), width), dtype=np.int64)
        self._run_threads(execution, execution.readable(checked), outputs, len(checked))
        return self._split(outputs, names)

    def _split(
        self, outputs: NDArray[np.int64], names: Sequence[str]
    ) -> dict[str, NDArray[np.int64]]:
        ends = np.cumsum([self.graph.tensors[name].size for name in names]).tolist()
        starts = [0, *ends[:-1]]
        return {
            name: outputs[:, start:end]
            for name, start, end in zip(names, starts, ends, strict=True)
        }

    def _check(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
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
        return array

    def _run_threads(
        self,
        execution: Execution,
        rows: NDArray[np.integer],
        outputs: NDArray[np.int64],
        n_events: int,
    ) -> None:
        if not n_events:
            return
        threads = max(1, min(self.threads, n_events // MIN_EVENTS_PER_THREAD))
        if threads == 1:
            execution.run(rows, 0, n_events, outputs)
            return
        # Blocks are taken by turns: a thread that is interrupted leaves the others its work.
        blocks, following = blocks_of(n_events, threads), count()

        def work() -> None:
            while (place := next(following)) < len(blocks):
                execution.run(rows, *blocks[place], outputs)

        others = [_pool(threads - 1, os.getpid()).submit(work) for _ in range(threads - 1)]
        work()
        for other in others:
            other.result()


def blocks_of(n_events: int, threads: int) -> list[tuple[int, int]]:
    """Return the first and behind the last event of each block, in the order in which threads take them.

    Where little is left for all threads blocks are smaller, so that none waits long for another. The last events come
    first: those of jagged objects are copied before they are run, while other threads have enough to do.
    """
    blocks, stop = [], n_events
    while stop > 0:
        share = stop // (2 * threads * TILE) * TILE
        start = max(stop - min(max(share, LAST_BLOCK), MAX_BLOCK), 0)
        blocks.append((start, stop))
        stop = start
    return blocks


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Return threads that stay, of this process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="emulator")
