"""Menus: by hand, against every outcome of the prescales, and merged to the last bit."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import MissingNameError, SettingsError
from emulator.rates import (
    ANY_SEED,
    CountsError,
    Crossings,
    MenuCounts,
    PrescaleColumn,
    RateScenario,
    clopper_pearson,
    garwood,
    load_scenario,
    multiplicities,
)
from emulator.results import table

UNIT = 2**32
ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
KHZ = 11.2456 / 4  # one of four crossings

# Four crossings; prescales 1, 2, off and 4.
COLUMN = PrescaleColumn.of({"A": 1, "B": 2, "C": 0, "D": 4})
DECISIONS = [
    [1, 1, 1, 0],
    [0, 1, 0, 1],
    [0, 0, 1, 1],
    [0, 0, 0, 0],
]


def by_hand() -> MenuCounts:
    return MenuCounts.from_decisions(DECISIONS, COLUMN, Crossings.of(4, stream="zb"))


@pytest.mark.parametrize(
    ("seed", "before", "rate", "pure", "proportional"),
    [
        # A always accepts crossing 0, alone if B does not (1/2), else it shares.
        ("A", 1.0, 1.0, 0.5, 0.75),
        # B: crossing 0 (1/2, never alone, always shared by two), crossing 1 (1/2; D takes 1/4).
        ("B", 2.0, 1.0, 0.5 * 0.75, 0.25 + 0.5 * (0.75 + 0.25 / 2)),
        ("C", 2.0, 0.0, 0.0, 0.0),
        # D: crossing 1 (1/4, B takes half), crossing 2 (1/4, C is off).
        ("D", 2.0, 0.5, 0.125 + 0.25, 0.25 * (0.5 + 0.25) + 0.25),
    ],
)
def test_a_menu_by_hand(
    seed: str, before: float, rate: float, pure: float, proportional: float
) -> None:
    found = {each.seed: each for each in by_hand().rates(ONE_BUNCH)}[seed]
    values = (found.before_khz, found.rate_khz, found.pure_khz, found.proportional_khz)
    expected = [each * KHZ for each in (before, rate, pure, proportional)]
    assert list(values) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_menu_as_a_whole_by_hand() -> None:
    *seeds, whole = by_hand().rates(ONE_BUNCH)
    # Crossing 0 always, 1 unless both miss (1/2 * 3/4), 2 by D alone.
    assert (whole.seed, whole.entries) == (ANY_SEED, 3)
    assert whole.rate_khz == pytest.approx((1 + 1 - 0.375 + 0.25) * KHZ, rel=1e-9)
    assert sum(each.proportional_khz for each in seeds) == pytest.approx(whole.rate_khz, rel=1e-9)


def test_overlaps_by_hand() -> None:
    frame = by_hand().overlap(ONE_BUNCH)
    expected = pd.DataFrame(
        {
            "A": [1.0, 0.5, 0.0, 0.0],
            "B": [0.5, 1.0, 0.0, 0.125],
            "C": [0.0, 0.0, 0.0, 0.0],
            "D": [0.0, 0.125, 0.0, 0.5],
        },
        index=list("ABCD"),
    )
    pd.testing.assert_frame_equal(frame, expected * KHZ)


def test_errors_by_hand() -> None:
    # A fires in 9 of 1000 crossings: the bootstrap of independent crossings is close to sqrt(9).
    decisions = np.zeros((1000, 1), dtype=bool)
    decisions[:9] = True
    crossings = Crossings.of(1000, stream="zb", replicas=1000)
    (found, _) = MenuCounts.from_decisions(decisions, PrescaleColumn.of({"A": 1}), crossings).rates(
        ONE_BUNCH
    )
    unit = ONE_BUNCH.crossing_rate_khz / 1000
    assert found.error_naive_khz == pytest.approx(unit * np.sqrt(9 * 0.991), rel=1e-9)
    assert found.error_khz == pytest.approx(3 * unit, rel=0.1)
    assert found.low_khz == pytest.approx(garwood(9)[0] * unit, rel=0.1)
    assert (found.pure_khz, found.pure_error_khz) == (found.rate_khz, found.error_khz)
    assert (found.proportional_khz, found.low_khz) == (found.rate_khz, found.pure_low_khz)


def test_the_table_is_a_frame() -> None:
    frame = table(by_hand().rates(ONE_BUNCH))
    assert frame["seed"].tolist() == ["A", "B", "C", "D", ANY_SEED]
    assert frame["prescale"].tolist() == [1.0, 2.0, 0.0, 4.0, 1.0]


PRESCALES = st.sampled_from([0, 1, 1, 2, Fraction(3, 2), "2.3", 7])
MENUS = st.integers(1, 5).flatmap(
    lambda n: st.tuples(
        st.lists(PRESCALES, min_size=n, max_size=n),
        st.lists(
            st.tuples(
                st.lists(st.booleans(), min_size=n, max_size=n),
                st.integers(0, 2**50) | st.sampled_from([1, UNIT]),
                st.integers(0, 3),
            ),
            max_size=12,
        ),
    )
)
Row = tuple[list[bool], int, int]


def menu_counts(prescales: list[Any], events: list[Row], *, replicas: int = 5) -> MenuCounts:
    column = PrescaleColumn.of({f"L1_{i}": each for i, each in enumerate(prescales)})
    decisions = np.array([event[0] for event in events], dtype=bool).reshape(-1, len(prescales))
    crossings = Crossings.of(
        len(events),
        weights=[event[1] for event in events],
        pool_ids=[event[2] for event in events],
        replicas=replicas,
    )
    return MenuCounts.from_decisions(decisions, column, crossings)


def expectations(fires: list[bool], prescales: list[Fraction]) -> dict[tuple[int, str], Fraction]:
    """By every outcome of the prescales of one crossing, exactly."""
    n = len(fires)
    found = dict.fromkeys(
        product(range(n), ("before", "rate", "pure", "proportional")), Fraction(0)
    )
    found[n, "rate"] = Fraction(0)
    for s in range(n):
        found[s, "before"] = Fraction(fires[s])
    for outcome in product((False, True), repeat=n):
        chance = Fraction(1)
        for fired, accepted, prescale in zip(fires, outcome, prescales, strict=True):
            p = Fraction(1, 1) / prescale if fired and prescale else Fraction(0)
            chance *= p if accepted else 1 - p
        accepting = [s for s in range(n) if outcome[s]]
        for s in accepting:
            found[s, "rate"] += chance
            found[s, "pure"] += chance * (len(accepting) == 1)
            found[s, "proportional"] += chance / len(accepting)
        found[n, "rate"] += chance * bool(accepting)
    return found


@settings(max_examples=60)
@given(MENUS)
def test_every_outcome_of_the_prescales(menu: tuple[list[Any], list[Row]]) -> None:
    prescales, events = menu
    counts = menu_counts(prescales, events)
    exact = [Fraction(each) for each in prescales]
    sums: dict[tuple[int, str], Fraction] = {}
    for fires, weight, _ in events:
        for key, chance in expectations(fires, exact).items():
            sums[key] = sums.get(key, Fraction(0)) + weight * chance
    for (s, kind), expected in sums.items():
        seed = ANY_SEED if s == len(prescales) else f"L1_{s}"
        found = counts.passing(seed, kind).weight
        # Each crossing is rounded once, to a unit of its weight or the last bit of a double.
        assert abs(found - expected) <= len(events) + sum(e[1] for e in events) * 2.0**-50


@settings(max_examples=60)
@given(MENUS, st.data())
def test_any_split_in_any_order_is_equal_to_the_last_bit(
    menu: tuple[list[Any], list[Row]], data: st.DataObject
) -> None:
    prescales, events = menu
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(events), max_size=len(events)))
    first, second, third = (
        menu_counts(prescales, [e for e, part in zip(events, parts, strict=True) if part == wanted])
        for wanted in data.draw(st.permutations(range(3)))
    )
    whole = menu_counts(prescales, data.draw(st.permutations(events)))
    assert (first + second) + third == first + (second + third) == whole
    assert first + second == second + first


def test_replicas_draw_the_blocks() -> None:
    counts = menu_counts([1, 2], [([True, True], UNIT, 4), ([False, True], UNIT, 9)])
    drawn = multiplicities(np.array([4, 9], dtype=np.uint64), 5)
    rate = counts.passing("L1_1").replicas
    assert rate.tolist() == ((drawn[0] + drawn[1]) * (UNIT // 2)).tolist()


def test_streams_do_not_add_the_same_events() -> None:
    with pytest.raises(CountsError, match="both counts hold events 0 to 3 of stream 'zb'"):
        by_hand().merge(by_hand())


def test_what_does_not_go_together_is_refused() -> None:
    one = menu_counts([1, 2], [])
    with pytest.raises(CountsError, match="different menus or prescales"):
        one.merge(menu_counts([1, 3], []))
    with pytest.raises(CountsError, match="different bootstraps"):
        one.merge(menu_counts([1, 2], [], replicas=6))
    with pytest.raises(CountsError, match="0 crossings with no weight"):
        one.rates(load_scenario())
    assert one != menu_counts([1, 3], [])
    assert one != 1


@pytest.mark.parametrize(
    ("prescale", "sentence"),
    [
        (0.5, "a prescale is 0 (off), or 1 and more, got 0.5"),
        (-1, "a prescale is 0 (off), or 1 and more, got -1"),
        ("x", "a prescale is a number, got 'x'"),
        (True, "a prescale is a number, got True"),
        (None, "a prescale is a number, got None"),
        (float("nan"), "a prescale is a number, got nan"),
        (float("inf"), "a prescale is a number, got inf"),
    ],
)
def test_impossible_prescales(prescale: object, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        PrescaleColumn.of({"L1_A": prescale})
    assert str(caught.value) == f"seed 'L1_A': {sentence}"


def test_an_empty_menu_is_refused() -> None:
    with pytest.raises(SettingsError, match="a menu needs at least one seed"):
        PrescaleColumn.of({})


def test_prescales_are_read_by_their_digits() -> None:
    assert PrescaleColumn.of({"A": 2.3}).prescales == (Fraction(23, 10),)


def test_unknown_seeds_name_the_nearest() -> None:
    with pytest.raises(MissingNameError, match="no seed 'AA'; nearest: A"):
        by_hand().passing("AA")


@pytest.mark.parametrize(
    ("decisions", "sentence"),
    [
        ([[1, 0]], r"must have the shape \(crossings, 4 seeds\), got \(1, 2\)"),
        ([[1, 0, 2, 0]], "must be true or false"),
        ([[1.0, 0, 0, 0]], "must be true or false, got float64"),
        ([[1, 0, 0, 0]], "there are decisions of 1 crossings for 4 crossings"),
    ],
)
def test_decisions_that_are_refused(decisions: Any, sentence: str) -> None:
    with pytest.raises(CountsError, match=sentence):
        MenuCounts.from_decisions(decisions, COLUMN, Crossings.of(4))


def test_what_a_prescaled_menu_keeps_lies_in_its_interval() -> None:
    # All 200 crossings fire, one of ten is accepted: no number of entries says that.
    column = PrescaleColumn.of({"A": 10})
    decisions = np.ones((200, 1), dtype=bool)
    decisions[100:] = False
    found = MenuCounts.from_decisions(decisions, column, Crossings.of(200, stream="s")).efficiency()
    assert found[0] == pytest.approx(0.05, rel=1e-9)
    assert 0.03 < found[1] < found[0] < found[2] < 0.07
    whole = PrescaleColumn.of({"A": 1})
    exact = MenuCounts.from_decisions(decisions, whole, Crossings.of(200, stream="s")).efficiency()
    assert exact == (0.5, *clopper_pearson(100, 200))


def test_sums_of_a_menu_have_no_limit() -> None:
    # The weights of one chunk, added a thousand times: 1e10 crossings of weight one.
    crossings = Crossings.of(2, weights=[2**57, 2**56], pool_ids=[1, 2], replicas=3)
    part = MenuCounts.from_decisions([[1], [1]], PrescaleColumn.of({"A": 1}), crossings)
    total = part
    for _ in range(999):
        total += part
    assert total.passing("A").weight == 1000 * (2**57 + 2**56) > 2**66
    assert total.passing("A").replicas.tolist() == [
        1000 * int(each) for each in part.passing("A").replicas
    ]
    assert total.overlaps.tolist() == [[1000 * (2**57 + 2**56)]]
    (rate, _) = total.rates(ONE_BUNCH)
    assert rate.rate_khz == pytest.approx(ONE_BUNCH.crossing_rate_khz)
