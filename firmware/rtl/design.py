"""A verilated design as a clocked machine: rows go in, and what stands at its outputs comes out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Design:
    """One instance of a verilated design, through the C interface that alkaid writes.

    Nothing here knows when a result is due: every clock is simulated and every state of the outputs
    is returned.

    Parameters
    ----------
    path
        The compiled library.
    n_outputs
        Numbers at the output port.
    """

    def __init__(self, path: Path, n_outputs: int) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.fsm_create.restype = ctypes.c_void_p
        self._library.fsm_run.restype = None
        for function in (self._library.fsm_destroy, self._library.fsm_soft_reset):
            function.restype = None
            function.argtypes = [ctypes.c_void_p]
        self._n_outputs = n_outputs
        self._handle = ctypes.c_void_p(self._library.fsm_create())

    def clock(self, rows: NDArray[np.integer], n_clocks: int) -> NDArray[np.int64]:
        """Present one row before each clock edge; when there are no more, the last one stays.

        Parameters
        ----------
        rows
            Raws at the input port, (n rows, n features).
        n_clocks
            Edges to simulate.

        Returns
        -------
        Raws at the output port after each edge, int64, (n clocks, n outputs).
        """
        values = np.ascontiguousarray(rows, dtype=np.float64)
        results = np.empty((n_clocks, self._n_outputs))
        pointer = ctypes.c_void_p
        self._library.fsm_soft_reset(self._handle)
        self._library.fsm_run(
            self._handle,
            (pointer * 1)(values.ctypes.data),
            (ctypes.c_size_t * 1)(len(values)),
            (pointer * 1)(results.ctypes.data),
            ctypes.c_size_t(n_clocks),
            ctypes.c_size_t(0),
            ctypes.c_uint8(0),  # not by alkaid's schedule
            ctypes.c_size_t(1),
        )
        return results.astype(np.int64)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._library.fsm_destroy(self._handle)
