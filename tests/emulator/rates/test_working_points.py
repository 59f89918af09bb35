"""Thresholds at a target rate: ties by hand, never above the target, and honest errors."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from emulator.errors import SettingsError
from emulator.rates import (
    ONE_SIGMA,
    CountsError,
    RateScenario,
    ScoreCounts,
    garwood,
    load_scenario,
    threshold_at,
    working_point,
)
from emulator.rates.working_points import fractions, naive_error, replica_thresholds

RUN3 = load_scenario("run3")
UNIT = 2**32
# One bunch: 11.2456 kHz, so ten crossings make round numbers by hand.
ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
PER_CROSSING = 1.12456
TIES = [1, 1, 1, 4, 4, 6, 6, 6, 9, 12]  # ten crossings


def plain_threshold(
    scores: list[int], weights: list[int], target_khz: float, scenario: RateScenario
) -> tuple[int, Fraction] | None:
    """By trying every score: the lowest whose exact rate does not exceed the target."""
    best = None
    for score in sorted({s for s, w in zip(scores, weights, strict=True) if w}, reverse=True):
        passing = sum(w for s, w in zip(scores, weights, strict=True) if s >= score)
        rate = Fraction(scenario.crossing_rate_khz) * passing / sum(weights)
        if rate > Fraction(target_khz):
            break
        best = (score, rate)
    return best


@pytest.mark.parametrize(
    ("crossings_allowed", "threshold", "passing", "following"),
    [
        (1.0, 12, 1, 2),
        (1.9, 12, 1, 2),
        (2.0, 9, 2, 5),
        (4.99, 9, 2, 5),  # three crossings tie at 6: all of them or none
        (5.0, 6, 5, 7),
        (6.99, 6, 5, 7),
        (7.0, 4, 7, 10),
        (9.99, 4, 7, 10),
        (10.0, 1, 10, None),
    ],
)
def test_ties_by_hand(
    crossings_allowed: float, threshold: int, passing: int, following: int | None
) -> None:
    # A hair more than the rate of so many crossings, except where it is all of them.
    target = min(crossings_allowed * PER_CROSSING * (1 + 1e-12), ONE_BUNCH.crossing_rate_khz)
    found = threshold_at(ScoreCounts.from_scores(TIES), target, ONE_BUNCH)
    assert (found.threshold, found.reached) == (threshold, True)
    assert found.rate_khz == pytest.approx(passing * PER_CROSSING, rel=1e-12)
    if following is None:
        assert found.next_rate_khz is None
    else:
        assert found.next_rate_khz == pytest.approx(following * PER_CROSSING, rel=1e-12)


def test_no_threshold_reaches_the_target() -> None:
    found = threshold_at(ScoreCounts.from_scores(TIES), 1.0, ONE_BUNCH)
    assert (found.threshold, found.rate_khz, found.reached) == (13, 0.0, False)
    assert found.next_rate_khz == pytest.approx(PER_CROSSING)


def test_one_value_only() -> None:
    found = threshold_at(ScoreCounts.from_scores([5] * 1000), 10.0, RUN3)
    assert (found.threshold, found.reached) == (6, False)


def test_negative_scores_and_their_ties() -> None:
    found = threshold_at(ScoreCounts.from_scores([-7, -7, -3, -9]), 4.0, ONE_BUNCH)
    assert found.threshold == -3


def test_scores_of_no_weight_are_no_candidates() -> None:
    counts = ScoreCounts.from_scores([9, 7, 5], weights=[UNIT, 0, 9 * UNIT])
    assert threshold_at(counts, 2.0, ONE_BUNCH).threshold == 9


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.sampled_from([0, 1, 3, UNIT, 5 * UNIT])),
        min_size=1,
        max_size=30,
    ).filter(lambda events: any(weight for _, weight in events)),
    st.floats(1e-6, 1.0),
)
def test_is_the_largest_rate_that_does_not_exceed_the_target(
    events: list[tuple[int, int]], fraction: float
) -> None:
    scores, weights = map(list, zip(*events, strict=True))
    target = fraction * RUN3.crossing_rate_khz
    counts = ScoreCounts.from_scores(scores, weights=weights, replicas=2)
    found = threshold_at(counts, target, RUN3)
    assert found.rate_khz <= target
    expected = plain_threshold(scores, weights, target, RUN3)
    if expected is None:
        above = max(score for score, weight in events if weight) + 1
        assert (found.threshold, found.reached, found.rate_khz) == (above, False, 0)
        return
    assert (found.threshold, found.rate_khz) == (expected[0], float(expected[1]))
    assert found.next_rate_khz is None or found.next_rate_khz >= target


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.data())
def test_targets_that_are_exactly_a_rate_are_taken(scores: list[int], data: st.DataObject) -> None:
    counts = ScoreCounts.from_scores(scores, replicas=2)
    threshold = data.draw(st.sampled_from(scores))
    target = RUN3.rate_khz(counts.passing(threshold).weight, counts.total.weight)
    found = threshold_at(counts, target, RUN3)
    assert found.rate_khz <= target
    # The float target may be rounded below the exact rate; then the next higher threshold holds.
    exact = Fraction(RUN3.crossing_rate_khz) * Fraction(
        counts.passing(threshold).weight, counts.total.weight
    )
    assert (found.threshold == threshold) == (exact <= Fraction(target))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=30),
    st.floats(0.01, 1.0),
)
def test_each_replica_follows_the_same_rule(events: list[tuple[int, int]], fraction: float) -> None:
    scores, pools = map(list, zip(*events, strict=True))
    counts = ScoreCounts.from_scores(scores, pool_ids=pools, replicas=9)
    target = fraction * RUN3.crossing_rate_khz
    found = replica_thresholds(counts, target, RUN3)
    for replica in range(9):
        here = counts.replicas[:, replica].tolist()
        drawn = [
            score for score, weight in zip(counts.scores.tolist(), here, strict=True) if weight
        ]
        if not drawn:
            assert found[replica] == counts.scores[-1] + 1
            continue
        expected = plain_threshold(counts.scores.tolist(), here, target, RUN3)
        assert found[replica] == (drawn[-1] + 1 if expected is None else expected[0])


def samples(n: int = 100_000, seed: int = 1) -> tuple[ScoreCounts, ScoreCounts]:
    scores = np.random.default_rng(seed).geometric(0.02, 2 * n)
    return (
        ScoreCounts.from_scores(scores[:n], stream="zb"),
        ScoreCounts.from_scores(scores[n:], stream="zb", first_event=n),
    )


def point(setting: ScoreCounts, measuring: ScoreCounts, target_khz: float = 10.0) -> Any:
    return working_point(setting, measuring, model="m", target_khz=target_khz, scenario=RUN3)


def test_rate_is_measured_on_the_other_crossings() -> None:
    setting, measuring = samples()
    found = point(setting, measuring)
    chosen = threshold_at(setting, 10.0, RUN3)
    passing = measuring.passing(chosen.threshold)
    assert found.threshold == chosen.threshold
    assert found.setting_rate_khz == chosen.rate_khz <= 10
    assert found.entries_passing == passing.entries
    assert found.rate_khz == RUN3.rate_khz(passing.entries, 100_000)
    assert found.rate_khz != found.setting_rate_khz


def test_errors_of_independent_crossings_agree() -> None:
    setting, measuring = samples()
    found = point(setting, measuring, 100.0)
    k = found.entries_passing
    assert found.n_effective == k
    assert found.error_naive_khz == pytest.approx(found.rate_khz / math.sqrt(k), rel=3e-3)
    # 200 replicas know a spread to 5 %.
    assert found.error_khz == pytest.approx(found.error_naive_khz, rel=0.2)
    assert found.error_setting_khz == pytest.approx(found.error_naive_khz, rel=0.3)
    assert [found.low_khz, found.high_khz] == pytest.approx(
        [bound * found.rate_khz / k for bound in garwood(k)], rel=0.1
    )
    assert found.for_ranking


def test_few_crossings_are_not_for_ranking() -> None:
    setting, measuring = samples()
    found = point(setting, measuring, 1.0)
    assert found.entries_passing < 20
    assert not found.for_ranking


def test_a_bad_setting_sample_is_not_for_ranking_either() -> None:
    _, measuring = samples()
    setting = ScoreCounts.from_scores(np.random.default_rng(2).geometric(0.02, 2_000), stream="s")
    found = point(setting, measuring, 100.0)
    assert found.error_khz < 0.2 * found.rate_khz < found.error_setting_khz
    assert not found.for_ranking


def test_naive_error_is_too_small_with_shared_pools() -> None:
    # 50 crossings of each pool event have about the same score, as with muons from one decay.
    rng = np.random.default_rng(4)
    pools = np.repeat(np.arange(4000, dtype=np.uint64), 50)
    scores = rng.geometric(0.02, 4000)[pools.astype(np.intp)] + rng.integers(0, 2, pools.size)
    half = pools.size // 2
    setting = ScoreCounts.from_scores(scores[:half], pool_ids=pools[:half])
    measuring = ScoreCounts.from_scores(scores[half:], pool_ids=pools[half:])
    found = point(setting, measuring, 100.0)
    # The true ratio is close to sqrt(50) = 7.
    assert 5 < found.error_khz / found.error_naive_khz < 9
    assert not found.for_ranking
    assert found.error_naive_khz < 0.1 * found.rate_khz
    # The Garwood interval uses the bootstrap's number of independent crossings.
    assert found.high_khz - found.low_khz > found.error_khz


def test_nothing_passes_on_the_measuring_crossings() -> None:
    setting = ScoreCounts.from_scores([0] * 9_999 + [100], stream="a")
    measuring = ScoreCounts.from_scores([0] * 10_000, stream="b")
    found = point(setting, measuring, 5.0)
    assert (found.rate_khz, found.error_khz, found.entries_passing) == (0.0, 0.0, 0)
    assert (found.reached, found.for_ranking) == (True, False)
    assert found.low_khz == 0
    assert found.high_khz == pytest.approx(garwood(0)[1] * RUN3.crossing_rate_khz / 10_000)


def test_unreached_target_is_flagged() -> None:
    setting = ScoreCounts.from_scores([0] * 50 + [7] * 50, stream="a")
    measuring = ScoreCounts.from_scores([0] * 50 + [7] * 50, stream="b")
    found = point(setting, measuring, 5.0)
    assert (found.threshold, found.rate_khz, found.setting_rate_khz) == (8, 0.0, 0.0)
    assert (found.reached, found.for_ranking) == (False, False)


def test_everything_passes() -> None:
    setting = ScoreCounts.from_scores([3, 4] * 50, stream="a")
    measuring = ScoreCounts.from_scores([3, 4] * 50, stream="b")
    found = point(setting, measuring, RUN3.crossing_rate_khz)
    assert (found.threshold, found.rate_khz) == (3, RUN3.crossing_rate_khz)
    assert found.error_khz == found.error_naive_khz == 0
    assert found.high_khz == RUN3.crossing_rate_khz


def test_naive_error_by_hand() -> None:
    # p = 4/10 of the weight; passing squares 16, failing 9 + 9.
    counts = ScoreCounts.from_scores([0, 0, 5], weights=[3 * UNIT, 3 * UNIT, 4 * UNIT])
    expected = math.sqrt(0.36 * 16 + 0.16 * 18) / 10
    assert naive_error(counts.passing(5), counts.total) == pytest.approx(expected, rel=1e-12)


def test_naive_error_is_binomial_for_equal_weights() -> None:
    counts = ScoreCounts.from_scores([0] * 7 + [1] * 3)
    assert naive_error(counts.passing(1), counts.total) == pytest.approx(math.sqrt(0.3 * 0.7 / 10))


def test_error_of_the_threshold_by_definition() -> None:
    setting, measuring = samples(5_000)
    found = point(setting, measuring, 200.0)
    rates = [
        RUN3.rate_khz(measuring.passing(int(threshold)).weight, measuring.total.weight)
        for threshold in replica_thresholds(setting, 200.0, RUN3)
    ]
    assert found.error_setting_khz == pytest.approx(np.std(rates, ddof=1), rel=1e-12)


def test_order_of_adding_changes_nothing() -> None:
    setting, measuring = samples(2_000)
    scores = np.random.default_rng(1).geometric(0.02, 4_000)
    parts = [
        ScoreCounts.from_scores(scores[a : a + 500], stream="zb", first_event=a)
        for a in (1500, 0, 1000, 500)
    ]
    merged = (parts[0] + parts[1]) + (parts[2] + parts[3])
    assert point(merged, measuring, 300.0) == point(setting, measuring, 300.0)


@pytest.mark.parametrize("target", [0, -1, float("nan"), float("inf"), 26_315])
def test_impossible_targets(target: float) -> None:
    with pytest.raises(SettingsError, match=r"at most the 26314\.7 kHz of crossings .* 'run3'"):
        threshold_at(ScoreCounts.from_scores([1, 2]), target, RUN3)


def test_empty_counts_are_refused() -> None:
    empty = ScoreCounts.from_scores(np.array([], dtype=np.int64))
    some = ScoreCounts.from_scores([1, 2])
    with pytest.raises(CountsError, match=r"0 crossings .* too few to set a threshold on"):
        point(empty, some)
    with pytest.raises(CountsError, match=r"0 crossings .* too few to measure a rate on"):
        point(some, empty)
    with pytest.raises(CountsError, match="2 crossings with no weight in total"):
        threshold_at(ScoreCounts.from_scores([1, 2], weights=[0, 0]), 1.0, RUN3)


def test_setting_and_measuring_on_the_same_crossings_is_refused() -> None:
    counts, _ = samples(1_000)
    with pytest.raises(CountsError, match="must be disjoint, but both hold events 0 to 999"):
        point(counts, counts)


def test_different_bootstraps_are_refused() -> None:
    with pytest.raises(CountsError, match="counts of different bootstraps"):
        point(ScoreCounts.from_scores([1]), ScoreCounts.from_scores([1], stream="b", seed=4))


def test_a_bootstrap_of_one_block_in_two_replicas_is_refused() -> None:
    # Pool event 0 is drawn by neither of the two replicas of this seed.
    seed = next(
        seed
        for seed in range(100)
        if not ScoreCounts.from_scores(
            [1], pool_ids=[0], replicas=2, seed=seed
        ).total.replicas.any()
    )
    one = ScoreCounts.from_scores([1], pool_ids=[0], replicas=2, seed=seed)
    with pytest.raises(CountsError, match="only 0 of 2 bootstrap replicas hold any crossing"):
        point(one, one, RUN3.crossing_rate_khz)


def test_bootstrap_of_a_shared_pool_covers_and_the_naive_error_does_not() -> None:
    # 300 pool events, ten crossings each; those of a hot event (probability 0.2) all fire.
    n_toys, n_pools, hot = 500, 300, 0.2
    rng = np.random.default_rng(11)
    pools = np.repeat(np.arange(n_pools, dtype=np.uint64), 10)
    covered = covered_naive = 0
    for toy in range(n_toys):
        scores = (rng.random(n_pools) < hot)[pools.astype(np.intp)]
        counts = ScoreCounts.from_scores(scores, pool_ids=pools, replicas=100, seed=toy)
        passing, total = counts.passing(1), counts.total
        miss = abs(passing.weight / total.weight - hot)
        error = float(np.std(fractions(passing.replicas, total.replicas), ddof=1))
        covered += miss <= error
        covered_naive += miss <= naive_error(passing, total)
    # Binomial scatter of 500 toys is 2 %.
    assert covered / n_toys == pytest.approx(0.683, abs=0.05)
    assert covered_naive / n_toys < 0.35


def test_interval_of_a_rate_covers_by_enumeration() -> None:
    # Independent crossings of one weight: the quoted interval is Garwood's on the number that fires,
    # so that it covers each true rate with the nominal probability or more. No toys: every count.
    n_events = 2_000
    khz_per_crossing = RUN3.crossing_rate_khz / n_events
    setting = ScoreCounts.from_scores([0] * 1_999 + [1], stream="setting", replicas=20)
    intervals = []
    for n_fires in range(41):
        fires = np.arange(n_events) < n_fires
        measuring = ScoreCounts.from_scores(fires, stream="measuring", replicas=20)
        found = point(setting, measuring, 2 * khz_per_crossing)
        assert found.threshold == 1
        interval = found.low_khz / khz_per_crossing, found.high_khz / khz_per_crossing
        assert interval == pytest.approx(garwood(n_fires))
        intervals.append(interval)
    coverages = []
    for mean in np.linspace(0.02, 20, 400):
        covering = [n for n, (low, high) in enumerate(intervals) if low <= mean <= high]
        coverages.append(float(np.sum(stats.binom.pmf(covering, n_events, mean / n_events))))
    assert min(coverages) >= ONE_SIGMA


@pytest.mark.parametrize("hot", [0.02, 0.1])
def test_interval_of_a_rate_of_shared_pools_covers(hot: float) -> None:
    # 300 pool events of ten crossings; those of a hot one all fire. On effective numbers the interval
    # is no exact one, but Garwood's excess where few events are hot is there too.
    n_toys, n_pools = 300, 300
    rng = np.random.default_rng(31)
    setting = ScoreCounts.from_scores([0] * 1_999 + [1], stream="setting")
    pools = np.repeat(np.arange(n_pools, dtype=np.uint64), 10)
    target, truth, covered = RUN3.crossing_rate_khz / 1_000, RUN3.crossing_rate_khz * hot, 0
    for _ in range(n_toys):
        scores = (rng.random(n_pools) < hot)[pools.astype(np.intp)]
        found = point(setting, ScoreCounts.from_scores(scores, pool_ids=pools), target)
        covered += found.low_khz <= truth <= found.high_khz
    # Binomial scatter 2.7 %.
    assert covered / n_toys >= 0.683 - 0.054
