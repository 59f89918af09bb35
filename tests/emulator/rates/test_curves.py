"""Curves agree row by row with the working points and efficiencies that they draw."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.rates import (
    CountsError,
    ScoreCounts,
    efficiency_at,
    efficiency_curve,
    load_scenario,
    rate_curve,
    threshold_at,
)
from emulator.rates.working_points import fractions, naive_error

RUN3 = load_scenario("run3")


def weighted(n: int = 2_000) -> ScoreCounts:
    rng = np.random.default_rng(1)
    return ScoreCounts.from_scores(
        rng.geometric(0.1, n),
        weights=rng.integers(0, 2**34, n),
        pool_ids=rng.integers(0, 100, n),
    )


def test_every_row_of_the_rate_curve() -> None:
    counts = weighted()
    curve = rate_curve(counts, RUN3)
    assert curve["threshold"].tolist() == counts.scores.tolist()
    for row in curve.to_dict("records"):
        passing = counts.passing(int(row["threshold"]))
        errors = fractions(passing.replicas, counts.total.replicas)
        assert row["entries"] == passing.entries
        rate = RUN3.rate_khz(passing.weight, counts.total.weight)
        assert row["rate_khz"] == pytest.approx(rate, rel=1e-12)
        naive = RUN3.crossing_rate_khz * naive_error(passing, counts.total)
        assert row["error_naive_khz"] == pytest.approx(naive, rel=1e-9)
        bootstrap = RUN3.crossing_rate_khz * np.std(errors, ddof=1)
        assert row["error_khz"] == pytest.approx(bootstrap, rel=1e-9, abs=1e-9)


def test_rate_curve_falls_from_the_crossing_rate() -> None:
    curve = rate_curve(weighted(), RUN3)
    assert curve["rate_khz"].iloc[0] == pytest.approx(RUN3.crossing_rate_khz)
    assert (np.diff(curve["rate_khz"]) <= 0).all()


def test_replicas_without_a_crossing_are_left_out() -> None:
    # One pool event: about a third of the replicas are empty, the others agree on every fraction.
    counts = ScoreCounts.from_scores([1, 2, 2, 3], pool_ids=[0, 0, 0, 0])
    assert (counts.total.replicas == 0).any()
    assert rate_curve(counts, RUN3)["error_khz"].tolist() == pytest.approx([0, 0, 0], abs=1e-6)


def test_rate_curve_of_nothing_is_refused() -> None:
    with pytest.raises(CountsError, match="0 crossings are too few for a curve"):
        rate_curve(ScoreCounts.from_scores(np.array([], dtype=np.int64)), RUN3)


def test_every_row_of_the_efficiency_curve() -> None:
    rng = np.random.default_rng(2)
    setting = ScoreCounts.from_scores(rng.geometric(0.05, 5_000), stream="zb")
    signal = ScoreCounts.from_scores(rng.geometric(0.01, 500), stream="signal")
    curve = efficiency_curve(signal, setting, signal="A4l", model="m", scenario=RUN3)
    assert curve["rate_khz"].is_monotonic_increasing
    assert curve["efficiency"].is_monotonic_increasing
    assert curve["threshold"].is_unique
    for row in curve.to_dict("records"):
        rate = row.pop("rate_khz")
        assert rate == threshold_at(setting, row["target_khz"], RUN3).rate_khz <= row["target_khz"]
        expected = efficiency_at(
            signal,
            setting,
            signal="A4l",
            model="m",
            target_khz=row["target_khz"],
            scenario=RUN3,
        )
        assert row == expected.as_dict()


def test_targets_below_the_highest_score_have_no_row() -> None:
    setting = ScoreCounts.from_scores([0] * 99 + [7], stream="zb")
    signal = ScoreCounts.from_scores([0, 7], stream="signal")
    per_crossing = RUN3.crossing_rate_khz / 100
    none = efficiency_curve(
        signal, setting, signal="s", model="m", scenario=RUN3, targets_khz=[0.9 * per_crossing]
    )
    assert len(none) == 0
    assert "rate_khz" in none
    one = efficiency_curve(
        signal,
        setting,
        signal="s",
        model="m",
        scenario=RUN3,
        targets_khz=[factor * per_crossing for factor in (3.0, 0.5, 1.5)],
    )
    assert one["threshold"].tolist() == [7]
    assert math.isclose(one["target_khz"].iloc[0], 1.5 * per_crossing)


def test_impossible_targets_are_refused() -> None:
    counts = ScoreCounts.from_scores([1, 2])
    with pytest.raises(SettingsError, match="the target rate must be above 0"):
        efficiency_curve(
            ScoreCounts.from_scores([1], stream="s"),
            counts,
            signal="s",
            model="m",
            scenario=RUN3,
            targets_khz=[-1.0],
        )
