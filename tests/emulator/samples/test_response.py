"""Level-1 objects from towers placed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emulator.samples.detector import ResponseSettings, load_response
from emulator.samples.response import (
    Steps,
    box_sum,
    find_egammas,
    find_jets,
    find_taus,
    is_maximum,
    keep_best,
    rim_sum,
)
from emulator.samples.towers import PAD
from tests.emulator.samples.conftest import placed_primitives

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
        placed_primitives(response, (ring, step, 0.0, 60.0)),
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
    apart = placed_primitives(response, (40, 10, 0.0, 50.0), (40, 30, 0.0, 40.0))
    close = placed_primitives(response, (40, 10, 0.0, 50.0), (40, 14, 0.0, 40.0))
    assert find_jets(apart, response.jets, steps, np.random.default_rng(1), _out()) == 2
    assert find_jets(close, response.jets, steps, np.random.default_rng(1), _out()) == 1


def test_jets_saturate(response: ResponseSettings, steps: Steps) -> None:
    out = _out()
    block = [(40 + r, 20 + c, 120.0, 120.0 + (r == c == 0)) for r in range(4) for c in range(4)]
    assert (
        find_jets(
            placed_primitives(response, *block), response.jets, steps, np.random.default_rng(1), out
        )
        == 1
    )
    assert out[0, 0] == 2047


def test_egamma_cluster(response: ResponseSettings, steps: Steps) -> None:
    out, rng = _out(), np.random.default_rng(1)
    towers = [(45, 20, 30.0, 0.0), (45, 21, 5.0, 0.0), (46, 20, 4.0, 0.0), (44, 20, 2.0, 0.0)]
    p = placed_primitives(response, *towers)
    assert find_egammas(p, response.egammas, steps, rng, out) == 1
    # Seed, its row in phi, and the better of the two rows beside it.
    assert out[0].tolist() == [60 + 10 + 8, steps.ring_eta[45], 41, 1]


def test_hadronic_energy_vetoes_egamma_and_crowd_spoils_isolation(
    response: ResponseSettings, steps: Steps
) -> None:
    out, rng = _out(), np.random.default_rng(1)
    hadronic = placed_primitives(response, (45, 20, 30.0, 10.0))
    assert find_egammas(hadronic, response.egammas, steps, rng, out) == 0
    crowded = placed_primitives(response, (45, 20, 30.0, 0.0), (47, 23, 0.0, 20.0))
    assert find_egammas(crowded, response.egammas, steps, rng, out) == 1
    assert out[0, 3] == 0


def test_hadrons_beside_the_seed_veto_egamma(response: ResponseSettings, steps: Steps) -> None:
    """5 GeV beside a cluster of 30 GeV are a jet; 3 GeV may be pile-up."""
    out, rng = _out(), np.random.default_rng(1)
    jet = placed_primitives(response, (45, 20, 30.0, 0.0), (46, 21, 0.0, 5.0))
    assert find_egammas(jet, response.egammas, steps, rng, out) == 0
    electron = placed_primitives(response, (45, 20, 30.0, 0.0), (46, 21, 0.0, 3.0))
    assert find_egammas(electron, response.egammas, steps, rng, out) == 1


def test_extra_resolutions_are_as_wide_as_the_card_says(steps: Steps) -> None:
    packaged, rng, out = load_response(), np.random.default_rng(4), _out()
    p = placed_primitives(packaged, (45, 20, 100.0, 0.0))
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
    p = placed_primitives(response, (45, 71, 10.0, 20.0), (46, 0, 0.0, 5.0))
    assert find_taus(p, response.taus, steps, out) == 1
    assert out[0].tolist() == [int(1.2 * 70), steps.ring_eta[45], 143, 1]
    forward = placed_primitives(response, (70, 71, 10.0, 20.0))
    assert find_taus(forward, response.taus, steps, out) == 0


def test_best_objects_come_first_and_ties_keep_their_order() -> None:
    found = np.array([[5, 1], [9, 2], [5, 3], [0, 4], [9, 5]], np.int32)
    out = np.zeros((4, 2), np.int16)
    keep_best(found, 5, out)
    assert out.tolist() == [[9, 2], [9, 5], [5, 1], [5, 3]]
    out = np.zeros((4, 2), np.int16)
    keep_best(np.array([[0, 1], [3, 2]], np.int32), 2, out)
    assert out.tolist() == [[3, 2], [0, 0], [0, 0], [0, 0]]
