"""Ways to run a selected network on some of the rows, one behind the other where it is split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from emulator.engine.jagged import BLOCK
from emulator.engine.kernels import TILE
from emulator.engine.lanes.arrays import ChainArrays, assemble_chain
from emulator.engine.program import Program, assemble
from emulator.engine.reference import evaluate_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.engine.jagged import JaggedRows
    from emulator.engine.selection import Selection
    from emulator.graph.graph import Graph

    Rows = NDArray[Any]

#: Events that are handed from one part of an execution to the next; they stay in a cache.
BETWEEN = 2_048


class Execution(Protocol):
    """Runs a network on rows; the results of all its outputs stand side by side."""

    def readable(self, rows: Rows) -> Rows:
        """Return the rows, contiguous, in a type that can be read."""
        ...

    def run(self, rows: Rows, first: int, last: int, outputs: NDArray[np.int64]) -> None:
        """Write the results of events ``first`` to ``last`` to the same rows of ``outputs``."""
        ...


@dataclass(frozen=True)
class PythonExecution:
    """The reference: integers of any size."""

    graph: Graph

    def readable(self, rows: Rows) -> Rows:
        """Everything can be read."""
        return rows

    def run(self, rows: Rows, first: int, last: int, outputs: NDArray[np.int64]) -> None:
        """Evaluate event after event."""
        found = evaluate_rows(self.graph, rows[first:last])
        outputs[first:last] = np.concatenate(list(found.values()), axis=1)


@dataclass(frozen=True)
class TileExecution:
    """The general kernels."""

    program: Program
    output_rows: NDArray[np.int64]

    @classmethod
    def of(cls, program: Program, names: Sequence[str]) -> TileExecution:
        """Run a program for the named nodes."""
        slices = [program.tile_rows[name] for name in names]
        return cls(program, np.concatenate([np.arange(each.start, each.stop) for each in slices]))

    def readable(self, rows: Rows) -> Rows:
        """Everything can be read."""
        return rows

    def run(self, rows: Rows, first: int, last: int, outputs: NDArray[np.int64]) -> None:
        """Run blocks of tiles through all steps, rows widened to the integers of the tiles."""
        from emulator.engine.machine import run_rows  # compiles many kernels, if it is used

        program = self.program
        tile = np.zeros(program.n_tile_rows * TILE, dtype=program.tile_dtype)
        for start in range(first, last, BETWEEN):
            stop = min(start + BETWEEN, last)
            run_rows(
                np.ascontiguousarray(rows[start:stop], dtype=tile.dtype),
                program.steps,
                program.pool,
                program.wide_pool,
                tile,
                self.output_rows,
                outputs[start:stop],
            )


@dataclass(frozen=True)
class ChainExecution:
    """Lane kernels for a chain, and another execution for what follows it, if anything does."""

    arrays: ChainArrays
    rest: Execution | None

    def readable(self, rows: Rows) -> Rows:
        """Widen what the chain does not read as it is."""
        if rows.dtype.itemsize in self.arrays.reading:
            return np.ascontiguousarray(rows)
        item = max(self.arrays.reading)
        return np.ascontiguousarray(rows, dtype=np.int16 if item == 2 else np.int32)

    def run(self, rows: Rows, first: int, last: int, outputs: NDArray[np.int64]) -> None:
        """Run the chain, and the rest on what it gives, in blocks."""
        scratch = np.zeros(self.arrays.scratch_words, dtype=np.int32)
        if self.rest is None:
            self._run_chain(rows, first, last, scratch, outputs, first)
            return
        between = np.empty((min(BETWEEN, last - first), self.arrays.n_outputs), dtype=np.int64)
        for start in range(first, last, BETWEEN):
            stop = min(start + BETWEEN, last)
            self._run_chain(rows, start, stop, scratch, between, 0)
            self.rest.run(between, 0, stop - start, outputs[start:stop])

    def _run_chain(
        self,
        rows: Rows,
        first: int,
        last: int,
        scratch: NDArray[np.int32],
        outputs: NDArray[np.int64],
        to: int,
    ) -> None:
        from emulator.engine.lanes.machine import run_chain

        arrays = self.arrays
        run_chain(
            rows.reshape(-1).view(np.uint8),
            first,
            last,
            arrays.reading[rows.dtype.itemsize],
            arrays.layers,
            arrays.numbers,
            scratch,
            outputs.reshape(-1),
            to,
            arrays.n_outputs,
        )


@dataclass(frozen=True)
class JaggedExecution:
    """Makes the rows of a block of events and runs them while they are in a cache."""

    events: JaggedRows
    inner: Execution

    def readable(self, rows: Rows) -> Rows:
        """Rows are made here."""
        return rows

    def run(self, rows: Rows, first: int, last: int, outputs: NDArray[np.int64]) -> None:  # noqa: ARG002
        """Run events ``first`` to ``last``; there are no ``rows`` to read."""
        events, n_safe = self.events, self.events.n_safe
        safe = min(max(first, n_safe), last)
        if first < safe:
            self._run(events, first, safe, outputs)
        if safe < last:
            self._run(events.padded_end, safe - n_safe, last - n_safe, outputs[n_safe:])

    def _run(self, events: JaggedRows, first: int, last: int, outputs: NDArray[np.int64]) -> None:
        inner = self.inner
        if isinstance(inner, ChainExecution) and inner.rest is None and 2 in inner.arrays.reading:
            _run_fused(events, inner.arrays, first, last, outputs)
            return
        buffer = events.buffer(BLOCK)
        for start in range(first, last, BLOCK):
            stop = min(start + BLOCK, last)
            made = inner.readable(events.write(start, stop, buffer))
            inner.run(made, 0, stop - start, outputs[start:stop])


def _run_fused(
    events: JaggedRows, arrays: ChainArrays, first: int, last: int, outputs: NDArray[np.int64]
) -> None:
    """Gather and run without leaving compiled code."""
    from emulator.engine.lanes.fused import run_jagged, space_for_lines

    run_jagged(
        first,
        last,
        events.passes,
        events.buffer(TILE).reshape(-1),
        arrays.reading_apart(events.order.row_bytes),
        arrays.layers,
        arrays.numbers,
        np.zeros(arrays.scratch_words, dtype=np.int32),
        outputs.reshape(-1),
        arrays.n_outputs,
        space_for_lines(arrays.lines_of_tile),
    )


def execution(selection: Selection) -> Execution:
    """Return how to run a selected network."""
    rest: Execution | None = None
    if selection.rest is not None:
        program = assemble(selection.rest, tile_bits=selection.tile_bits)
        if selection.tile_bits == 0 or program is None:
            rest = PythonExecution(selection.rest)
        else:
            rest = TileExecution.of(program, selection.rest.outputs)
    if selection.chain is None:
        assert rest is not None  # noqa: S101 - a network without a chain is all rest
        return rest
    return ChainExecution(assemble_chain(selection.chain), rest)
