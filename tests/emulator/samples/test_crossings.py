"""Closure of stratified against natural crossings, and the events array made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest

from emulator.samples.crossings import (
    Crossings,
    integer_weights,
    join_crossings,
    simulate,
    to_events,
)
from emulator.samples.detector import load_response
from emulator.samples.draws import draw_natural, draw_stratum
from emulator.samples.overlays import Overlays, build_overlays
from emulator.samples.pileup import poisson
from emulator.samples.strata import ClassMeans, class_means, class_probabilities

if TYPE_CHECKING:
    from emulator.objects import HardwareScales
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

PILEUP = 6.0
MUONS = load_response().muons
# Neighbouring crossings count for nothing, so only the name of the soft class matters here.
ONLY_SOFT = ClassMeans(poisson(PILEUP), ({"minbias": PILEUP},))
SIGMA = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.6}

Simulate = Callable[..., Crossings]


@pytest.fixture(scope="module")
def run(response: ResponseSettings, scales: HardwareScales) -> Simulate:
    def simulated(overlays: Overlays, draw: object, seed: int, stratum: int = 0) -> Crossings:
        return simulate(
            overlays,
            draw,  # type: ignore[arg-type]
            ONLY_SOFT,
            response,
            scales,
            np.random.default_rng(seed),
            stratum=stratum,
        )

    return simulated


def _observables(c: Crossings) -> dict[str, np.ndarray]:
    jets, muons, sums = c.jets[:, :, 0], c.muons[:, :, 0], c.sums[:, :, 0]
    return {
        "jet 15": jets[:, 0] >= 30,
        "jet 40": jets[:, 0] >= 80,
        "two jets 20": jets[:, 1] >= 40,
        "e/gamma 8": c.egammas[:, 0, 0] >= 16,
        "muon": muons[:, 0] > 0,
        "muon 5": muons[:, 0] >= 11,
        "muon 15": muons[:, 0] >= 31,
        "two muons": muons[:, 1] > 0,
        "three muons": muons[:, 2] > 0,
        "two muons 5": muons[:, 1] >= 11,
        "muon 5 and jet 15": (muons[:, 0] >= 11) & (jets[:, 0] >= 30),
        "HTT 60": sums[:, 1] >= 120,
        "ETM 20": sums[:, 2] >= 40,
    }


def test_strata_equal_natural_crossings(
    pools: dict[str, Pool], generator: GeneratorSettings, run: Simulate
) -> None:
    """Weighted strata against independent Poisson numbers of whole events, with the same pools."""
    overlays = build_overlays(pools, generator.strata, MUONS)
    means = class_means(generator, overlays.muon_fraction, SIGMA, PILEUP)
    probabilities = class_probabilities(means)
    per_stratum = 3000
    parts = []
    for k, (name, probability) in enumerate(probabilities.items()):
        draw = draw_stratum(overlays, means, name, per_stratum, np.random.default_rng(k))
        parts.append(run(overlays, draw, 50 + k).weighted(probability / per_stratum))
    stratified = join_crossings(parts)
    weight = stratified.weight
    assert weight.sum() == pytest.approx(1.0, abs=0.01)

    # The other side knows nothing of strata or forced muons: all candidates float.
    plain = replace(generator.strata, ranks=generator.strata.processes(), forced_muons=())
    whole = build_overlays(pools, plain, MUONS)
    whole_means = class_means(replace(generator, strata=plain), {}, SIGMA, PILEUP)
    n = 30_000
    natural = run(whole, draw_natural(whole, whole_means, n, np.random.default_rng(9)), 99)

    pulls = {}
    for name, (mine, other) in {
        name: (_observables(stratified)[name], fires)
        for name, fires in _observables(natural).items()
    }.items():
        assert 50 < other.sum() < n - 50, name
        rate, natural_rate = weight[mine].sum(), other.mean()
        variance = (weight[mine] ** 2).sum() + natural_rate * (1 - natural_rate) / n
        pulls[name] = (rate - natural_rate) / np.sqrt(variance)
    assert max(abs(pull) for pull in pulls.values()) < 3.5, pulls
    assert np.mean(np.square(list(pulls.values()))) < 2.5, pulls


def test_natural_draw_from_strata_equals_whole_events(
    pools: dict[str, Pool], generator: GeneratorSettings, run: Simulate
) -> None:
    plain = replace(generator.strata, ranks=generator.strata.processes(), forced_muons=())
    rates = []
    for strata in (generator.strata, plain):
        overlays = build_overlays(pools, strata, MUONS)
        settings = replace(generator, strata=strata)
        means = class_means(settings, overlays.muon_fraction, SIGMA, PILEUP)
        crossings = run(
            overlays, draw_natural(overlays, means, 20_000, np.random.default_rng(2)), 5
        )
        rates.append(np.array([fires.mean() for fires in _observables(crossings).values()]))
    error = np.sqrt(rates[1] * (1 - rates[1]) / 10_000)
    np.testing.assert_array_less(np.abs(rates[0] - rates[1]), 3.5 * error)


def test_pool_ids(pools: dict[str, Pool], generator: GeneratorSettings, run: Simulate) -> None:
    overlays = build_overlays(pools, generator.strata, MUONS)
    means = class_means(generator, overlays.muon_fraction, SIGMA, PILEUP)
    draw = draw_stratum(overlays, means, "tt", 200, np.random.default_rng(1))
    crossings = run(overlays, draw, 1, stratum=4)
    assert set(crossings.pool_id) <= set(pools["tt"].event_id)
    assert set(crossings.stratum) == {4}
    draw = draw_stratum(overlays, means, "minbias_mu", 200, np.random.default_rng(1))
    assert set(run(overlays, draw, 1).pool_id) <= set(pools["minbias"].event_id)
    soft = draw_stratum(overlays, means, "minbias", 200, np.random.default_rng(1))
    softest = run(overlays, soft, 1).pool_id
    assert set(softest) <= set(pools["minbias"].event_id)
    # Of soft events alone the one with the hardest tower decides.
    hardest = overlays.hardest_tower_gev[softest & np.uint64(0xFFFFFFF)]
    assert np.median(hardest) > np.quantile(overlays.hardest_tower_gev[:60], 0.7)


def test_same_seed_same_crossings(
    pools: dict[str, Pool], generator: GeneratorSettings, run: Simulate
) -> None:
    overlays = build_overlays(pools, generator.strata, MUONS)
    means = class_means(generator, overlays.muon_fraction, SIGMA, PILEUP)
    draw = draw_stratum(overlays, means, "qcd30", 100, np.random.default_rng(1))
    first, again, other = (run(overlays, draw, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.jets, again.jets)
    assert not np.array_equal(first.jets, other.jets)


def test_events_array(
    pools: dict[str, Pool], generator: GeneratorSettings, run: Simulate, scales: HardwareScales
) -> None:
    overlays = build_overlays(pools, generator.strata, MUONS)
    means = class_means(generator, overlays.muon_fraction, SIGMA, PILEUP)
    draw = draw_stratum(overlays, means, "tt", 100, np.random.default_rng(1))
    crossings = run(overlays, draw, 1, stratum=3)
    weight = integer_weights(np.linspace(0.1, 2, 100))
    events = to_events(crossings, weight, run=1, first_event=7, scales=scales)
    assert events.event.tolist() == list(range(7, 107))
    np.testing.assert_array_equal(ak.to_numpy(events.weight), weight)
    for name, array in (
        ("jet", crossings.jets),
        ("eg", crossings.egammas),
        ("tau", crossings.taus),
        ("mu", crossings.muons),
    ):
        counts = (array[:, :, 0] > 0).sum(axis=1)
        assert ak.num(events[name]).tolist() == counts.tolist()
        pt = ak.to_list(events[name].pt)
        assert all(row == sorted(row, reverse=True) for row in pt)
        assert pt[0] == array[0, : counts[0], 0].tolist()
    assert ak.flatten(events.htmhf.phi).to_list() == crossings.sums[:, 5, 1].tolist()
    assert ak.flatten(events.ett.pt).to_list() == crossings.sums[:, 0, 0].tolist()
    muons = ak.flatten(events.mu)
    np.testing.assert_array_equal(
        ak.to_numpy(muons.pt_unconstrained), (ak.to_numpy(muons.pt) - 1) // 2 + 1
    )


def test_weights_are_rounded_to_nearest() -> None:
    tiny = 2.0**-33
    assert integer_weights(np.array([0.0, 1.0, 1.0 + 0.9 * tiny, 1.0 + 1.1 * tiny])).tolist() == [
        0,
        2**32,
        2**32,
        2**32 + 1,
    ]
