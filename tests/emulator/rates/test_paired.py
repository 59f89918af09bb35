"""Paired differences: what two models share cancels."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.rates import (
    CountsError,
    ModelScores,
    PairedComparison,
    ScoreCounts,
    compare_paired,
    efficiency_at,
    load_scenario,
)

RUN3 = load_scenario("run3")
TARGET = 500.0


def model(name: str, background: np.ndarray, signal: np.ndarray, *, seed: int = 0) -> ModelScores:
    return ModelScores(
        name,
        ScoreCounts.from_scores(background, stream="zb", seed=seed),
        ScoreCounts.from_scores(signal, stream="signal", seed=seed),
    )


def toy(noise: float, seed: int, n_signal: int = 3_000) -> tuple[ModelScores, ModelScores]:
    """Make two models whose scores are one common number plus independent noise."""
    rng = np.random.default_rng(seed)
    common = rng.exponential(100, 5_000), rng.exponential(300, n_signal)
    first, second = (
        model(
            name,
            *(np.round(part + noise * rng.normal(size=part.size)).astype(int) for part in common),
            seed=seed,
        )
        for name in ("student", "teacher")
    )
    return first, second


def compare(first: ModelScores, second: ModelScores) -> PairedComparison:
    return compare_paired(first, second, signal="A4l", target_khz=TARGET, scenario=RUN3)


def test_difference_and_ratio_are_those_of_the_efficiencies() -> None:
    first, second = toy(20.0, 1)
    found = compare(first, second)
    ours, theirs = (
        efficiency_at(
            one.signal, one.setting, signal="A4l", model="m", target_khz=TARGET, scenario=RUN3
        ).efficiency
        for one in (first, second)
    )
    assert (found.difference, found.ratio) == (ours - theirs, ours / theirs)
    assert (found.model, found.reference, found.signal) == ("student", "teacher", "A4l")
    assert found.difference_low is not None
    assert found.difference_high is not None
    assert found.difference_low < found.difference < found.difference_high
    assert found.ratio_low is not None
    assert found.ratio_high is not None
    assert found.ratio is not None
    assert found.ratio_low < found.ratio < found.ratio_high


def test_swapping_the_models_swaps_the_sign() -> None:
    first, second = toy(20.0, 1)
    there, back = compare(first, second), compare(second, first)
    assert there.difference == -back.difference
    assert there.difference_high is not None
    assert there.difference_low == -(back.difference_high or 0.0)


def test_models_of_equal_decisions_differ_by_nothing() -> None:
    rng = np.random.default_rng(2)
    background, signal = rng.geometric(0.02, 5_000), rng.geometric(0.005, 500)
    found = compare(model("a", background, signal), model("b", 3 * background, 3 * signal))
    assert (found.difference, found.difference_low, found.difference_high) == (0, 0, 0)
    assert (found.ratio, found.ratio_low, found.ratio_high) == (1, 1, 1)


def test_pairing_makes_the_interval_smaller() -> None:
    first, second = toy(5.0, 3)
    found = compare(first, second)
    assert found.difference_low is not None
    assert found.difference_high is not None
    one = efficiency_at(
        first.signal, first.setting, signal="A4l", model="m", target_khz=TARGET, scenario=RUN3
    )
    unpaired = np.sqrt(2) * (one.high_total - one.low_total)
    assert found.difference_high - found.difference_low < 0.5 * unpaired


def test_interval_of_the_difference_covers() -> None:
    # Both models are equally good by construction: the true difference is 0.
    comparisons = [compare(*toy(300.0, seed, n_signal=1_000)) for seed in range(120)]
    covered = sum(
        found.difference_low <= 0 <= found.difference_high
        for found in comparisons
        if found.difference_low is not None and found.difference_high is not None
    )
    # Binomial scatter 4.2 %.
    assert covered / 120 == pytest.approx(0.683, abs=0.08)


def test_a_reference_that_accepts_nothing_has_no_ratio() -> None:
    background = np.arange(5_000)
    blind, seeing = np.zeros(100, dtype=int), np.full(100, 10_000)
    found = compare(model("a", background, seeing), model("b", background, blind))
    assert (found.ratio, found.ratio_low, found.ratio_high) == (None, None, None)
    assert (found.difference, found.difference_low, found.difference_high) == (1, 1, 1)
    neither = compare(model("a", background, blind), model("b", background, blind))
    assert (neither.difference, neither.difference_low, neither.difference_high) == (0, None, None)


def test_a_ratio_to_almost_nothing_has_no_upper_bound() -> None:
    background = np.arange(5_000)
    seeing = np.full(100, 10_000)
    one = np.where(np.arange(100) == 5, 10_000, 0)
    found = compare(model("a", background, seeing), model("b", background, one))
    assert found.ratio == 100
    assert found.ratio_low is not None
    assert found.ratio_high is None


def test_different_crossings_are_refused() -> None:
    first, second = toy(5.0, 3)
    other_stream = ScoreCounts.from_scores(np.arange(5_000), stream="other", seed=3)
    fewer = ScoreCounts.from_scores(np.arange(10), stream="signal", seed=3)
    with pytest.raises(
        CountsError, match="'student' and 'x' were not counted on the same zero-bias"
    ):
        compare(first, ModelScores("x", other_stream, second.signal))
    with pytest.raises(CountsError, match="were not counted on the same crossings of 'A4l'"):
        compare(first, ModelScores("x", second.setting, fewer))


def test_other_weights_and_seeds_are_refused() -> None:
    first, _ = toy(5.0, 3)
    _, other_seed = toy(5.0, 4)
    with pytest.raises(CountsError, match="cannot be compared pair by pair"):
        compare(first, other_seed)


def test_interval_of_a_known_difference_covers() -> None:
    # Exponential scores of scales 300 (model) and 200 (reference) above a background of scale 100:
    # at the background's fraction f a signal of scale s keeps f**(100/s).
    fraction, n_toys = TARGET / RUN3.crossing_rate_khz, 150
    truth = fraction ** (1 / 3) - fraction ** (1 / 2)
    covered = 0
    for seed in range(n_toys):
        rng = np.random.default_rng(1000 + seed)
        background = np.round(rng.exponential(1000, 5_000)).astype(int)
        uniform = rng.exponential(1.0, 1_000)  # what both models see of the same event
        first, second = (
            model(name, background, np.round(scale * uniform).astype(int), seed=seed)
            for name, scale in (("student", 3000), ("teacher", 2000))
        )
        found = compare(first, second)
        assert found.difference_low is not None
        assert found.difference_high is not None
        covered += found.difference_low <= truth <= found.difference_high
    # Binomial scatter 3.8 %.
    assert covered / n_toys == pytest.approx(0.683, abs=0.09)


def test_interval_of_a_known_difference_in_shared_pools_covers() -> None:
    # Five crossings of each of 250 pool events; both models fire on all of an event's or on none.
    n_toys, n_pools = 150, 250
    pools = np.repeat(np.arange(n_pools, dtype=np.uint64), 5)
    background = np.arange(5_000)
    covered = 0
    for seed in range(n_toys):
        uniform = np.random.default_rng(2000 + seed).random(n_pools)[pools.astype(np.intp)]
        first, second = (
            ModelScores(
                name,
                ScoreCounts.from_scores(background, stream="zb", seed=seed),
                ScoreCounts.from_scores(
                    np.where(uniform < kept, 10_000, 0), pool_ids=pools, seed=seed
                ),
            )
            for name, kept in (("student", 0.4), ("teacher", 0.3))
        )
        found = compare(first, second)
        assert found.difference_low is not None
        assert found.difference_high is not None
        covered += found.difference_low <= 0.1 <= found.difference_high
    assert covered / n_toys == pytest.approx(0.683, abs=0.09)
