"""Counts above a floor and of what others leave: the same as counting everything, where it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.rates import (
    CountsError,
    Crossings,
    RateScenario,
    ScoreCounts,
    Tail,
    efficiency_at,
    load_scenario,
    merge_all,
    rate_curve,
    threshold_at,
    working_point,
)
from emulator.rates.exact import sum_of_squares
from emulator.rates.working_points import replica_thresholds

RUN3 = load_scenario("run3")
ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
UNIT = 2**32
EVENTS = st.lists(
    st.tuples(
        st.integers(-5, 5),
        st.integers(0, 2**52) | st.sampled_from([0, 1, UNIT]),
        st.integers(0, 4),
        st.sampled_from([0.0, 0.25, 1 / 3, 1.0]),
    ),
    max_size=30,
)
Event = tuple[int, int, int, float]


def counts(events: list[Event], *, floor: int | None, pure: bool) -> ScoreCounts:
    scores, weights, pools = (
        np.array([event[i] for event in events], dtype=np.int64) for i in range(3)
    )
    kept = np.array([event[3] for event in events], dtype=np.float64)
    crossings = Crossings.of(len(events), weights=weights, pool_ids=pools, replicas=7, seed=3)
    return ScoreCounts.from_crossings(scores, crossings, floor=floor, kept=kept if pure else None)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_squares_are_exact(weights: list[int]) -> None:
    assert sum_of_squares(np.array(weights, dtype=np.int64)) == sum(w * w for w in weights)


@given(EVENTS, st.integers(-7, 7))
def test_above_the_floor_nothing_changes(events: list[Event], floor: int) -> None:
    whole, tail = counts(events, floor=None, pure=False), counts(events, floor=floor, pure=False)
    for threshold in range(floor, 8):
        ours, theirs = tail.passing(threshold), whole.passing(threshold)
        # A crossing of no weight is no entry of the tail.
        weighted = sum(score >= threshold and weight > 0 for score, weight, *_ in events)
        assert ours.entries == weighted
        assert (ours.weight, ours.weight_squared) == (theirs.weight, theirs.weight_squared)
        np.testing.assert_array_equal(ours.replicas, theirs.replicas)
    assert tail.total == whole.total


@given(EVENTS, st.one_of(st.none(), st.integers(-7, 7)))
def test_pure_counts_in_plain_integers(events: list[Event], floor: int | None) -> None:
    found = counts(events, floor=floor, pure=True)
    assert found.total.entries == len(events)
    assert found.total.weight == sum(weight for _, weight, *_ in events)
    for threshold in range(-5 if floor is None else floor, 7):
        parts = [
            weight if kept == 1 else min(round(weight * kept), weight)
            for score, weight, _, kept in events
            if score >= threshold
        ]
        assert found.passing(threshold).weight == sum(parts)
        assert found.passing(threshold).weight_squared == sum(part**2 for part in parts)


@given(EVENTS, st.data(), st.one_of(st.none(), st.integers(-7, 7)))
def test_any_split_in_any_order_is_equal_to_the_last_bit(
    events: list[Event], data: st.DataObject, floor: int | None
) -> None:
    parts = data.draw(st.lists(st.integers(0, 3), min_size=len(events), max_size=len(events)))
    pieces = [
        counts(
            [event for event, part in zip(events, parts, strict=True) if part == wanted],
            floor=floor,
            pure=True,
        )
        for wanted in data.draw(st.permutations(range(4)))
    ]
    assert merge_all(pieces) == counts(events, floor=floor, pure=True)


@given(EVENTS, st.integers(-7, 7), st.integers(1, 29))
def test_joined_tails_are_the_tail_of_all(events: list[Event], floor: int, cut: int) -> None:
    parts = [events[:cut], events[cut:]]
    described = [
        Crossings.of(
            len(part),
            weights=[event[1] for event in part],
            pool_ids=[event[2] for event in part],
            replicas=7,
            seed=3,
        )
        for part in parts
    ]
    tails = [
        Tail.of(np.array([event[0] for event in part], dtype=np.int64), one, floor=floor)
        for part, one in zip(parts, described, strict=True)
    ]
    found = ScoreCounts.from_tail(
        Tail.joined(tails),
        described[0].total + described[1].total,
        floor=floor,
        seed=3,
        has_pools=bool(events),
        ranges=(),
    )
    assert found == counts(events, floor=floor, pure=False)


def sample(n: int, seed: int, **settings: Any) -> tuple[np.ndarray, Crossings]:
    scores = np.random.default_rng(seed).geometric(0.02, n)
    return scores, Crossings.of(n, stream=f"zb{seed}", **settings)


def test_working_points_and_efficiencies_do_not_see_the_floor() -> None:
    setting, measuring, signal = (
        sample(n, seed) for n, seed in ((20_000, 1), (20_000, 2), (900, 3))
    )
    whole = [ScoreCounts.from_crossings(*each) for each in (setting, measuring, signal)]
    tails = [ScoreCounts.from_crossings(*each, floor=100) for each in (setting, measuring, signal)]
    points = [
        working_point(one[0], one[1], model="m", target_khz=500.0, scenario=RUN3)
        for one in (whole, tails)
    ]
    assert points[0] == points[1]
    efficiencies = [
        efficiency_at(one[2], one[0], signal="s", model="m", target_khz=500.0, scenario=RUN3)
        for one in (whole, tails)
    ]
    assert efficiencies[0] == efficiencies[1]
    curve, rest = rate_curve(whole[1], RUN3), rate_curve(tails[1], RUN3)
    expected = curve[curve["threshold"] >= 100].reset_index(drop=True)
    np.testing.assert_allclose(rest, expected, rtol=1e-9)


def test_a_threshold_below_the_floor_is_refused_and_not_guessed() -> None:
    scores, crossings = sample(20_000, 1)
    tail = ScoreCounts.from_crossings(scores, crossings, floor=300)
    rate = RUN3.crossing_rate_khz * float((scores >= 300).mean())
    assert threshold_at(tail, 0.5 * rate, RUN3).threshold > 300
    with pytest.raises(CountsError, match="all scores of 300 and more give less than"):
        threshold_at(tail, 1.2 * rate, RUN3)
    with pytest.raises(CountsError, match="or in a bootstrap replica; count again with a lower"):
        replica_thresholds(tail, 0.98 * rate, RUN3)
    with pytest.raises(CountsError, match=r"nothing is known of the\s+threshold 299"):
        tail.passing(299)
    with pytest.raises(CountsError, match="none is at or above the floor"):
        threshold_at(ScoreCounts.from_crossings(scores, crossings, floor=10**6), 1.0, RUN3)


def test_pure_rate_and_pure_efficiency_by_hand() -> None:
    # Ten crossings of one bunch: 1.12456 kHz each. The menu takes all of A, half of B, nothing of C.
    scores = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    kept = [0.0, 0.5, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0]
    setting = ScoreCounts.from_crossings(scores, Crossings.of(10, stream="zb"), kept=np.array(kept))
    per_crossing = ONE_BUNCH.crossing_rate_khz / 10
    # Pure crossings from above: 0, 0.5, 1.5, 1.5, 2.5, 3.5 ...: at 2.4 crossings the threshold is 7
    # (that of 6 adds nothing and has no weight); without the menu it would be 8.
    found = threshold_at(setting, 2.4 * per_crossing, ONE_BUNCH)
    assert found.threshold == 7
    assert found.rate_khz == pytest.approx(1.5 * per_crossing)
    assert found.next_rate_khz == pytest.approx(2.5 * per_crossing)
    plain = ScoreCounts.from_crossings(scores, Crossings.of(10, stream="zb"))
    assert threshold_at(plain, 2.4 * per_crossing, ONE_BUNCH).threshold == 8
    # Signal: four events; above 7 are three, of which the menu takes one whole and a quarter.
    signal = ScoreCounts.from_crossings(
        [7, 8, 9, 3], Crossings.of(4, stream="s"), kept=np.array([1.0, 0.75, 0.0, 1.0])
    )
    gain = efficiency_at(
        signal, setting, signal="s", model="m", target_khz=2.4 * per_crossing, scenario=ONE_BUNCH
    )
    assert (gain.threshold, gain.efficiency, gain.n_total) == (7, 1.75 / 4, 4)
    assert gain.low < gain.efficiency < gain.high


def test_whole_vetoes_leave_unweighted_crossings_unweighted() -> None:
    crossings = Crossings.of(4, stream="s")
    pure = ScoreCounts.from_crossings([5, 5, 5, 1], crossings, kept=np.array([1.0, 0.0, 1.0, 1.0]))
    assert pure.total.is_unweighted
    assert pure.passing(5).entries == 2


def test_a_menu_that_takes_everything_leaves_nothing_to_set() -> None:
    pure = ScoreCounts.from_crossings([5, 6], Crossings.of(2), kept=np.zeros(2))
    with pytest.raises(CountsError, match="or other seeds accept all of them"):
        threshold_at(pure, 1.0, ONE_BUNCH)


@pytest.mark.parametrize("kept", [[0.5], [0.5, 1.5], [-0.1, 0.0], [float("nan"), 0.0]])
def test_kept_that_is_no_probability(kept: list[float]) -> None:
    with pytest.raises(CountsError, match="one number from 0 to 1 for each of 2 crossings"):
        ScoreCounts.from_crossings([1, 2], Crossings.of(2), kept=np.array(kept))


def test_lengths_must_match() -> None:
    with pytest.raises(CountsError, match="there are 3 scores for 2 crossings"):
        ScoreCounts.from_crossings([1, 2, 3], Crossings.of(2), floor=0)


def test_other_floors_are_not_added() -> None:
    first = ScoreCounts.from_crossings([1], Crossings.of(1, pool_ids=[0]), floor=0)
    second = ScoreCounts.from_crossings([1], Crossings.of(1, pool_ids=[1]), floor=1)
    with pytest.raises(CountsError, match="counts above the floors 0 and 1 do not go together"):
        first.merge(second)
    assert first != second
