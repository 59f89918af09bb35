"""ScoreCounts: by hand, against plain Python integers, and the laws of adding, to the last bit."""

from __future__ import annotations

import copy
from functools import reduce
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.rates import (
    CountsError,
    Crossings,
    EventRange,
    Passing,
    ScoreCounts,
    Tail,
    load_scenario,
    merge_all,
    multiplicities,
    rate_curve,
    threshold_at,
)
from emulator.rates.exact import added

UNIT = 2**32
SCORES = st.integers(-(2**62) + 1, 2**62 - 1) | st.integers(-3, 3)
# 40 events of these, drawn 20 times, stay within the limit of one call.
WEIGHTS = st.integers(0, 2**52) | st.sampled_from([0, 1, UNIT, UNIT - 1, UNIT + 1, 2**52])
EVENTS = st.lists(
    st.tuples(SCORES, WEIGHTS, st.integers(0, 2**64 - 1) | st.integers(0, 4)), max_size=40
)
Event = tuple[int, int, int]


def count(events: list[Event], *, replicas: int = 7, seed: int = 3) -> ScoreCounts:
    columns = [
        np.array([event[i] for event in events], dtype=dtype)
        for i, dtype in enumerate((np.int64, np.int64, np.uint64))
    ]
    return ScoreCounts.from_scores(
        columns[0], weights=columns[1], pool_ids=columns[2], replicas=replicas, seed=seed
    )


def test_by_hand() -> None:
    counts = ScoreCounts.from_scores(
        [5, 2, 5, 5], weights=[UNIT, 3, 2 * UNIT, 0], pool_ids=[1, 1, 2, 9], replicas=4
    )
    drawn = multiplicities(np.array([1, 2], dtype=np.uint64), 4)
    assert counts.scores.tolist() == [2, 5]
    assert counts.entries.tolist() == [1, 3]
    assert counts.weights.tolist() == [3, 3 * UNIT]
    # 1 + 4 in units of 2**64, the high word.
    assert counts.squares.tolist() == [[0, 9], [5, 0]]
    assert counts.replicas[0].tolist() == (3 * drawn[0]).tolist()
    assert counts.replicas[1].tolist() == (UNIT * (drawn[0] + 2 * drawn[1])).tolist()


@pytest.mark.parametrize(
    ("threshold", "entries", "weight"),
    [(-1, 4, 4 * UNIT), (2, 4, 4 * UNIT), (3, 3, 3 * UNIT), (5, 3, 3 * UNIT), (6, 0, 0)],
)
def test_fires_if_score_is_at_least_the_threshold(
    threshold: int, entries: int, weight: int
) -> None:
    passing = ScoreCounts.from_scores([5, 2, 5, 5]).passing(threshold)
    assert (passing.entries, passing.weight) == (entries, weight)
    assert passing.n_effective == entries


def test_boolean_and_small_integer_columns_are_scores() -> None:
    fired = ScoreCounts.from_scores(np.array([True, False, True]))
    assert fired == ScoreCounts.from_scores(np.array([1, 0, 1], dtype=np.uint8))
    assert fired.passing(1).entries == 2


@settings(deadline=None)
@given(EVENTS)
def test_equals_plain_integers(events: list[Event]) -> None:
    counts = count(events)
    for row, score in enumerate(counts.scores.tolist()):
        here = [event for event in events if event[0] == score]
        assert counts.entries[row] == len(here)
        assert counts.weights[row] == sum(weight for _, weight, _ in here)
        high, low = counts.squares[row].tolist()
        assert (high << 64) + low == sum(weight**2 for _, weight, _ in here)
        drawn = multiplicities(np.array([pool for *_, pool in here], dtype=np.uint64), 7, 3)
        expected = [
            sum(weight * int(times) for (_, weight, _), times in zip(here, column, strict=True))
            for column in drawn.T
        ]
        assert counts.replicas[row].tolist() == expected
    assert counts.scores.tolist() == sorted({score for score, *_ in events})


@settings(deadline=None)
@given(EVENTS)
def test_totals_are_exact(events: list[Event]) -> None:
    total = count(events).total
    assert total.entries == len(events)
    assert total.weight == sum(weight for _, weight, _ in events)
    assert total.weight_squared == sum(weight**2 for _, weight, _ in events)


@settings(deadline=None)
@given(EVENTS, st.data())
def test_any_split_in_any_order_is_equal_to_the_last_bit(
    events: list[Event], data: st.DataObject
) -> None:
    parts = data.draw(st.lists(st.integers(0, 4), min_size=len(events), max_size=len(events)))
    pieces = [
        count([event for event, part in zip(events, parts, strict=True) if part == wanted])
        for wanted in data.draw(st.permutations(range(5)))
    ]
    assert merge_all(pieces) == count(data.draw(st.permutations(events)))


@settings(deadline=None)
@given(EVENTS, EVENTS, EVENTS)
def test_adding_is_associative_commutative_and_has_a_zero(
    first: list[Event], second: list[Event], third: list[Event]
) -> None:
    a, b, c = count(first), count(second), count(third)
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + count([]) == a


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.data())
def test_streams_split_anywhere_are_equal_to_the_last_bit(
    scores: list[int], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(scores)), max_size=5)) | {0, len(scores)})
    pieces = [
        ScoreCounts.from_scores(scores[start:stop], stream="zb", first_event=start, replicas=5)
        for start, stop in pairwise(cuts)
    ]
    merged = merge_all(data.draw(st.permutations(pieces)))
    assert merged == ScoreCounts.from_scores(scores, stream="zb", replicas=5)
    assert merged.ranges == (EventRange("zb", 0, len(scores)),)


@settings(deadline=None, max_examples=30)
@given(EVENTS.filter(bool), st.data())
def test_equality_sees_every_part(events: list[Event], data: st.DataObject) -> None:
    counts = count(events)
    field = data.draw(st.sampled_from(["scores", "entries", "weights", "squares", "replicas"]))
    changed = copy.deepcopy(counts)
    array = getattr(counts, field).copy()
    array.ravel()[data.draw(st.integers(0, array.size - 1))] ^= 1
    object.__setattr__(changed, field, array)
    assert changed != counts
    assert copy.deepcopy(counts) == counts


def test_equality_sees_seed_pools_and_streams() -> None:
    counts = ScoreCounts.from_scores([1], pool_ids=[0])
    assert counts != ScoreCounts.from_scores([1], pool_ids=[0], seed=1)
    assert counts != ScoreCounts.from_scores([1])
    assert ScoreCounts.from_scores([1]) != ScoreCounts.from_scores([1], stream="b")
    assert counts != 1


def test_squares_carry_exactly_at_the_edges_of_words() -> None:
    for weight in (2**32 - 1, 2**32, 2**32 + 1, 2**48 - 1, 2**57 - 1):
        one = count([(0, weight, 0)])
        assert one.total.weight_squared == weight**2
        assert (one + one + one).total.weight_squared == 3 * weight**2
    many = count([(0, 2**32 - 1, 0)] * 40)
    assert many.total.weight_squared == 40 * (2**32 - 1) ** 2


def test_pools_are_drawn_together() -> None:
    counts = ScoreCounts.from_scores([1, 2, 3], pool_ids=[5, 5, 5])
    np.testing.assert_array_equal(counts.replicas[0], counts.replicas[1])
    np.testing.assert_array_equal(counts.replicas[0], counts.replicas[2])
    apart = ScoreCounts.from_scores([1, 2, 3])
    assert (apart.replicas[0] != apart.replicas[1]).any()


def test_the_same_crossings_share_replicas_whatever_their_scores() -> None:
    teacher = ScoreCounts.from_scores([1, 2, 3], stream="zb")
    student = ScoreCounts.from_scores([7, 7, 0], stream="zb")
    np.testing.assert_array_equal(teacher.total.replicas, student.total.replicas)


def test_unweighted_means_equal_weights() -> None:
    assert ScoreCounts.from_scores([1, 2]).total.is_unweighted
    assert ScoreCounts.from_scores([1, 2], weights=[7, 7]).total.is_unweighted
    assert not ScoreCounts.from_scores([1, 2], weights=[UNIT, UNIT + 1]).total.is_unweighted


def test_effective_number_by_hand() -> None:
    counts = ScoreCounts.from_scores([1, 2], weights=[UNIT, 3 * UNIT])
    assert counts.total.n_effective == 16 / 10


def test_memory_is_bounded_by_distinct_scores() -> None:
    counts = ScoreCounts.from_scores(np.arange(1000) % 10)
    assert counts.replicas.shape == (10, 200)


def test_arrays_cannot_be_written() -> None:
    counts = ScoreCounts.from_scores([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        counts.weights[0] = 5


def test_text_of_counts() -> None:
    assert repr(ScoreCounts.from_scores([4, 9])) == (
        "ScoreCounts(2 entries, 2 distinct scores 4 to 9, 200 replicas, seed 0)"
    )
    empty = ScoreCounts.from_scores(np.array([], dtype=np.int64), replicas=2)
    assert repr(empty) == "ScoreCounts(0 entries, 0 distinct scores, 2 replicas, seed 0)"


def test_counts_have_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(ScoreCounts.from_scores([1]))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0, 2.0], "scores must be integers, got float64; count the integer output"),
        ([1.0, np.nan, np.nan], "scores must be integers, got float64 with 2 NaN"),
        (np.array([], dtype=np.float32), "scores must be integers, got float32"),
        (["a"], "scores must be integers, got <U1"),
        ([[1, 2]], r"scores must have one axis \(crossing\), got shape \(1, 2\)"),
        (3, r"scores must have one axis \(crossing\), got shape \(\)"),
        ([2**62], r"scores must lie within ±2\*\*62, got 4611686018427387904 to 46"),
        ([0, -(2**62)], r"scores must lie within ±2\*\*62"),
        (np.array([2**64 - 1], dtype=np.uint64), r"scores must lie within ±2\*\*62"),
    ],
)
def test_scores_that_are_refused(scores: Any, message: str) -> None:
    with pytest.raises(CountsError, match=message):
        ScoreCounts.from_scores(scores)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": [1, -1]}, "weights must not be negative, got -1"),
        ({"weights": [1.0, 1.0]}, r"weights must be integers of units of 2\*\*-32, got float64"),
        ({"weights": [1]}, r"weights must have the shape of the scores \(2,\), got \(1,\)"),
        ({"weights": [2**57, 2**57]}, "count smaller chunks and add their counts"),
        ({"weights": np.array([2**64 - 1] * 2, dtype=np.uint64)}, "count smaller chunks"),
        ({"pool_ids": [1, -2]}, "pool_ids must not be negative, got -2"),
        ({"pool_ids": [1.0, 2.0]}, "pool_ids must be integers, got float64"),
        ({"pool_ids": [1, 2, 3]}, r"pool_ids must have the shape of the scores \(2,\)"),
        ({"replicas": 1}, "replicas must be 2 to 100000, got 1"),
        ({"replicas": 100_001}, "replicas must be 2 to 100000"),
        ({"seed": -1}, r"the seed of the bootstrap must lie in 0 to 2\*\*64 - 1, got -1"),
        ({"seed": 2**64}, "the seed of the bootstrap must lie in"),
        ({"first_event": -1}, "first_event must be 0 or more, got -1"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CountsError, match=message):
        ScoreCounts.from_scores([1, 2], **settings)


def test_too_many_replicas_are_refused_and_not_coarsened() -> None:
    with pytest.raises(CountsError, match="1000 distinct scores with 40000 replicas need 305 MiB"):
        ScoreCounts.from_scores(np.arange(1000), replicas=40_000)


def test_too_many_distinct_scores_are_refused_when_merging() -> None:
    first = ScoreCounts.from_scores(np.arange(500), pool_ids=np.arange(500), replicas=40_000)
    second = ScoreCounts.from_scores(np.arange(500, 1000), pool_ids=np.arange(500), replicas=40_000)
    with pytest.raises(CountsError, match="1000 distinct scores with 40000 replicas"):
        first.merge(second)


def test_a_sum_that_does_not_fit_is_refused() -> None:
    counts = count([(0, 2**57, 0)])
    while counts.total.weight < 2**61:
        counts += counts
    with pytest.raises(CountsError, match=r"the summed weights reach .* are counted exactly"):
        merge_all([counts, counts, counts])


@pytest.mark.parametrize("other", [{"seed": 1}, {"replicas": 100}])
def test_other_bootstraps_are_refused(other: dict[str, Any]) -> None:
    with pytest.raises(CountsError, match="counts of different bootstraps do not go together"):
        ScoreCounts.from_scores([1], pool_ids=[0]).merge(
            ScoreCounts.from_scores([1], pool_ids=[1], **other)
        )


def test_the_same_events_are_not_added_twice() -> None:
    first = ScoreCounts.from_scores([1, 2, 3], stream="zb")
    again = ScoreCounts.from_scores([3, 4], stream="zb", first_event=2)
    with pytest.raises(CountsError, match="both counts hold events 2 to 2 of stream 'zb'"):
        first.merge(again)


def test_nothing_to_add() -> None:
    with pytest.raises(CountsError, match="there are no counts to add"):
        merge_all([])


def tail_of_very_many(part: int, n_crossings: int) -> ScoreCounts:
    """Counts of a chunk of very many crossings of weight one, two of which lie above the floor."""
    crossings = Crossings.of(2, stream="zb", first_event=2 * part, replicas=4)
    replicas = [n_crossings * UNIT + part + replica for replica in range(4)]
    return ScoreCounts.from_tail(
        Tail.of([7, 9], crossings, floor=5),
        Passing(n_crossings, n_crossings * UNIT, n_crossings * UNIT**2, np.array(replicas, object)),
        floor=5,
        seed=0,
        has_pools=False,
        ranges=crossings.ranges,
    )


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_sums_of_all_crossings_have_no_limit(order: tuple[int, ...]) -> None:
    # 1e11 crossings in all.
    n = 25_000_000_000
    parts = [tail_of_very_many(part, n) for part in range(4)]
    counts = merge_all(parts[place] for place in order)
    assert counts == merge_all(parts)
    assert (counts.total.entries, counts.total.weight) == (4 * n, 4 * n * UNIT)
    assert counts.total.weight > 2**66
    assert counts.total.replicas.tolist() == [4 * n * UNIT + 6 + 4 * r for r in range(4)]
    assert counts.passing(9).weight == 4 * UNIT
    run3 = load_scenario("run3")
    khz_per_crossing = run3.crossing_rate_khz / (4 * n)
    found = threshold_at(counts, 5 * khz_per_crossing, run3)
    assert found.threshold == 9
    assert found.rate_khz == pytest.approx(4 * khz_per_crossing, rel=1e-12)
    assert rate_curve(counts, run3)["rate_khz"].tolist() == pytest.approx(
        [8 * khz_per_crossing, 4 * khz_per_crossing], rel=1e-12
    )
    with pytest.raises(CountsError, match="count again with a lower floor"):
        threshold_at(counts, 1000.0, run3)
    assert counts.completed() is counts, "a row does not hold so many"


def test_sums_are_of_one_type_for_one_value() -> None:
    parts = [np.array([2**61, 3]) for _ in range(5)]
    total = reduce(added, parts)
    assert total.tolist() == [5 * 2**61, 15]
    other = added(reduce(added, parts[2:]), reduce(added, parts[:2]))
    assert (total.dtype, total.tolist()) == (other.dtype, other.tolist())
    assert reduce(added, parts[:2]).dtype == np.int64
