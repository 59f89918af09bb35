"""Rates with cards drawn inside their bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.samples.bands import rate_bands
from emulator.samples.crossings import integer_weights, simulate, to_events
from emulator.samples.detector import drawn_response, load_response
from emulator.samples.draws import draw_natural
from emulator.samples.overlays import build_overlays
from emulator.samples.strata import class_means

if TYPE_CHECKING:
    import awkward as ak

    from emulator.objects import HardwareScales
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings


def test_drawn_numbers_stay_inside_their_bands() -> None:
    card = load_response()
    rng = np.random.default_rng(3)
    drawn = [drawn_response(card, rng) for _ in range(40)]
    assert len({each.sha256 for each in drawn}) == 40
    assert {each.pool_sha256 for each in drawn} == {card.pool_sha256}
    for number in card.card:
        if number.section in {"geometry", "particles", "muon_candidates"}:
            continue
        values = [np.asarray(getattr(getattr(each, number.section), number.name)) for each in drawn]
        nominal = np.asarray(getattr(getattr(card, number.section), number.name))
        if number.band is None:
            assert all(np.array_equal(value, nominal) for value in values)
            continue
        low, high = number.band
        moved = np.array([np.max(value / nominal) for value in values if nominal.ndim])
        if nominal.ndim:
            assert low <= moved.min() < moved.max() <= high
        else:
            assert low <= min(values) < max(values) <= high
            assert {np.asarray(value).dtype.kind for value in values} == {nominal.dtype.kind}


def test_bands_of_rates(
    pools: dict[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
) -> None:
    overlays = build_overlays(pools, generator.strata, response.muons)
    sigma = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.6}
    means = class_means(generator, overlays.muon_fraction, sigma, 6.0)

    def overlay(card: ResponseSettings) -> ak.Array:
        rng = np.random.default_rng(1)
        made = simulate(
            overlays,
            draw_natural(overlays, means, 3000, rng),
            means,
            card,
            scales,
            rng,
            stratum=0,
        )
        weight = integer_weights(made.weight)
        return to_events(made, weight, run=1, first_event=1, scales=scales)

    done: list[int] = []
    bands = rate_bands(overlay, response, 3, 1, done.append)
    assert done == [1, 2, 3]
    assert "SingleMu7" in bands
    for low, high in bands.values():
        assert 0.0 <= low <= high
    # The same card moves nothing: both come from the same random numbers.
    still = rate_bands(overlay, response, 0, 1, done.append)
    assert still == {}
    assert bands["SingleMu7"] != pytest.approx((1.0, 1.0), abs=1e-6)
