"""Level-1 objects from towers and muons placed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.samples.detector import ResponseSettings, load_response
from emulator.samples.response import (
    BADLY,
    FREE,
    WELL,
    Steps,
    box_sum,
    find_egammas,
    find_jets,
    find_taus,
    found_probability,
    hardware_steps,
    is_maximum,
    jet_sums,
    keep_best,
    measure_muons,
    rim_sum,
    tower_sums,
)
from emulator.samples.towers import PAD, Primitives, primitives

if TYPE_CHECKING:
    from emulator.objects import HardwareScales

N_ETA, N_PHI = 80, 72


@pytest.fixture(scope="module")
def response() -> ResponseSettings:
    """The packaged response without its extra resolutions, so that energies are exact."""
    packaged = load_response()
    return replace(
        packaged,
        jets=packaged.jets._replace(extra_resolution=0.0),
        egammas=packaged.egammas._replace(extra_resolution=0.0),
    )


@pytest.fixture(scope="module")
def steps(response: ResponseSettings, scales: HardwareScales) -> Steps:
    return hardware_steps(scales, response.geometry)


def _primitives(response: ResponseSettings, *towers: tuple[int, int, float, float]) -> Primitives:
    """Primitives from (ring, step, em GeV, had GeV)."""
    em, had = np.zeros((2, N_ETA, N_PHI), np.float32)
    for ring, step, em_gev, had_gev in towers:
        em[ring, step], had[ring, step] = em_gev, had_gev
    planes = np.zeros((2, N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)
    return primitives(em, had, response.towers, 28, planes[0], planes[1])


def _out() -> np.ndarray:
    return np.zeros((64, 4), np.int32)


def test_steps(steps: Steps) -> None:
    assert steps.ring_eta[[39, 40]].tolist() == [-1, 1]
    assert abs(steps.ring_eta).max() <= 127
    np.testing.assert_array_equal(steps.ring_eta, -steps.ring_eta[::-1])
    assert (steps.calo_per_phi, steps.jet_max, steps.muon_max) == (2, 2047, 511)


@pytest.mark.parametrize("ring", [0, 11, 30, 40, 66, 79])
@pytest.mark.parametrize("step", [0, 3, 40, 71])
def test_jet_stands_where_the_tower_is(
    response: ResponseSettings, steps: Steps, ring: int, step: int
) -> None:
    out = _out()
    n = find_jets(
        _primitives(response, (ring, step, 0.0, 60.0)),
        response.jets,
        steps,
        np.random.default_rng(1),
        out,
    )
    absolute = ring - 40 if ring >= 40 else 39 - ring
    calibrated = response.jets.offset_lsb[absolute] + response.jets.slope[absolute] * 120
    calibrated = min(calibrated, response.jets.max_factor * 120)
    assert n == 1
    assert out[0, :3].tolist() == [int(calibrated), steps.ring_eta[ring], 2 * step + 1]


def test_jet_energy_is_the_box_without_the_three_lowest_strips() -> None:
    plane = np.zeros((N_ETA + 2 * PAD, N_PHI + 2 * PAD), np.int32)
    plane[40 - 4 : 41 + 4, 40 - 4 : 41 + 4] = 1
    assert box_sum(plane, 40, 40, 4, 4) == 81
    plane[40, 45], plane[40, 47], plane[40, 48] = 10, 20, 999
    plane[40 - 7, 40] = 50
    plane[40 - 5, 40 - 5] = 999
    # Strips: 30 in rising phi, nothing in falling phi, 50 in falling eta, nothing in rising eta.
    assert rim_sum(plane, 40, 40) == 30


def test_of_equal_towers_exactly_one_is_the_maximum() -> None:
    plane = np.zeros((30, 30), np.int32)
    plane[10:20, 10:20] = 7
    maxima = [(r, c) for r in range(10, 20) for c in range(10, 20) if is_maximum(plane, r, c, 9, 9)]
    assert len(maxima) == 1
    # Every pair of equal towers within reach excludes one of the two.
    for other in np.ndindex(19, 19):
        pair = np.zeros((30, 30), np.int32)
        pair[10, 10] = pair[10 + other[0] - 9, 10 + other[1] - 9] = 5
        places = zip(*np.nonzero(pair), strict=True)
        assert sum(is_maximum(pair, int(r), int(c), 9, 9) for r, c in places) == 1


def test_two_jets_apart_are_both_found_and_close_ones_are_one(
    response: ResponseSettings, steps: Steps
) -> None:
    apart = _primitives(response, (40, 10, 0.0, 50.0), (40, 30, 0.0, 40.0))
    close = _primitives(response, (40, 10, 0.0, 50.0), (40, 14, 0.0, 40.0))
    assert find_jets(apart, response.jets, steps, np.random.default_rng(1), _out()) == 2
    assert find_jets(close, response.jets, steps, np.random.default_rng(1), _out()) == 1


def test_jets_saturate(response: ResponseSettings, steps: Steps) -> None:
    out = _out()
    block = [(40 + r, 20 + c, 120.0, 120.0 + (r == c == 0)) for r in range(4) for c in range(4)]
    assert (
        find_jets(
            _primitives(response, *block), response.jets, steps, np.random.default_rng(1), out
        )
        == 1
    )
    assert out[0, 0] == 2047


def test_egamma_cluster(response: ResponseSettings, steps: Steps) -> None:
    out, rng = _out(), np.random.default_rng(1)
    towers = [(45, 20, 30.0, 0.0), (45, 21, 5.0, 0.0), (46, 20, 4.0, 0.0), (44, 20, 2.0, 0.0)]
    p = _primitives(response, *towers)
    assert find_egammas(p, response.egammas, steps, rng, out) == 1
    # Seed, its row in phi, and the better of the two rows beside it.
    assert out[0].tolist() == [60 + 10 + 8, steps.ring_eta[45], 41, 1]


def test_hadronic_energy_vetoes_egamma_and_crowd_spoils_isolation(
    response: ResponseSettings, steps: Steps
) -> None:
    out, rng = _out(), np.random.default_rng(1)
    hadronic = _primitives(response, (45, 20, 30.0, 10.0))
    assert find_egammas(hadronic, response.egammas, steps, rng, out) == 0
    crowded = _primitives(response, (45, 20, 30.0, 0.0), (47, 23, 0.0, 20.0))
    assert find_egammas(crowded, response.egammas, steps, rng, out) == 1
    assert out[0, 3] == 0


def test_hadrons_beside_the_seed_veto_egamma(response: ResponseSettings, steps: Steps) -> None:
    """10 GeV beside a cluster of 30 GeV is a jet; 5 GeV may be pile-up."""
    out, rng = _out(), np.random.default_rng(1)
    jet = _primitives(response, (45, 20, 30.0, 0.0), (46, 21, 0.0, 10.0))
    assert find_egammas(jet, response.egammas, steps, rng, out) == 0
    electron = _primitives(response, (45, 20, 30.0, 0.0), (46, 21, 0.0, 5.0))
    assert find_egammas(electron, response.egammas, steps, rng, out) == 1


def test_extra_resolutions_are_as_wide_as_the_card_says(steps: Steps) -> None:
    packaged, rng, out = load_response(), np.random.default_rng(4), _out()
    p = _primitives(packaged, (45, 20, 100.0, 0.0))
    ways: list[tuple[Any, Any]] = [
        (find_jets, packaged.jets),
        (find_egammas, packaged.egammas),
    ]
    for measure, part in ways:
        energies = []
        for _ in range(3000):
            assert measure(p, part, steps, rng, out) == 1
            energies.append(int(out[0, 0]))
        assert np.std(energies) / np.mean(energies) == pytest.approx(
            part.extra_resolution, rel=0.08
        )


def test_tau_cluster(response: ResponseSettings, steps: Steps) -> None:
    out = _out()
    p = _primitives(response, (45, 71, 10.0, 20.0), (46, 0, 0.0, 5.0))
    assert find_taus(p, response.taus, steps, out) == 1
    assert out[0].tolist() == [int(1.2 * 70), steps.ring_eta[45], 143, 1]
    forward = _primitives(response, (70, 71, 10.0, 20.0))
    assert find_taus(forward, response.taus, steps, out) == 0


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
    assert not found[:, 6].any()


def test_badly_measured_muons_are_the_tail(response: ResponseSettings, steps: Steps) -> None:
    well, badly = (
        _muons(response, steps, [10.0, 0.5, 1.0, 1.0, 1.0], 4000, how) for how in (WELL, BADLY)
    )
    # Curvature 1.15 / 25 of 1 / 10: 3.4 standard deviations, and 1.35 in the tail.
    assert (well[:, 0] > 51).mean() < 0.003
    assert (badly[:, 0] > 51).mean() == pytest.approx(0.0885, abs=0.02)


def test_curvature_of_the_wrong_sign_saturates_or_is_the_other_charge(
    response: ResponseSettings, steps: Steps
) -> None:
    """Badly measured muons of the endcap: width 0.55 of the curvature, so one in 27 changes its sign."""
    v2 = load_response("response_cms_v2")
    assert v2.muons._replace(fold_curvature=0) == load_response().muons
    old, new = (
        _muons(each, steps, [10.0, 1.3, 0.0, 1.0, 1.0], 40_000, BADLY) for each in (response, v2)
    )
    wrong = old[:, 0] == steps.muon_max
    assert wrong.mean() == pytest.approx(0.044, abs=0.004)
    assert not old[:, 6].any()
    # The same random numbers: what was measured well is the same, what was not has the other charge.
    np.testing.assert_array_equal(new[~wrong], old[~wrong])
    turned = new[:, 6] == 1
    # The others were only nearly straight.
    assert turned[wrong].mean() == pytest.approx(0.84, abs=0.03)
    assert (new[turned, 0] < steps.muon_max).mean() > 0.75
    # A muon that is turned looks as soft as its curvature is large: most are below 100 GeV.
    assert np.median(new[turned, 0]) < 2 * 100


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


def test_sums_of_one_jet_point_away_from_it(response: ResponseSettings, steps: Steps) -> None:
    p = _primitives(response, (45, 10, 0.0, 50.0), (75, 40, 0.0, 30.0))
    jets, out = _out(), np.zeros((6, 2), np.int16)
    n = find_jets(p, response.jets, steps, np.random.default_rng(1), jets)
    jet_sums(jets, n, response.sums, steps, out)
    angle = (np.arange(N_PHI) + 0.5) * 2 * np.pi / N_PHI
    tower_sums(p, response.sums, steps, np.cos(angle), np.sin(angle), out)
    central = jets[:n][jets[:n, 2] == 21][0]
    assert out[0, 0] == 100
    assert out[1, 0] == central[0]
    # 100 may come out as 99.999 and lose its last count.
    assert out[2, 0] in {99, 100}
    assert abs(int(out[3, 0]) - central[0]) <= 1
    assert out[2, 1] == out[3, 1] == (21 + 72) % 144
    # The forward tower adds to the vectors that include the forward calorimeter.
    both = -100 * np.exp(1j * angle[10]) - 60 * np.exp(1j * angle[40])
    assert out[4, 0] in {int(abs(both)), int(abs(both)) - 1}
    assert out[4, 1] == round(np.angle(both) / (2 * np.pi) * 144) % 144
    other = jets[:n][jets[:n, 2] == 81][0]
    jets_too = -central[0] * np.exp(1j * angle[10]) - other[0] * np.exp(1j * angle[40])
    assert out[5, 0] in {int(abs(jets_too)), int(abs(jets_too)) - 1}


def test_low_jets_do_not_enter_the_sums(response: ResponseSettings, steps: Steps) -> None:
    out = np.zeros((6, 2), np.int16)
    jets = np.array([[59, 0, 1, 0], [60, 58, 1, 0], [61, 57, 1, 0]], np.int32)
    jet_sums(jets, 3, response.sums, steps, out)
    assert out[1, 0] == 61


def test_best_objects_come_first_and_ties_keep_their_order() -> None:
    found = np.array([[5, 1], [9, 2], [5, 3], [0, 4], [9, 5]], np.int32)
    out = np.zeros((4, 2), np.int16)
    keep_best(found, 5, out)
    assert out.tolist() == [[9, 2], [9, 5], [5, 1], [5, 3]]
    out = np.zeros((4, 2), np.int16)
    keep_best(np.array([[0, 1], [3, 2]], np.int32), 2, out)
    assert out.tolist() == [[3, 2], [0, 0], [0, 0], [0, 0]]
