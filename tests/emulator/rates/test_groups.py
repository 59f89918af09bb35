"""Groups of crossings: by hand, and merged to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.rates import (
    CountsError,
    Crossings,
    GroupedCounts,
    RateScenario,
    bin_of,
    clopper_pearson,
    garwood,
)

ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
EVENTS = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 2**40), st.integers(0, 5)),
    max_size=25,
)
Event = tuple[int, int, int, int]


def grouped(events: list[Event]) -> GroupedCounts:
    scores, groups, weights, pools = (
        np.array([event[i] for event in events], dtype=np.int64) for i in range(4)
    )
    crossings = Crossings.of(len(events), weights=weights, pool_ids=pools, replicas=5)
    return GroupedCounts.from_scores(scores, groups, crossings)


@given(EVENTS, st.data())
def test_any_split_in_any_order_is_equal_to_the_last_bit(
    events: list[Event], data: st.DataObject
) -> None:
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(events), max_size=len(events)))
    first, second, third = (
        grouped([event for event, part in zip(events, parts, strict=True) if part == wanted])
        for wanted in data.draw(st.permutations(range(3)))
    )
    assert (first + second) + third == first + (second + third) == grouped(events)
    assert first + second == second + first


def test_a_turn_on_by_hand() -> None:
    generated = [5.0, 15.0, 15.5, 25.0, 25.0, 25.0, 99.0, -1.0]
    scores = [1, 3, 9, 9, 9, 2, 9, 9]
    edges = [0, 10, 20, 30]
    counts = GroupedCounts.from_scores(
        scores, bin_of(generated, edges), Crossings.of(8, stream="s")
    )
    frame = counts.turn_on(edges, threshold=5)
    assert frame["low_edge"].tolist() == [0, 10, 20]
    assert frame["high_edge"].tolist() == [10, 20, 30]
    assert frame["n_total"].tolist() == [1, 2, 3]
    assert frame["n_accepted"].tolist() == [0, 1, 2]
    assert frame["efficiency"].tolist() == [0, 1 / 2, 2 / 3]
    bounds = [clopper_pearson(k, n) for k, n in ((0, 1), (1, 2), (2, 3))]
    assert list(zip(frame["low"], frame["high"], strict=True)) == bounds


def test_rates_of_runs_by_hand() -> None:
    runs = [7] * 100 + [8] * 200
    scores = [9] * 4 + [0] * 96 + [9] * 2 + [0] * 198
    counts = GroupedCounts.from_scores(scores, runs, Crossings.of(300, stream="zb"))
    frame = counts.rates(5, ONE_BUNCH)
    assert frame["group"].tolist() == [7, 8]
    rate = ONE_BUNCH.crossing_rate_khz
    assert frame["rate_khz"].tolist() == pytest.approx([0.04 * rate, 0.01 * rate])
    assert frame["high_khz"].tolist() == pytest.approx(
        [garwood(4)[1] * rate / 100, garwood(2)[1] * rate / 200], rel=0.15
    )
    assert frame["n_accepted"].tolist() == [4, 2]


def test_a_group_of_one_crossing_and_groups_without_weight() -> None:
    counts = GroupedCounts.from_scores(
        [9, 9, 9], [0, 1, 1], Crossings.of(3, weights=[1, 0, 0], stream="zb")
    )
    assert counts.rates(5, ONE_BUNCH)["group"].tolist() == [0]
    assert counts.efficiencies(5)["efficiency"].tolist() == [1.0]


def test_groups_that_do_not_match_are_refused() -> None:
    for groups in ([0], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(CountsError, match="scores and groups must be integers for each of 2"):
            GroupedCounts.from_scores([1, 2], groups, Crossings.of(2))


def test_the_same_events_are_not_added_twice() -> None:
    counts = GroupedCounts.from_scores([1, 2], [0, 1], Crossings.of(2, stream="zb"))
    with pytest.raises(CountsError, match="both counts hold events 0 to 1 of stream 'zb'"):
        counts.merge(counts)


@pytest.mark.parametrize("edges", [[1], [1, 1], [2, 1], [[0, 1]], [0, float("nan")]])
def test_edges_that_do_not_rise(edges: list[float]) -> None:
    with pytest.raises(CountsError, match="edges must be two or more rising numbers"):
        bin_of([1.0], edges)
