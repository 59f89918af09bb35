"""Efficiencies: by hand, their intervals, and the threshold's error in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emulator.rates import (
    CountsError,
    Efficiency,
    RateScenario,
    ScoreCounts,
    clopper_pearson,
    efficiency_at,
    load_scenario,
    threshold_at,
)
from emulator.rates.efficiency import replica_efficiencies
from emulator.rates.working_points import replica_thresholds

RUN3 = load_scenario("run3")
ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
UNIT = 2**32


def at(counts: ScoreCounts, setting: ScoreCounts, target_khz: float = 100.0) -> Efficiency:
    return efficiency_at(
        counts, setting, signal="A4l", model="m", target_khz=target_khz, scenario=RUN3
    )


def background(n: int = 20_000, seed: int = 1) -> ScoreCounts:
    return ScoreCounts.from_scores(np.random.default_rng(seed).geometric(0.02, n), stream="zb")


def test_by_hand_with_ties() -> None:
    setting = ScoreCounts.from_scores([1, 1, 1, 4, 4, 6, 6, 6, 9, 12], stream="zb")
    signal = ScoreCounts.from_scores([5, 6, 6, 9, 9, 9, 10, 20], stream="signal")
    found = efficiency_at(
        signal,
        setting,
        signal="A4l",
        model="student",
        target_khz=5,  # 4.4 crossings of ten, of which three tie at 6
        scenario=ONE_BUNCH,
        denominator="events with four leptons",
    )
    assert (found.threshold, found.n_accepted, found.n_total) == (9, 5, 8)
    assert found.efficiency == 5 / 8
    assert (found.low, found.high) == clopper_pearson(5, 8)
    assert found.interval == "clopper-pearson"
    assert (found.signal, found.model, found.target_khz) == ("A4l", "student", 5.0)
    assert found.denominator == "events with four leptons"


def test_weighted_signal() -> None:
    signal = ScoreCounts.from_scores(
        [0, 0, 1000, 1000], weights=[UNIT, 2 * UNIT, 3 * UNIT, 4 * UNIT], stream="signal"
    )
    found = at(signal, background())
    assert found.efficiency == 0.7
    assert found.interval == "bootstrap"
    assert found.low <= 0.7 <= found.high


def test_equal_weights_are_unweighted() -> None:
    scores = np.random.default_rng(3).geometric(0.01, 500)
    plain = ScoreCounts.from_scores(scores, stream="signal")
    scaled = ScoreCounts.from_scores(scores, weights=np.full(500, 3), stream="signal")
    assert at(plain, background()) == at(scaled, background())


def test_shared_pools_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    pools = np.repeat(np.arange(200, dtype=np.uint64), 20)
    scores = rng.geometric(0.01, 200)[pools.astype(np.intp)]
    shared = at(ScoreCounts.from_scores(scores, pool_ids=pools), background())
    apart = at(ScoreCounts.from_scores(scores, stream="signal"), background())
    assert (shared.efficiency, shared.interval) == (apart.efficiency, "bootstrap")
    # The true ratio is close to sqrt(20) = 4.5.
    assert 3.3 < (shared.high - shared.low) / (apart.high - apart.low) < 5.7


def test_pools_of_one_crossing_agree_with_the_exact_interval() -> None:
    scores = np.random.default_rng(3).geometric(0.01, 4_000)
    pooled = ScoreCounts.from_scores(scores, pool_ids=np.arange(4_000))
    bootstrap, exact = (
        at(pooled, background()),
        at(ScoreCounts.from_scores(scores, stream="signal"), background()),
    )
    assert bootstrap.high - bootstrap.low == pytest.approx(exact.high - exact.low, rel=0.25)


@pytest.mark.parametrize(("score", "value"), [(0, 0.0), (10_000, 1.0)])
def test_replicas_that_agree_are_not_certainty(score: int, value: float) -> None:
    # 40 pool events with 5 crossings each: as good as 40 independent ones, not 200.
    counts = ScoreCounts.from_scores(
        np.full(200, score), pool_ids=np.repeat(np.arange(40), 5), replicas=2000
    )
    setting = ScoreCounts.from_scores(
        np.random.default_rng(1).geometric(0.02, 2_000), stream="zb", replicas=2000
    )
    found = at(counts, setting)
    assert (found.efficiency, found.interval) == (value, "clopper-pearson-effective")
    wanted = clopper_pearson(40 * value, 40)
    assert [found.low, found.high] == pytest.approx(wanted, rel=0.1)
    assert found.low_total <= found.low <= found.high <= found.high_total


def test_total_interval_has_the_error_of_the_threshold() -> None:
    signal = ScoreCounts.from_scores(
        np.random.default_rng(3).geometric(0.01, 50_000), stream="signal"
    )
    few, many = at(signal, background(2_000)), at(signal, background(200_000))
    for found in (few, many):
        assert found.low_total <= found.low <= found.efficiency <= found.high <= found.high_total
    assert few.high_total - few.low_total > 5 * (few.high - few.low)
    assert many.high_total - many.low_total < 5 * (many.high - many.low)


def test_replicas_by_definition() -> None:
    rng = np.random.default_rng(5)
    pools = rng.integers(0, 100, 1_000)
    scores = rng.geometric(0.01, 1_000)
    signal = ScoreCounts.from_scores(scores, pool_ids=pools)
    setting = background(3_000)
    found = replica_efficiencies(signal, setting, 100.0, RUN3)
    for replica, threshold in enumerate(replica_thresholds(setting, 100.0, RUN3)):
        passing = signal.passing(int(threshold)).replicas[replica]
        assert found[replica] == passing / signal.total.replicas[replica]


def test_total_interval_covers_the_true_efficiency() -> None:
    # The threshold wanders with 20 to 30 of the background's crossings; the signal's share is small.
    n_toys, n_background, n_signal = 300, 2_000, 4_000
    target = 25 / n_background * RUN3.crossing_rate_khz
    # Geometric scores: P(score >= t) = q**(t-1). The target's exact threshold in the continuum:
    steps = np.log(25 / n_background) / np.log(0.999)
    truth = 0.9995**steps
    rng = np.random.default_rng(6)
    total = fixed = 0
    for toy in range(n_toys):
        setting = ScoreCounts.from_scores(
            rng.geometric(0.001, n_background), stream="zb", replicas=100, seed=toy
        )
        signal = ScoreCounts.from_scores(
            rng.geometric(0.0005, n_signal), stream="signal", replicas=100, seed=toy
        )
        found = at(signal, setting, target)
        total += found.low_total <= truth <= found.high_total
        fixed += found.low <= truth <= found.high
    # Binomial scatter 2.7 %. Without the threshold's error the interval misses most of the time.
    assert total / n_toys == pytest.approx(0.683, abs=0.08)
    assert fixed / n_toys < 0.4


def test_bootstrap_interval_of_shared_pools_covers() -> None:
    n_toys, n_pools, hot = 300, 200, 0.3
    rng = np.random.default_rng(8)
    pools = np.repeat(np.arange(n_pools, dtype=np.uint64), 10)
    covered = 0
    for toy in range(n_toys):
        scores = np.where(rng.random(n_pools) < hot, 10_000, 0)[pools.astype(np.intp)]
        setting = ScoreCounts.from_scores(np.arange(1_000), stream="zb", replicas=200, seed=toy)
        found = at(ScoreCounts.from_scores(scores, pool_ids=pools, seed=toy), setting)
        covered += found.low <= hot <= found.high
    assert covered / n_toys == pytest.approx(0.683, abs=0.06)


def test_unreached_target_still_counts_signals_above_all_background() -> None:
    setting = ScoreCounts.from_scores([0] * 50 + [7] * 50, stream="zb")
    signal = ScoreCounts.from_scores([7, 8, 9, 0], stream="signal")
    assert not threshold_at(setting, 5.0, RUN3).reached
    assert (at(signal, setting, 5.0).threshold, at(signal, setting, 5.0).n_accepted) == (8, 2)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (
            {"scores": np.array([], dtype=int)},
            "signal 'A4l' has 0 crossings and no weight in total",
        ),
        ({"scores": [1], "weights": [0]}, "signal 'A4l' has 1 crossings and no weight in total"),
        ({"scores": [1, 2], "stream": "zb"}, "signal and zero-bias crossings must be disjoint"),
        ({"scores": [1], "replicas": 50}, "counts of different bootstraps do not go together"),
    ],
)
def test_signals_that_are_refused(signal: dict[str, Any], message: str) -> None:
    with pytest.raises(CountsError, match=message):
        at(ScoreCounts.from_scores(**signal), background(1_000))


def test_empty_background_is_refused() -> None:
    empty = ScoreCounts.from_scores(np.array([], dtype=np.int64))
    with pytest.raises(CountsError, match="too few to set a threshold on"):
        at(ScoreCounts.from_scores([1, 2]), empty)
