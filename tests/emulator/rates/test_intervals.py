"""Exact intervals against published values and by enumeration; replica intervals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from emulator.rates import ONE_SIGMA, CountsError, clopper_pearson, garwood
from emulator.rates.intervals import percentile_interval, spread

TAIL = (1 - ONE_SIGMA) / 2


def test_clopper_pearson_in_closed_form() -> None:
    # Nothing accepted: (1 - p)**n = tail. Everything: p**n = tail. One of one: p = tail.
    for n in (1, 5, 100):
        edge = 1 - TAIL ** (1 / n)
        assert list(clopper_pearson(0, n)) == pytest.approx([0.0, edge], rel=1e-12, abs=0)
        assert list(clopper_pearson(n, n)) == pytest.approx([1 - edge, 1.0], rel=1e-12, abs=0)


def test_clopper_pearson_published() -> None:
    # 95 % for 10 of 100: 4.90 % to 17.62 %, a standard worked example.
    assert list(clopper_pearson(10, 100, level=0.95)) == pytest.approx([0.0490, 0.1762], abs=5e-5)


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_clopper_pearson_solves_the_tail_equations(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = clopper_pearson(k, n)
    assert low <= k / n <= high
    if k > 0:
        assert stats.binom.sf(k - 1, n, low) == pytest.approx(TAIL, rel=1e-9)
    if k < n:
        assert stats.binom.cdf(k, n, high) == pytest.approx(TAIL, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
def test_clopper_pearson_covers_by_enumeration(n: int) -> None:
    intervals = [clopper_pearson(k, n) for k in range(n + 1)]
    for p in np.linspace(0.001, 0.999, 499):
        covering = [k for k, (low, high) in enumerate(intervals) if low <= p <= high]
        assert np.sum(stats.binom.pmf(covering, n, p)) >= ONE_SIGMA


def test_garwood_in_closed_form() -> None:
    # Nothing seen: exp(-m) = tail. One seen: 1 - exp(-m) = tail from below.
    assert list(garwood(0)) == pytest.approx([0.0, -math.log(TAIL)], rel=1e-12, abs=0)
    assert garwood(1)[0] == pytest.approx(-math.log(1 - TAIL), rel=1e-12)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # The usual table of 68.27 % central Poisson intervals.
    [(0, 0.0, 1.841), (1, 0.173, 3.300), (2, 0.708, 4.638), (3, 1.367, 5.918), (10, 6.891, 14.267)],
)
def test_garwood_published(count: int, low: float, high: float) -> None:
    assert list(garwood(count)) == pytest.approx([low, high], abs=6e-4)


def test_errors_of_a_false_positive_rate_of_1e_5() -> None:
    # The three sample sizes that the project's notes on statistics quote.
    for crossings, low, high in [(1e5, 0.17, 3.30), (1e6, 0.69, 1.43), (1e7, 0.90, 1.11)]:
        n = crossings * 1e-5
        assert [bound / n for bound in garwood(n)] == pytest.approx([low, high], abs=6e-3)


def test_garwood_covers_by_enumeration() -> None:
    intervals = [garwood(count) for count in range(60)]
    for mean in np.linspace(0.01, 15, 300):
        covering = [n for n, (low, high) in enumerate(intervals) if low <= mean <= high]
        assert np.sum(stats.poisson.pmf(covering, mean)) >= ONE_SIGMA


def test_garwood_over_covers_at_mean_one() -> None:
    covering = [n for n in range(60) if garwood(n)[0] <= 1 <= garwood(n)[1]]
    assert np.sum(stats.poisson.pmf(covering, 1)) == pytest.approx(0.92, abs=5e-3)


def test_effective_numbers_lie_between_their_neighbours() -> None:
    assert garwood(2)[0] < garwood(2.5)[0] < garwood(3)[0]
    assert clopper_pearson(2, 9)[1] < clopper_pearson(2.5, 9)[1] < clopper_pearson(3, 9)[1]


@pytest.mark.parametrize(("accepted", "total"), [(-1, 5), (6, 5), (0, 0), (float("nan"), 5)])
def test_impossible_efficiencies(accepted: float, total: float) -> None:
    with pytest.raises(ValueError, match="an efficiency needs 0 <= accepted <= total"):
        clopper_pearson(accepted, total)


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf")])
def test_impossible_counts(count: float) -> None:
    with pytest.raises(ValueError, match="a count must be finite and not negative"):
        garwood(count)


@pytest.mark.parametrize("level", [0, 1, -0.5, float("nan")])
def test_impossible_levels(level: float) -> None:
    with pytest.raises(ValueError, match="a confidence level lies between 0 and 1"):
        garwood(1, level=level)
    with pytest.raises(ValueError, match="a confidence level lies between 0 and 1"):
        clopper_pearson(1, 2, level=level)


def test_percentiles_are_values_of_replicas() -> None:
    # 200 replicas leave out floor(0.15865 * 200) = 31 on either side.
    values = np.random.default_rng(1).permutation(np.arange(200.0))
    assert percentile_interval(values) == (31.0, 168.0)


def test_percentiles_skip_nan_and_keep_infinity() -> None:
    assert percentile_interval(np.array([np.nan, 1.0, np.inf])) == (1.0, math.inf)


def test_spread_by_hand() -> None:
    assert spread(np.array([1.0, np.nan, 3.0])) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("function", [spread, percentile_interval])
def test_too_few_replicas_with_a_value(function: object) -> None:
    assert callable(function)
    with pytest.raises(CountsError, match="only 1 of 3 bootstrap replicas hold any crossing"):
        function(np.array([np.nan, np.nan, 1.0]))
