"""Hot towers are found, even ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from l1distill.anatomy.hot_spots import TowerMap, find_hot_spots

N_ETA, N_PHI = 20, 72
KEY = ("eg", "accepted")


def tower_map(entries: np.ndarray) -> TowerMap:
    """A map whose towers are one unit wide in eta."""
    return TowerMap(
        entries, np.arange(len(entries) + 1.0), np.linspace(0, 2 * np.pi, entries.shape[1] + 1)
    )


def even(rng: np.random.Generator, mean: float) -> np.ndarray:
    """Crossings that fall steeply in eta and do not know phi."""
    rings = mean * np.exp(-np.arange(N_ETA) / 4.0)
    return np.asarray(rng.poisson(np.repeat(rings[:, None], N_PHI, axis=1)), dtype=np.int64)


def test_the_probability_of_one_tower_is_binomial() -> None:
    entries = np.zeros((1, N_PHI), dtype=np.int64)
    entries[0, :12], entries[0, 40] = 1, 8
    (spot,) = find_hot_spots({KEY: tower_map(entries)})
    assert (spot.collection, spot.selection, spot.entries) == ("eg", "accepted", 8)
    by_hand = sum(stats.binom.pmf(k, 20, 1 / 72) for k in range(8, 21))
    assert spot.p_local == pytest.approx(by_hand)
    # One ring of 72 towers, each tried with two windows.
    assert spot.p_global == pytest.approx(1 - (1 - by_hand) ** 144)
    assert spot.expected == pytest.approx(12 / 71)
    assert (spot.eta_low, spot.eta_high) == (0.0, 1.0)
    assert spot.phi_low == pytest.approx(40 * 2 * np.pi / 72)


def test_even_maps_are_flagged_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(3)
    n_toys, below = 300, 0.1
    flagged = sum(
        bool(find_hot_spots({KEY: tower_map(even(rng, 3.0))}, below=below)) for _ in range(n_toys)
    )
    # The binomial is discrete and windows overlap, so it is less; three standard deviations of toys.
    assert flagged / n_toys <= below + 3 * np.sqrt(below * (1 - below) / n_toys)
    assert flagged > 0, "a test that can fail"


@pytest.mark.parametrize("column", [0, 20, N_PHI - 1])
def test_a_hot_tower_is_flagged_where_it_is(column: int) -> None:
    entries = even(np.random.default_rng(5), 3.0)
    entries[4, column] += 25
    (spot,) = find_hot_spots({KEY: tower_map(entries)})
    assert spot.eta_low == 4.0
    assert spot.phi_low == pytest.approx(column * 2 * np.pi / N_PHI)
    assert spot.entries == entries[4, column]


def test_a_region_of_weak_towers_is_flagged_by_the_wide_window() -> None:
    entries = even(np.random.default_rng(6), 2.0)
    entries[9:12, 30:33] += 3
    spots = find_hot_spots({KEY: tower_map(entries)})
    assert [(spot.eta_low, spot.eta_high) for spot in spots] == [(9.0, 12.0)]


def test_many_maps_make_chance_likelier() -> None:
    entries = np.zeros((1, N_PHI), dtype=np.int64)
    entries[0, :12], entries[0, 40] = 1, 4
    alone = find_hot_spots({KEY: tower_map(entries)}, below=1.0)[0]
    maps = {("eg", str(number)): tower_map(np.ones_like(entries)) for number in range(9)}
    among = find_hot_spots({KEY: tower_map(entries), **maps}, below=1.0)[0]
    assert among.p_local == alone.p_local
    assert among.p_global > 5 * alone.p_global


def test_nothing_is_not_hot() -> None:
    assert find_hot_spots({KEY: tower_map(np.zeros((3, N_PHI), dtype=np.int64))}) == ()
    assert find_hot_spots({}) == ()
