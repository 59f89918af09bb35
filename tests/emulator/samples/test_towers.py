"""Overlay of events and trigger primitives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.samples.deposit import Deposits
from emulator.samples.towers import PAD, absolute_ring, add_event, moved_towers, primitives

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings

N_ETA, N_PHI = 80, 72


def _deposits(seed: int, n: int) -> Deposits:
    rng = np.random.default_rng(seed)
    index = rng.permutation(N_ETA * N_PHI)[:n].astype(np.uint16)
    # Multiples of 1/4: sums of floats are exact, whatever their order.
    em, had = (rng.integers(0, 400, n).astype(np.float32) * np.float32(0.25) for _ in range(2))
    none = np.zeros(2, np.int64)
    return Deposits(np.array([0, n]), index, em, had, none, np.zeros((0, 5), np.float32))


def _planes(deposits: Deposits, turn: int, *, flip: bool) -> np.ndarray:
    planes = np.zeros((2, N_ETA, N_PHI), np.float32)
    moved = moved_towers(N_ETA, N_PHI)[int(flip), turn]
    add_event(planes[0], planes[1], deposits, 0, moved)
    return planes


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(1, 200), st.integers(0, N_PHI - 1), st.booleans())
def test_symmetry_operations_move_towers_and_keep_energy(
    seed: int, n: int, turn: int, flip: bool
) -> None:
    deposits = _deposits(seed, n)
    plain, moved = _planes(deposits, 0, flip=False), _planes(deposits, turn, flip=flip)
    assert plain.sum() == deposits.em_gev.sum() + deposits.had_gev.sum()
    expected = np.roll(plain[:, ::-1] if flip else plain, turn, axis=2)
    np.testing.assert_array_equal(moved, expected)


def test_rings_are_counted_from_the_middle() -> None:
    assert [absolute_ring(ring, 80) for ring in (0, 39, 40, 79)] == [39, 0, 0, 39]


def test_zero_suppression_counts_and_saturation(response: ResponseSettings) -> None:
    em, had = np.zeros((2, N_ETA, N_PHI), np.float32)
    planes = np.zeros((2, N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)
    em[40, 0], em[40, 1], em[40, 2] = 0.94, 1.24, 500.0
    had[40, 2], had[0, 71] = 3.0, 2.6
    result = primitives(em, had, response.towers, 28, planes[0], planes[1])
    assert result.em[40 + PAD, PAD : PAD + 3].tolist() == [0, 2, 255]
    assert result.total[40 + PAD, PAD + 2] == 255 + 6
    # The forward ring does not count as central.
    assert result.n_central == 2
    assert result.total.sum() == (2 + 255 + 6) * 2 + 5 * 2


def test_padding_holds_the_opposite_end(response: ResponseSettings) -> None:
    rng = np.random.default_rng(3)
    em, had = rng.uniform(0, 20, (2, N_ETA, N_PHI)).astype(np.float32)
    planes = np.zeros((2, N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)
    result = primitives(em, had, response.towers, 28, planes[0], planes[1])
    inner = result.total[PAD:-PAD, PAD:-PAD]
    expected = np.pad(np.pad(inner, ((0, 0), (PAD, PAD)), mode="wrap"), ((PAD, PAD), (0, 0)))
    np.testing.assert_array_equal(result.total, expected)


@pytest.mark.parametrize("energy", [0.95, 0.9501])
def test_threshold_is_included(response: ResponseSettings, energy: float) -> None:
    em, had = np.zeros((2, N_ETA, N_PHI), np.float32)
    em[40, 5] = np.float32(energy) + np.float32(1e-6)
    planes = np.zeros((2, N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)
    result = primitives(em, had, response.towers, 28, planes[0], planes[1])
    assert result.total[40 + PAD, PAD + 5] == 1
