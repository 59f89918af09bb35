"""Level-1 objects matched with generated ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.rates.intervals import clopper_pearson
from emulator.samples import performance
from emulator.samples.performance import KINDS, measure_performance, summarise
from emulator.samples.truth import JET, MUON, Truth

if TYPE_CHECKING:
    from emulator.objects import HardwareScales
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

JETS = KINDS[0]


def _with_towers(pool: Pool) -> Pool:
    """Every event gets one tower of 100 GeV, a generated jet there, and one beside a bare muon."""
    n = pool.n_events
    ring, step = 45, 10
    deposits = pool.deposits._replace(
        tower_offsets=np.arange(n + 1),
        tower_index=np.full(n, ring * 72 + step, np.uint16),
        em_gev=np.zeros(n, np.float32),
        had_gev=np.full(n, 100.0, np.float32),
        candidate_offsets=np.arange(n + 1),
        candidates=np.tile(np.array([[40.0, 1.0, -2.0, 1.0, 1.0]], np.float32), (n, 1)),
    )
    jet = [JET, 100.0, 0.48, (step + 0.5) * 2 * np.pi / 72]
    muon = [MUON, 40.0, 1.0, -2.0]
    truth = Truth(
        np.ones(n, bool),
        np.repeat(np.arange(n), 2),
        np.tile(np.array([jet, muon], np.float32), (n, 1)),
    )
    return replace(pool, deposits=deposits, truth=truth)


def test_turned_and_mirrored_events_are_matched(
    pools: dict[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(performance, "SOURCES", {kind.name: ("tt",) for kind in KINDS})
    sigma = {"minbias": 78.58, "qcd30": 1e-9, "tt": 1e-9}
    found = {
        each.name: each
        for each in measure_performance(
            {**pools, "tt": _with_towers(pools["tt"])},
            generator,
            response,
            scales,
            sigma,
            pileup=1.0,
            copies=20,
        )
    }
    jets, muons = found["jet"], found["muon"]
    assert sum(jets.n) == sum(muons.n) == 20 * 20
    assert jets.found[-1] == 1.0
    expected = (response.jets.offset_lsb[5] + response.jets.slope[5] * 200) / 200
    assert jets.response[-1] == pytest.approx(expected, abs=0.04)
    assert jets.resolution[-1] == pytest.approx(response.jets.extra_resolution, rel=0.2)
    assert muons.found[-1] == pytest.approx(response.muons.efficiency, abs=0.05)
    assert muons.response[-1] == pytest.approx(response.muons.scale, rel=0.1)
    assert muons.turn_on["22"][-1] > 0.8
    assert sum(found["electron"].n) == 0


def test_events_nobody_looked_at_are_passed_over(
    pools: dict[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
) -> None:
    sigma = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.4}
    assert measure_performance(pools, generator, response, scales, sigma, pileup=5.0) == ()


def test_summary_by_hand() -> None:
    pairs = np.array([[20.0, 10.0], [22.0, 22.0], [24.0, 36.0], [27.0, 0.0], [400.0, 400.0]])
    made = summarise(JETS, pairs, (20, 25, 30, 300))
    assert made.n == (3, 1)
    assert made.pt_edges_gev == (20.0, 25.0, 30.0)
    assert made.found == (1.0, 0.0)
    assert made.response[0] == 1.0
    assert made.turn_on["35"] == pytest.approx((1 / 3, 0.0))
    assert np.isnan(made.response[1])


def test_errors_of_turn_ons_do_not_vanish_where_all_or_none_fire() -> None:
    pairs = np.column_stack([np.full(4, 12.0), [0.0, 40.0, 50.0, 60.0]])
    made = summarise(JETS, pairs, (10, 15, 20))
    assert made.turn_on["35"] == (0.75,)
    assert made.turn_on["180"] == (0.0,)
    assert (made.turn_on_low["35"][0], made.turn_on_high["35"][0]) == clopper_pearson(3, 4)
    assert made.turn_on_low["180"] == (0.0,)
    assert made.turn_on_high["180"][0] == pytest.approx(1 - 0.15865**0.25, abs=1e-4)


def test_errors_of_response_and_resolution_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(5)
    made = []
    for _ in range(200):
        ratio = rng.normal(0.9, 0.18, 600)
        made.append(summarise(JETS, np.column_stack([np.full(600, 30.0), 30.0 * ratio]), (20, 40)))
    for value, error in (
        ([one.response[0] for one in made], [one.response_error[0] for one in made]),
        ([one.resolution[0] for one in made], [one.resolution_error[0] for one in made]),
    ):
        # The spread of 200 samples is known to 5 %; the bootstrap of a quantile is a little wide in small samples.
        assert 0.9 < np.mean(error) / np.std(value) < 1.3


def test_bins_without_objects_have_no_errors() -> None:
    made = summarise(JETS, np.array([[22.0, 20.0]]), (10, 20, 30))
    assert made.n == (0, 1)
    assert np.isnan([made.response[0], made.resolution_error[0], made.turn_on_high["35"][0]]).all()
    assert made.response_error == pytest.approx((np.nan, 0.0), nan_ok=True)
