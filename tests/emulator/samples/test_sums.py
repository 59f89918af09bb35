"""Energy sums from towers and jets placed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.samples.response import Steps, find_jets
from emulator.samples.sums import jet_sums, tower_sums
from tests.emulator.samples.conftest import placed_primitives

if TYPE_CHECKING:
    from emulator.samples.detector import ResponseSettings

N_PHI = 72


def test_sums_of_one_jet_point_away_from_it(response: ResponseSettings, steps: Steps) -> None:
    p = placed_primitives(response, (45, 10, 0.0, 50.0), (75, 40, 0.0, 30.0))
    jets, out = np.zeros((64, 4), np.int32), np.zeros((6, 2), np.int16)
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
