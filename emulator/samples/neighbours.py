"""Out-of-time pile-up: what trigger primitives count of the crossings before and after.

A pulse of the calorimeter is longer than 25 ns, so a trigger primitive holds a share of what the
two neighbouring crossings left in its tower. These are natural crossings of their own, whatever
the stratum of the crossing between them: its probability does not change. With a spread of the mean
pile-up each draws a mean of its own. The forward calorimeter is fast enough to have none.

Everything here is drawn from a random stream of its own, so that the crossing between the neighbours
is the same without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel
from emulator.samples.draws import draw_natural
from emulator.samples.overlays import soft_entry

if TYPE_CHECKING:
    from emulator.samples.detector import TowerResponse
    from emulator.samples.overlays import Overlays, OverlayTables
    from emulator.samples.strata import ClassMeans

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

#: The crossing before and the one after.
N_NEIGHBOURS = 2


class Neighbours(NamedTuple):
    """Interactions in the neighbours of crossings, and the shares of them that are counted.

    Attributes
    ----------
    offsets, entries
        Hard entries of each neighbour: int64, ``(N_NEIGHBOURS * n + 1,)`` and ``(n_drawn,)``. All of a
        crossing follow each other.
    n_soft
        Interactions of the softest class, int64, ``(N_NEIGHBOURS * n,)``; empty if nothing is counted.
    em_share, had_share
        Shares of electromagnetic and of hadronic energy.
    """

    offsets: IntArray
    entries: IntArray
    n_soft: IntArray
    em_share: float
    had_share: float


def draw_neighbours(
    overlays: Overlays,
    means: ClassMeans,
    n: int,
    response: TowerResponse,
    rng: np.random.Generator,
) -> tuple[Neighbours, np.random.Generator]:
    """Draw the interactions in the neighbours of ``n`` crossings.

    Parameters
    ----------
    overlays, means
        Entries and mean numbers of all classes.
    n
        Number of crossings.
    response
        Shares that are counted. If both are 0, nothing is drawn.
    rng
        Source of randomness of the crossings; not one number of it is used.

    Returns
    -------
    The neighbours, and the source of randomness to lay them over with.
    """
    shares = (response.out_of_time_em, response.out_of_time_had)
    if shares == (0.0, 0.0):
        nothing = np.zeros(0, np.int64)
        return Neighbours(np.zeros(1, np.int64), nothing, nothing, *shares), rng
    (own,) = rng.spawn(1)
    draw = draw_natural(overlays, means, N_NEIGHBOURS * n, own)
    return Neighbours(draw.offsets, draw.entries, draw.n_soft, *shares), own


@kernel
def add_neighbours(
    em: Float32Array,
    had: Float32Array,
    tables: OverlayTables,
    neighbours: Neighbours,
    crossing: int,
    moved: NDArray[np.uint16],
    central_rings: int,
    rng: np.random.Generator,
) -> None:
    """Add the shares of both neighbours of a crossing to its transverse energies.

    Parameters
    ----------
    em, had
        Transverse energies in GeV, float32, ``(n_eta, n_phi)``, changed in place.
    tables, neighbours, crossing
        What meets there.
    moved
        Where towers go, of `moved_towers`.
    central_rings
        Rings per side before the forward calorimeter.
    rng
        Source of randomness of the neighbours.
    """
    if neighbours.n_soft.size == 0:
        return
    n_eta, n_phi = em.shape
    em_flat, had_flat = em.reshape(-1), had.reshape(-1)
    # Towers before the forward calorimeter, on both sides: they follow each other.
    first = np.uint64((n_eta // 2 - central_rings) * n_phi)
    stop = np.uint64((n_eta // 2 + central_rings) * n_phi)
    em_share, had_share = np.float32(neighbours.em_share), np.float32(neighbours.had_share)
    for beside in range(N_NEIGHBOURS * crossing, N_NEIGHBOURS * (crossing + 1)):
        n_hard = neighbours.offsets[beside + 1] - neighbours.offsets[beside]
        for k in range(n_hard + neighbours.n_soft[beside]):
            if k < n_hard:
                entry = neighbours.entries[neighbours.offsets[beside] + k]
            else:
                entry = soft_entry(tables, rng)
            turn = int(rng.random() * n_phi)
            row = moved[1 if rng.random() < 0.5 else 0, turn]
            event = tables.event[entry]
            deposits = tables.deposits
            for i in range(deposits.tower_offsets[event], deposits.tower_offsets[event + 1]):
                tower = np.uint64(row[deposits.tower_index[i]])
                if first <= tower < stop:
                    em_flat[tower] += em_share * deposits.em_gev[i]
                    had_flat[tower] += had_share * deposits.had_gev[i]
