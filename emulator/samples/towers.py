"""Trigger towers of one crossing: overlay of sparse events, and trigger primitives."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel

if TYPE_CHECKING:
    from emulator.samples.deposit import Deposits
    from emulator.samples.detector import TowerResponse

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]

#: Towers from the middle of a 9x9 jet to its edge, and width of the rim beside it.
JET_REACH = 4
RIM_WIDTH = 3
#: Rings and steps added on all sides, so that no search has to look for the end of the detector.
PAD = JET_REACH + RIM_WIDTH


class Primitives(NamedTuple):
    """Trigger primitives in hardware counts, padded by `PAD` on all sides.

    The padding is empty in eta, and holds the opposite end in phi.

    Attributes
    ----------
    total, em
        int32, ``(n_eta + 2 PAD, n_phi + 2 PAD)``.
    n_central
        Non-zero central towers: the trigger's measure of pile-up.
    """

    total: Int32Array
    em: Int32Array
    n_central: int


@lru_cache(maxsize=4)
def moved_towers(n_eta: int, n_phi: int) -> NDArray[np.uint16]:
    """Return where each tower goes when an event is turned and mirrored.

    Returns
    -------
    uint16, ``(2, n_phi, n_eta * n_phi)``: the tower, for eta kept or changed in sign, each number of steps in phi, and
    each tower.

    Examples
    --------
    >>> moved_towers(2, 3)[1, 1].tolist()
    [4, 5, 3, 1, 2, 0]
    """
    ring, step = np.divmod(np.arange(n_eta * n_phi), n_phi)
    turn = np.arange(n_phi)[:, np.newaxis]
    rings = np.stack([ring, n_eta - 1 - ring])[:, np.newaxis]
    return (rings * n_phi + (step + turn) % n_phi).astype(np.uint16)


@kernel
def add_event(
    em: Float32Array,
    had: Float32Array,
    deposits: Deposits,
    event: int,
    moved: NDArray[np.uint16],
) -> None:
    """Add the towers of a pool event, moved.

    Parameters
    ----------
    em, had
        Transverse energies in GeV, float32, ``(n_eta, n_phi)``, changed in place.
    deposits, event
        Where the towers come from.
    moved
        Where each tower goes, uint16, ``(n_eta * n_phi,)``, a row of `moved_towers`.
    """
    em_flat, had_flat = em.reshape(-1), had.reshape(-1)
    # Nearly all time of a crossing goes here: unsigned numbers spare the question whether one counts from the end.
    first = np.uint64(deposits.tower_offsets[event])
    stop = np.uint64(deposits.tower_offsets[event + 1])
    for i in range(first, stop):
        tower = np.uint64(moved[deposits.tower_index[i]])
        em_flat[tower] += deposits.em_gev[i]
        had_flat[tower] += deposits.had_gev[i]


@kernel
def absolute_ring(ring: int, n_eta: int) -> int:
    """Number of a ring counted from eta 0 to either side."""
    half = n_eta // 2
    return ring - half if ring >= half else half - 1 - ring


@kernel
def primitives(
    em: Float32Array,
    had: Float32Array,
    r: TowerResponse,
    central_rings: int,
    total_out: Int32Array,
    em_out: Int32Array,
) -> Primitives:
    """Zero-suppress and count transverse energies; fill the padded planes that are handed in.

    Parameters
    ----------
    em, had
        Transverse energies in GeV, float32, ``(n_eta, n_phi)``.
    r, central_rings
        Numbers of the response and of the geometry.
    total_out, em_out
        int32, ``(n_eta + 2 PAD, n_phi + 2 PAD)``; the padding in eta must be zero.
    """
    n_eta, n_phi = em.shape
    n_central = 0
    per_gev = 1.0 / r.lsb_gev
    for ring in range(n_eta):
        absolute = absolute_ring(ring, n_eta)
        threshold = r.zero_suppression_gev[absolute]
        row = ring + PAD
        for step in range(n_phi):
            em_count = 0
            had_count = 0
            if em[ring, step] >= threshold:
                em_count = min(int(em[ring, step] * per_gev), r.max_lsb)
            if had[ring, step] >= threshold:
                had_count = min(int(had[ring, step] * per_gev), r.max_lsb)
            em_out[row, step + PAD] = em_count
            total_out[row, step + PAD] = em_count + had_count
            if absolute < central_rings and em_count + had_count > 0:
                n_central += 1
        for step in range(PAD):
            em_out[row, step] = em_out[row, step + n_phi]
            total_out[row, step] = total_out[row, step + n_phi]
            em_out[row, n_phi + PAD + step] = em_out[row, PAD + step]
            total_out[row, n_phi + PAD + step] = total_out[row, PAD + step]
    return Primitives(total_out, em_out, n_central)
