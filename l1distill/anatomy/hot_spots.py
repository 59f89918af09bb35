"""Towers that fire more often than the rest of their ring: noise, a bad calibration, a broken link.

Physics does not know the azimuth, so the towers of one ring in eta share its crossings evenly. What a
tower has is then binomial, exactly, whatever the spectrum in eta is and however few crossings there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

#: Probability, with all places that were looked at, below which a place is called hot.
HOT: Final = 1e-3

#: Widths of the windows that are tried, in towers: one, and three by three around it.
WINDOWS: Final = (1, 3)


@dataclass(frozen=True, slots=True)
class HotSpot(Record):
    """A place with more crossings than the rest of its ring explains.

    Parameters
    ----------
    collection, selection
        Whose leading object, and among which crossings.
    eta_low, eta_high, phi_low, phi_high
        The place; phi in rad.
    entries
        Crossings there, whatever their weight.
    expected
        Crossings that the rest of the ring lets expect there.
    p_local
        Probability of as many or more there, if the ring were even.
    p_global
        Probability that any of the places looked at, in all maps, is as unlikely.
    """

    collection: str
    selection: str
    eta_low: float
    eta_high: float
    phi_low: float
    phi_high: float
    entries: int
    expected: float
    p_local: float
    p_global: float


@dataclass(frozen=True, slots=True)
class TowerMap:
    """Crossings by the place of their leading object.

    Attributes
    ----------
    entries
        int64, axes (eta, phi), phi all around.
    eta_edges, phi_edges
        Edges of the towers; phi in rad.
    """

    entries: NDArray[np.int64]
    eta_edges: NDArray[np.float64]
    phi_edges: NDArray[np.float64]


def find_hot_spots(
    maps: Mapping[tuple[str, str], TowerMap], *, below: float = HOT
) -> tuple[HotSpot, ...]:
    """Find places that are hot, in all maps together.

    Parameters
    ----------
    maps
        Maps by collection and selection.
    below
        Largest `HotSpot.p_global` that is reported.

    Returns
    -------
    Places that do not overlap, the least likely first.

    Notes
    -----
    All windows of `WINDOWS` are tried at each tower. The look-elsewhere effect is Sidak's,
    ``1 - (1 - p)**n`` for all ``n`` windows in rings with any crossing: exact for independent ones,
    conservative for windows that overlap. Weights are not used: they do not know the azimuth either.

    Examples
    --------
    >>> flat = np.full((3, 72), 4)
    >>> flat[1, 20] = 40
    >>> tower_map = TowerMap(flat, np.array([-1.0, 0, 1, 2]), np.linspace(0, 2 * np.pi, 73))
    >>> (spot,) = find_hot_spots({("eg", "accepted"): tower_map})
    >>> spot.entries, spot.eta_low, round(spot.phi_low, 3), round(spot.expected, 1)
    (40, 0.0, 1.745, 4.0)
    """
    candidates: list[tuple[float, tuple[str, str], int, int, int, float]] = []
    n_windows = 0
    for key, tower_map in maps.items():
        for width in WINDOWS:
            p_values, expected, tried = _p_values(tower_map.entries, width)
            n_windows += tried
            # Only what could pass with one trial is worth a row.
            for row, column in np.argwhere(p_values < below):
                candidates.append(
                    (
                        float(p_values[row, column]),
                        key,
                        width,
                        int(row),
                        int(column),
                        float(expected[row, column]),
                    )
                )
    found: list[HotSpot] = []
    taken: dict[tuple[str, str], NDArray[np.bool_]] = {
        key: np.zeros(tower_map.entries.shape, dtype=np.bool_) for key, tower_map in maps.items()
    }
    for p_local, key, width, row, column, mean in sorted(candidates, key=lambda each: each[0]):
        p_global = float(-np.expm1(n_windows * np.log1p(-min(p_local, 1 - 1e-16))))
        if p_global >= below:
            break
        tower_map = maps[key]
        rows, columns = _window(tower_map.entries.shape, width, row, column)
        place = np.ix_(rows, columns)
        if taken[key][place].any():
            continue
        taken[key][place] = True
        found.append(
            _hot_spot(key, tower_map, (rows, columns), mean, p_local=p_local, p_global=p_global)
        )
    return tuple(found)


def _hot_spot(
    key: tuple[str, str],
    tower_map: TowerMap,
    place: tuple[Sequence[int], Sequence[int]],
    expected: float,
    *,
    p_local: float,
    p_global: float,
) -> HotSpot:
    rows, columns = place
    eta, phi = tower_map.eta_edges, tower_map.phi_edges
    return HotSpot(
        *key,
        eta_low=float(eta[rows[0]]),
        eta_high=float(eta[rows[-1] + 1]),
        phi_low=float(phi[columns[0]]),
        phi_high=float(phi[columns[-1] + 1]),
        entries=int(tower_map.entries[np.ix_(rows, columns)].sum()),
        expected=expected,
        p_local=p_local,
        p_global=p_global,
    )


def _window(
    shape: tuple[int, ...], width: int, row: int, column: int
) -> tuple[list[int], list[int]]:
    """Rows and columns of the window around a tower; phi goes around, eta ends."""
    half = width // 2
    rows = [each for each in range(row - half, row + half + 1) if 0 <= each < shape[0]]
    return rows, [(column + step) % shape[1] for step in range(-half, half + 1)]


def _p_values(
    entries: NDArray[np.int64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return for the window around each tower its probability and expectation, and how many count."""
    half = width // 2
    rows = _sum_of_neighbours(entries, half)
    windows = sum(np.roll(rows, step, axis=1) for step in range(-half, half + 1))
    here = np.asarray(windows, dtype=np.int64)
    ring = np.broadcast_to(rows.sum(axis=1, keepdims=True), here.shape)
    share = width / entries.shape[1]
    p_values = np.asarray(stats.binom.sf(here - 1, ring, share), dtype=np.float64)
    # What the others of the ring let expect: the tower itself is not evidence of its mean.
    expected = (ring - here) * (share / (1 - share))
    return np.where(ring > 0, p_values, 1.0), expected, int((ring > 0).sum())


def _sum_of_neighbours(entries: NDArray[np.int64], half: int) -> NDArray[Any]:
    """Sum each row with its neighbours in eta."""
    padded = np.pad(entries, ((half, half), (0, 0)))
    return np.asarray(
        sum(padded[step : step + len(entries)] for step in range(2 * half + 1)), dtype=np.int64
    )
