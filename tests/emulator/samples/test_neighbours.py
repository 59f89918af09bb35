"""Out-of-time pile-up: shares of the energy of neighbouring crossings."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.samples.crossings import Crossings, join_crossings, simulate
from emulator.samples.draws import draw_natural, draw_stratum
from emulator.samples.neighbours import N_NEIGHBOURS, add_neighbours, draw_neighbours
from emulator.samples.overlays import Overlays, build_overlays, overlay_tables
from emulator.samples.strata import ClassMeans, class_means, class_probabilities
from emulator.samples.towers import moved_towers

if TYPE_CHECKING:
    from emulator.objects import HardwareScales
    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

SIGMA = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.6}
N_ETA, N_PHI, CENTRAL = 80, 72, 28


def _with(response: ResponseSettings, em: float, had: float) -> ResponseSettings:
    return replace(
        response, towers=response.towers._replace(out_of_time_em=em, out_of_time_had=had)
    )


@pytest.fixture(scope="module")
def overlays(
    pools: dict[str, Pool], generator: GeneratorSettings, response: ResponseSettings
) -> Overlays:
    return build_overlays(pools, generator.strata, response.muons)


def _means(generator: GeneratorSettings, overlays: Overlays, pileup: float) -> ClassMeans:
    return class_means(generator, overlays.muon_fraction, SIGMA, pileup)


def _same(one: Crossings, other: Crossings) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Crossings)
    )


def test_towers_grow_by_the_share_of_what_the_neighbours_have(
    overlays: Overlays, generator: GeneratorSettings, response: ResponseSettings
) -> None:
    means = _means(generator, overlays, 6.0)
    n = 2000
    towers = _with(response, 0.05, 0.2).towers
    neighbours, rng = draw_neighbours(overlays, means, n, towers, np.random.default_rng(4))
    tables = overlay_tables(overlays, "minbias")
    moved = moved_towers(N_ETA, N_PHI)
    grown = np.zeros((n, 2))
    for crossing in range(n):
        em, had = np.zeros((2, N_ETA, N_PHI), np.float32)
        add_neighbours(em, had, tables, neighbours, crossing, moved, CENTRAL, rng)
        grown[crossing] = em.sum(), had.sum()
        assert not em[:12].any()
        assert not had[68:].any()
    # Mean energy of a crossing: what an entry has in its central towers, times the mean number.
    deposits = overlays.deposits
    ring = deposits.tower_index // N_PHI
    central = (ring >= 12) & (ring < 68)
    owner = np.repeat(np.arange(len(deposits.tower_offsets) - 1), np.diff(deposits.tower_offsets))
    expected = np.zeros(2)
    for name, mean in means.items():
        entries = overlays.classes[name]
        event = overlays.event[entries.first : entries.first + len(entries.natural)]
        for column, gev in enumerate((deposits.em_gev, deposits.had_gev)):
            of_event = np.bincount(owner, np.where(central, gev, 0.0), owner[-1] + 1)
            expected[column] += mean * (entries.natural * of_event[event]).sum()
    expected *= N_NEIGHBOURS * np.array([0.05, 0.2])
    error = grown.std(axis=0) / np.sqrt(n)
    assert (error < 0.03 * expected).all()
    np.testing.assert_array_less(np.abs(grown.mean(axis=0) - expected), 4.0 * error)


def test_without_a_share_nothing_is_drawn(
    overlays: Overlays,
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
) -> None:
    """Neighbours of any pile-up then make the same crossings, and take no random number."""
    made, after = [], []
    for pileup in (6.0, 60.0):
        draw = draw_stratum(
            overlays, _means(generator, overlays, 6.0), "qcd30", 50, np.random.default_rng(1)
        )
        rng = np.random.default_rng(2)
        beside = _means(generator, overlays, pileup)
        made.append(simulate(overlays, draw, beside, response, scales, rng, stratum=1))
        after.append(rng.random())
        assert rng.bit_generator.seed_seq.n_children_spawned == 0  # type: ignore[attr-defined]
    assert _same(*made)
    assert after[0] == after[1]


def test_neighbours_add_energy_and_the_same_seed_gives_the_same(
    overlays: Overlays,
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
) -> None:
    means = _means(generator, overlays, 6.0)

    def made(share: float) -> Crossings:
        rng = np.random.default_rng(7)
        draw = draw_natural(overlays, means, 1500, rng)
        card = _with(response, share, share)
        return simulate(overlays, draw, means, card, scales, rng, stratum=0)

    without, small, large = made(0.0), made(0.1), made(0.4)
    assert _same(large, made(0.4))
    # Row 0 of the sums is all transverse energy.
    ett = [each.sums[:, 0, 0].mean() for each in (without, small, large)]
    assert ett[0] < ett[1] < ett[2] < ett[0] * 1.8
    # The muon trigger knows which crossing a muon is from.
    rates = [(each.muons[:, 0, 0] > 0).mean() for each in (without, large)]
    assert rates[0] == pytest.approx(rates[1], abs=0.05)


def test_strata_still_equal_natural_crossings(
    overlays: Overlays,
    generator: GeneratorSettings,
    response: ResponseSettings,
    scales: HardwareScales,
) -> None:
    """Neighbours do not know the stratum, so its probability holds with them."""
    means = _means(generator, overlays, 6.0)
    card = _with(response, 0.3, 0.3)
    parts = []
    for k, (name, probability) in enumerate(class_probabilities(means).items()):
        rng = np.random.default_rng(k)
        draw = draw_stratum(overlays, means, name, 2000, rng)
        part = simulate(overlays, draw, means, card, scales, rng, stratum=k)
        parts.append(part.weighted(probability / 2000))
    stratified = join_crossings(parts)
    rng = np.random.default_rng(9)
    n = 12_000
    draw = draw_natural(overlays, means, n, rng)
    natural = simulate(overlays, draw, means, card, scales, rng, stratum=0)
    for name, mine, other in (
        ("jet", stratified.jets[:, 0, 0] >= 40, natural.jets[:, 0, 0] >= 40),
        ("e/gamma", stratified.egammas[:, 0, 0] >= 10, natural.egammas[:, 0, 0] >= 10),
        ("ETM", stratified.sums[:, 2, 0] >= 40, natural.sums[:, 2, 0] >= 40),
        ("HTT", stratified.sums[:, 1, 0] >= 80, natural.sums[:, 1, 0] >= 80),
    ):
        rate, plain = stratified.weight[mine].sum(), other.mean()
        variance = (stratified.weight[mine] ** 2).sum() + plain * (1 - plain) / n
        assert 50 < other.sum() < n - 50, name
        assert abs(rate - plain) < 3.5 * np.sqrt(variance), name
