"""Jagged contents to results of a chain, without leaving compiled code between blocks of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.lanes.gathering import gather_rows
from emulator.engine.lanes.machine import run_chain
from emulator.engine.lanes.target import TILE
from emulator.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Events whose rows are gathered at a time: few enough for the innermost cache.
EVENTS = 2 * TILE


@kernel
def run_jagged(
    first: int,
    last: int,
    passes: NDArray[np.int64],
    fields: NDArray[np.int64],
    buffer: NDArray[np.int16],
    row_bytes: int,
    reading: NDArray[np.int64],
    layers: NDArray[np.int64],
    numbers: NDArray[np.int32],
    scratch: NDArray[np.int32],
    outputs: NDArray[np.int64],
    n_outputs: int,
) -> None:
    """Gather and run events ``first`` to ``last``.

    Parameters
    ----------
    passes, fields
        Tables of `gather_rows`.
    buffer
        Space for `EVENTS` rows of ``row_bytes`` bytes.
    reading, layers, numbers, scratch, outputs, n_outputs
        As `run_chain` takes them, ``reading`` of rows so far apart; results of event ``first`` go to row ``first``.
    """
    rows = buffer.view(np.uint8)
    tables, columns, target = passes.ctypes.data, fields.ctypes.data, buffer.ctypes.data
    for start in range(first, last, EVENTS):
        n = min(EVENTS, last - start)
        gather_rows(start, n, tables, passes.shape[0], columns, target, row_bytes)
        run_chain(rows, 0, n, reading, layers, numbers, scratch, outputs, start, n_outputs)
