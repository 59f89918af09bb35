"""Particles to towers and muon candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.samples.deposit import Deposits, Particles, classify, deposit

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings


def _one_event(pdg: list[int], pt: list[float], eta: list[float], phi: list[float]) -> Particles:
    kind, charge = classify(np.array(pdg))
    return Particles(
        np.array([0, len(pdg)]), np.array(pt), np.array(eta), np.array(phi), kind, charge
    )


def _deposit(particles: Particles, response: ResponseSettings, seed: int = 1) -> Deposits:
    return deposit(particles, response, np.random.default_rng(seed))


def test_photon_lands_in_its_tower(response: ResponseSettings) -> None:
    # The middle of ring 40 + 5 and of step 10, far from all edges.
    eta, phi = 5.5 * 0.087, 10.5 * 2 * np.pi / 72
    out = _deposit(_one_event([22], [50.0], [eta], [phi]), response)
    assert out.tower_index.tolist() == [45 * 72 + 10]
    assert out.em_gev[0] == pytest.approx(50.0, rel=0.1)
    assert out.candidates.shape == (0, 5)


def test_energy_at_an_edge_is_shared_equally(response: ResponseSettings) -> None:
    out = _deposit(_one_event([22], [50.0], [5.5 * 0.087], [10.0 * 2 * np.pi / 72]), response)
    assert sorted(out.tower_index.tolist()) == [45 * 72 + 9, 45 * 72 + 10]
    assert out.em_gev[0] == pytest.approx(out.em_gev[1], rel=1e-4)


def test_charges_bend_in_opposite_directions(response: ResponseSettings) -> None:
    middle = 36.5 * 2 * np.pi / 72
    steps = [
        int(
            _deposit(_one_event([pdg], [3.0], [0.5 * 0.087], [middle]), response).tower_index[0]
            % 72
        )
        for pdg in (11, -11)
    ]
    # 3 GeV in 3.8 T: 0.25 rad up to the calorimeter, almost three towers.
    assert steps[0] - 36 == 36 - steps[1] == 3


def test_forward_energy_fills_a_pair(response: ResponseSettings) -> None:
    out = _deposit(_one_event([111 + 2001], [20.0], [4.0], [11.2 * 2 * np.pi / 72]), response)
    assert (out.tower_index % 72).tolist() == [10, 11]
    assert out.had_gev[0] == out.had_gev[1]
    assert not out.em_gev.any()


def test_muons_neutrinos_and_curlers_leave_no_towers(response: ResponseSettings) -> None:
    particles = _one_event([13, 14, 211], [30.0, 30.0, 0.4], [0.5, 0.5, 0.5], [0.0, 1.0, 2.0])
    out = _deposit(particles, response)
    assert out.tower_index.size == 0
    assert out.candidates.tolist() == [[30.0, 0.5, 0.0, -1.0, 1.0]]


def test_probability_of_decay_in_flight(response: ResponseSettings) -> None:
    out = _deposit(_one_event([211, 321], [10.0, 10.0], [0.0, 0.0], [0.0, 1.0]), response)
    punch_through = 2e-4 * 10 / 50
    pion = 1 - np.exp(-0.13957 / 7.8045 * 1.29 / 10)
    kaon = (1 - np.exp(-0.49368 / 3.711 * 1.29 / 10)) * 0.6356
    expected = [pion + punch_through, kaon + punch_through]
    np.testing.assert_allclose(out.candidates[:, 4], expected, rtol=1e-6)
    np.testing.assert_allclose(out.candidates[:, 0], [8.0, 6.0], rtol=1e-6)


def test_mean_response_of_pions(response: ResponseSettings) -> None:
    n = 4000
    rng = np.random.default_rng(5)
    particles = _one_event([130] * n, [40.0] * n, list(rng.uniform(-1, 1, n)), [0.0] * n)
    out = _deposit(particles, response)
    energy = 40 * np.cosh(particles.eta)
    expected = (40 * (0.95 - 0.35 * np.exp(-energy / 12))).sum()
    assert out.em_gev.sum() + out.had_gev.sum() == pytest.approx(expected, rel=0.02)


def test_events_are_independent_of_their_neighbours(response: ResponseSettings) -> None:
    kind, charge = classify(np.array([22, 22]))
    two = Particles(
        np.array([0, 1, 2]), np.full(2, 9.0), np.full(2, 0.3), np.full(2, 1.0), kind, charge
    )
    out = _deposit(two, response)
    assert out.tower_offsets.tolist()[0] == 0
    first, second = np.split(out.tower_index, [out.tower_offsets[1]])
    assert first.tolist() == second.tolist()
    assert out.em_gev.sum() == pytest.approx(18.0, rel=0.2)


def test_same_seed_same_deposits(response: ResponseSettings) -> None:
    particles = _one_event([211] * 50, [5.0] * 50, [0.1] * 50, [0.3] * 50)
    first, again, other = (_deposit(particles, response, seed) for seed in (1, 1, 2))
    assert first.had_gev.tolist() == again.had_gev.tolist()
    assert first.had_gev.tolist() != other.had_gev.tolist()
