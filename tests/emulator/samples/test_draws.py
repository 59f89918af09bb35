"""Interactions drawn for strata, and naturally."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from emulator.samples.detector import load_response
from emulator.samples.draws import (
    draw_natural,
    draw_stratum,
    zero_truncated_binomial,
    zero_truncated_poisson,
)
from emulator.samples.overlays import build_overlays
from emulator.samples.pileup import PileupProfile, load_pileup, poisson
from emulator.samples.strata import class_means, class_probabilities

if TYPE_CHECKING:
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings

#: A trigger that finds every muon.
PERFECT = load_response().muons._replace(
    efficiency=1.0, turn_on_pt_gev=-1e6, barrel_min_pt_gev=0.0, endcap_min_p_gev=0.0
)
SIGMA = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.4}


@pytest.mark.parametrize("mean", [1e-6, 0.05, 1.0, 7.5])
def test_zero_truncated_poisson(mean: float) -> None:
    n = 200_000
    drawn = zero_truncated_poisson(np.random.default_rng(11), mean, n)
    assert drawn.min() >= 1
    last = int(stats.poisson.ppf(1 - 1e-3, mean)) + 1
    expected = n * stats.poisson.pmf(np.arange(1, last + 1), mean) / -np.expm1(-mean)
    counts = np.bincount(np.minimum(drawn, last + 1), minlength=last + 2)[1:]
    expected = np.append(expected, n - expected.sum())
    use = expected > 5
    chi2 = ((counts[use] - expected[use]) ** 2 / expected[use]).sum()
    assert stats.chi2.sf(chi2, max(use.sum() - 1, 1)) > 1e-3


def test_stratum_holds_its_class_and_none_harder(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    overlays = build_overlays(pools, generator.strata, PERFECT)
    means = class_means(generator, overlays.muon_fraction, SIGMA, 50.0)
    names = list(means)
    for rank, name in enumerate(names[1:], start=1):
        draw = draw_stratum(overlays, means, name, 500, np.random.default_rng(rank))
        drawn_class = np.empty(len(draw.entries), np.int64)
        for k, other in enumerate(names):
            entries = overlays.classes[other]
            inside = (draw.entries >= entries.first) & (
                draw.entries < entries.first + len(entries.natural)
            )
            drawn_class[inside] = k
        leading = draw.offsets[:-1]
        assert (np.diff(draw.offsets) >= 1).all()
        assert (drawn_class[leading] == rank).all()
        assert drawn_class.max() == rank
    soft = draw_stratum(overlays, means, names[0], 500, np.random.default_rng(0))
    assert len(soft.entries) == 0
    assert soft.n_soft.mean() == pytest.approx(means[names[0]], rel=0.02)


def test_signal_comes_first_in_natural_crossings(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    signal = replace(pools["tt"], process="A4l")
    overlays = build_overlays(pools, generator.strata, PERFECT, signal)
    means = class_means(generator, overlays.muon_fraction, SIGMA, 50.0)
    leading = overlays.classes["A4l"].first + np.arange(300) % 20
    draw = draw_natural(overlays, means, 300, np.random.default_rng(0), leading)
    np.testing.assert_array_equal(draw.entries[draw.offsets[:-1]], leading)
    others = len(draw.entries) - 300
    expected = 300 * sum(list(means.values())[1:])
    assert others == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert set(draw.weight) == {1.0}


#: Few interactions, so that every class is often present and a mistake shows.
PROFILES = (
    poisson(6.0),
    load_pileup("fixed:6"),
    PileupProfile("spread", "histogram", (2.0, 6.0, 12.0), (0.2, 0.5, 0.3)),
)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.kind)
def test_strata_of_a_profile_are_those_of_natural_crossings(
    pools: dict[str, Pool], generator: GeneratorSettings, profile: PileupProfile
) -> None:
    """Frequencies, and numbers of interactions inside each stratum, against crossings drawn plainly."""
    overlays = build_overlays(pools, generator.strata, PERFECT)
    means = class_means(generator, overlays.muon_fraction, SIGMA, profile)
    probabilities = class_probabilities(means)
    assert math.isclose(math.fsum(probabilities.values()), 1.0, rel_tol=1e-13)
    n = 60_000
    natural = draw_natural(overlays, means, n, np.random.default_rng(1))
    number = np.diff(natural.offsets) + natural.n_soft
    assert number.mean() == pytest.approx(profile.mean + means["tt"], abs=0.05)
    names = list(means)
    first = np.array([overlays.classes[name].first for name in names])
    rising = np.argsort(first)
    drawn_class = rising[np.searchsorted(first[rising], natural.entries, side="right") - 1]
    owner = np.repeat(np.arange(n), np.diff(natural.offsets))
    stratum = np.zeros(n, np.int64)
    np.maximum.at(stratum, owner, drawn_class)
    for rank, name in enumerate(names):
        inside = stratum == rank
        expected = n * probabilities[name]
        assert inside.sum() == pytest.approx(expected, abs=4.5 * math.sqrt(expected))
        draw = draw_stratum(overlays, means, name, 5000, np.random.default_rng(2 + rank))
        for mine, theirs in (
            (np.diff(draw.offsets), np.diff(natural.offsets)[inside]),
            (draw.n_soft, natural.n_soft[inside]),
        ):
            error = math.hypot(mine.std() / math.sqrt(5000), theirs.std() / math.sqrt(len(theirs)))
            assert mine.mean() == pytest.approx(theirs.mean(), abs=max(4.5 * error, 1e-9))


def test_fixed_number_is_the_same_in_every_crossing(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    overlays = build_overlays(pools, generator.strata, PERFECT)
    means = class_means(generator, overlays.muon_fraction, SIGMA, load_pileup("fixed:9"))
    first = overlays.classes["tt"].first
    for name in means:
        draw = draw_stratum(overlays, means, name, 300, np.random.default_rng(3))
        owner = np.repeat(np.arange(300), np.diff(draw.offsets))
        inelastic = np.bincount(owner[draw.entries < first], minlength=300) + draw.n_soft
        assert set(inelastic) == {9}
    # Top pairs come on top.
    assert (np.diff(draw.offsets) + draw.n_soft).min() >= 10


def test_spread_keeps_the_order_of_signal_events(
    pools: dict[str, Pool], generator: GeneratorSettings
) -> None:
    overlays = build_overlays(pools, generator.strata, PERFECT, replace(pools["tt"], process="A4l"))
    means = class_means(generator, overlays.muon_fraction, SIGMA, PROFILES[2])
    leading = overlays.classes["A4l"].first + np.arange(200) % 20
    draw = draw_natural(overlays, means, 200, np.random.default_rng(0), leading)
    np.testing.assert_array_equal(draw.entries[draw.offsets[:-1]], leading)


@pytest.mark.parametrize(("trials", "p"), [(60, 1e-6), (60, 0.02), (5, 0.4), (1, 0.3)])
def test_zero_truncated_binomial(trials: int, p: float) -> None:
    drawn = zero_truncated_binomial(np.random.default_rng(11), trials, p, 100_000)
    assert 1 <= drawn.min() <= drawn.max() <= trials
    expected = 100_000 * stats.binom.pmf(np.arange(1, trials + 1), trials, p)
    expected /= -np.expm1(trials * np.log1p(-p))
    counts = np.bincount(drawn, minlength=trials + 1)[1:]
    use = expected > 5
    chi2 = ((counts[use] - expected[use]) ** 2 / expected[use]).sum()
    assert stats.chi2.sf(chi2, max(use.sum() - 1, 1)) > 1e-3
