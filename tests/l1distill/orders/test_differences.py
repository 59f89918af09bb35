"""Paired differences over seeds: what is common cancels, both errors are in the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from l1distill.orders.differences import Results

if TYPE_CHECKING:
    from numpy.random import Generator

LIMIT = ("luts", 0.5)


def _kept(efficiency: float, replicas: Any, accepted: int = 500) -> list[dict[str, Any]]:
    return [
        {
            "signal": "A",
            "target_khz": 10.0,
            "efficiency": efficiency,
            "n_accepted": accepted,
            "replicas": list(replicas),
        }
    ]


def _units(
    rng: Generator, n_seeds: int, ratio: float, spread: float, noise: float
) -> list[dict[str, Any]]:
    """Two arms: the second keeps 20 %, with a spread that both share, the first ``ratio`` of it."""
    # All seeds are measured on the same crossings: their replicas move together.
    common, own = rng.normal(0, 0.1, 100), rng.normal(0, noise, 100)
    units = []
    for seed in range(n_seeds):
        level = 0.2 * np.exp(rng.normal(0, 0.3))
        values = {"teacher": level, "second": level}
        values["first"] = level * ratio * np.exp(rng.normal(0, spread))
        for arm, value in values.items():
            moved = value * np.exp(common + (own if arm == "first" else 0.0))
            kept = _kept(float(value), moved)
            choice = {"limit": "luts", "value": 0.5, "luts": 1.0, "efficiencies": kept}
            units.append(
                {
                    "seed": seed,
                    "arm": arm,
                    "passes": 0,
                    "seconds": 0.0,
                    "choices": [] if arm == "teacher" else [choice],
                    "teacher": kept if arm == "teacher" else None,
                }
            )
    return units


def test_what_seeds_share_cancels() -> None:
    results = Results(_units(np.random.default_rng(1), 5, 1.2, 0.0, 0.0))
    found = results.difference("first", "second", LIMIT, 10.0)
    assert found is not None
    assert [found.ratio, found.low_95, found.high_95] == pytest.approx([1.2] * 3)
    assert (found.n_seeds, found.verdict) == (5, "first")


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    hits = np.zeros(2)
    for _ in range(200):
        results = Results(_units(rng, 5, 1.1, 0.1, 0.0))
        found = results.difference("first", "second", LIMIT, 10.0)
        assert found is not None
        for place, (low, high) in enumerate(
            ((found.low, found.high), (found.low_95, found.high_95))
        ):
            assert low is not None
            assert high is not None
            hits[place] += low <= 1.1 <= high
    assert hits[0] / 200 == pytest.approx(0.683, abs=0.1)
    assert hits[1] / 200 == pytest.approx(0.95, abs=0.05)


def test_error_of_the_crossings_does_not_shrink_with_seeds() -> None:
    widths = []
    for n_seeds in (2, 8):
        results = Results(_units(np.random.default_rng(3), n_seeds, 1.0, 1e-9, 0.2))
        found = results.difference("first", "second", LIMIT, 10.0)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        widths.append(np.log(found.high / found.low) / 2)
        assert found.verdict == "open"
    assert widths == pytest.approx([0.2, 0.2], rel=0.25)


def test_a_seed_without_a_network_in_the_limit_is_left_out() -> None:
    units = _units(np.random.default_rng(4), 3, 1.2, 0.1, 0.1)
    next(one for one in units if (one["seed"], one["arm"]) == (1, "first"))["choices"] = []
    results = Results(units)
    found = results.difference("first", "second", LIMIT, 10.0)
    assert found is not None
    assert found.n_seeds == 2
    assert results.difference("first", "second", ("luts", 0.1), 10.0) is None
    assert results.difference("absent", "second", LIMIT, 10.0) is None


def test_only_signals_that_teachers_accept_count() -> None:
    units = _units(np.random.default_rng(5), 2, 1.2, 0.1, 0.1)
    results = Results(units)
    assert results.counting(10.0) == ("A",)
    teacher = next(one for one in units if one["arm"] == "teacher")
    teacher["teacher"][0]["n_accepted"] = 99
    assert Results(units).counting(10.0) == ()
    assert Results(units).difference("first", "second", LIMIT, 10.0) is None
    assert Results(units).difference("first", "second", LIMIT, 10.0, signal="A") is not None


def test_one_seed_has_no_interval() -> None:
    results = Results(_units(np.random.default_rng(6), 1, 1.2, 0.1, 0.1))
    found = results.difference("first", "second", LIMIT, 10.0)
    assert found is not None
    assert (found.low, found.spread, found.verdict) == (None, None, "untold")
