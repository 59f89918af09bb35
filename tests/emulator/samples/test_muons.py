"""Muons from candidates placed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.samples.muons import BADLY, FREE, WELL, found_probability, measure_muons

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.response import Steps


def _muons(
    response: ResponseSettings, steps: Steps, candidate: list[float], n: int, how: int = FREE
) -> np.ndarray:
    out = np.zeros((n, 7), np.int32)
    candidates = np.array([[*candidate, how]] * n, np.float32)
    rng = np.random.default_rng(7)
    found = measure_muons(candidates, 0.0, False, response.muons, steps, rng, out, 0)
    return out[:found]


def test_muon_scale_and_position(response: ResponseSettings, steps: Steps) -> None:
    found = _muons(response, steps, [30.0, 0.5, 1.0, 1.0, 1.0], 4000)
    assert len(found) == 4000
    pt_gev = 0.5 * (found[:, 0] - 1)
    # Scaled up by 15 % at a resolution of 16 %, with a tail.
    assert (pt_gev >= 30).mean() == pytest.approx(0.80, abs=0.04)
    assert found[:, 1].mean() == pytest.approx(0.5 / 0.010875, abs=0.2)
    assert found[:, 2].mean() == pytest.approx(1.0 / (2 * np.pi) * 576, abs=0.2)
    assert set(found[:, 5]) == {4, 8, 12}
    # A tail of 4 % with a width of 0.4: 2.5 standard deviations to the other charge.
    assert found[:, 6].mean() < 0.002


def test_badly_measured_muons_are_the_tail(response: ResponseSettings, steps: Steps) -> None:
    well, badly = (
        _muons(response, steps, [10.0, 0.5, 1.0, 1.0, 1.0], 4000, how) for how in (WELL, BADLY)
    )
    # Curvature 1.15 / 25 of 1 / 10: 3.4 standard deviations, and 1.35 in the tail.
    assert (well[:, 0] > 51).mean() < 0.003
    assert (badly[:, 0] > 51).mean() == pytest.approx(0.0885, abs=0.02)


def test_curvature_of_the_wrong_sign_is_that_of_the_other_charge(
    response: ResponseSettings, steps: Steps
) -> None:
    """Badly measured muons of the endcap: width 0.55 of the curvature, so one in 27 changes its sign."""
    found = _muons(response, steps, [10.0, 1.3, 0.0, 1.0, 1.0], 40_000, BADLY)
    turned = found[:, 6] == 1
    assert turned.mean() == pytest.approx(0.037, abs=0.004)
    # They are not straight lines: a muon that is turned looks as soft as its curvature is large.
    saturated = found[:, 0] == steps.muon_max
    assert (turned & ~saturated).sum() / turned.sum() > 0.75
    assert np.median(found[turned, 0]) < 2 * 100
    # What is straighter than 1 / 255 of either sign, 1.15 / 25.5 of 1 / 10.
    assert saturated.mean() == pytest.approx(0.013, abs=0.003)


def test_found_probability(response: ResponseSettings) -> None:
    rows = [[30.0, 0.5], [3.5, 0.5], [2.9, 0.5], [2.4, 1.3], [2.6, 1.3], [30.0, 2.45]]
    candidates = np.array([[pt, eta, 0.0, 1.0, 0.5] for pt, eta in rows], np.float32)
    expected = [0.48, 0.24, 0.0, 0.0, 0.48 / (1 + np.exp(0.9 / 0.7)), 0.0]
    found = found_probability(candidates, response.muons)
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-5)


@pytest.mark.parametrize("charge", [1.0, -1.0])
def test_measured_phi_is_bent_against_the_charge(
    response: ResponseSettings, steps: Steps, charge: float
) -> None:
    found = _muons(response, steps, [10.0, 0.3, 2.0, charge, 1.0], 500)
    assert set(found[:, 6]) == {0 if charge > 0 else 1}
    bend = (found[:, 4] - found[:, 2]) / 576 * 2 * np.pi * 0.5 * (found[:, 0] - 1)
    assert np.median(bend) == pytest.approx(-charge * 2.2, rel=0.05)


def test_improbable_candidates_are_realised_as_often_as_they_should(
    response: ResponseSettings, steps: Steps
) -> None:
    found = _muons(response, steps, [30.0, 0.5, 1.0, 1.0, 0.1], 10_000)
    assert len(found) == pytest.approx(1000, abs=4 * np.sqrt(1000))


def test_flip_and_turn_of_muons(response: ResponseSettings, steps: Steps) -> None:
    candidates = np.array([[50.0, 1.0, 0.5, 1.0, 1.0, FREE]] * 50, np.float32)
    both = []
    for turn, flip in ((0.0, False), (np.pi, True)):
        out = np.zeros((50, 7), np.int32)
        rng = np.random.default_rng(3)
        n = measure_muons(candidates, turn, flip, response.muons, steps, rng, out, 0)
        both.append(out[:n])
    np.testing.assert_array_equal(both[0][:, 0], both[1][:, 0])
    np.testing.assert_array_equal(both[0][:, 1], -both[1][:, 1])
    np.testing.assert_array_equal((both[0][:, 2] + 288) % 576, both[1][:, 2])
