"""Natural and flattened sampling, and splitting by pool event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import chisquare

from distill.data import TrainingData
from distill.errors import TrainingDataError
from distill.sampling import flattened_sample, mixed_outliers, natural_sample, split
from emulator.features import Feature, FeatureLayout

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ONE = FeatureLayout("one", (Feature("jet", 0, "pt"),))


def column(values: ArrayLike, **options: Any) -> TrainingData:
    return TrainingData.from_arrays(np.reshape(np.asarray(values), (-1, 1)), ONE, **options)


def test_natural_sample_follows_the_weights() -> None:
    weights = np.array([5, 0, 1 << 32, 3 << 30, 1 << 28, 77 << 25])
    data = column(np.arange(6), weights=weights)
    n = 200_000
    drawn = natural_sample(data, n, seed=11)
    counts = np.bincount(drawn.rows[:, 0], minlength=6)
    assert counts[1] == 0
    assert counts[0] <= 1  # expected 1e-4
    expected = weights[2:] / weights[2:].sum() * counts[2:].sum()
    assert 0.001 < chisquare(counts[2:], expected).pvalue < 0.999
    assert (drawn.weights == drawn.weights[0]).all()


def test_natural_sample_is_exact_at_the_edges_of_the_weights() -> None:
    # Every ticket of a small total, once: each crossing is drawn as often as its weight says.
    data = column([10, 20, 30], weights=[1, 0, 3])
    seen = natural_sample(data, 4_000, seed=0).rows[:, 0]
    assert set(seen.tolist()) == {10, 30}
    assert abs(int((seen == 10).sum()) - 1_000) < 5 * np.sqrt(750)


def test_natural_sample_depends_on_the_seed_only(background: TrainingData) -> None:
    first, again, other = (natural_sample(background, 1_000, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.rows, again.rows)
    np.testing.assert_array_equal(first.pool_ids, again.pool_ids)
    assert (first.rows != other.rows).any()


def test_natural_sample_keeps_rows_and_pool_events_together() -> None:
    data = column(np.arange(100), pool_ids=np.arange(100) * 7)
    drawn = natural_sample(data, 500, seed=3)
    np.testing.assert_array_equal(drawn.rows[:, 0] * 7, drawn.pool_ids)


def test_natural_sample_refuses_nothing() -> None:
    with pytest.raises(TrainingDataError, match="cannot draw 0 crossings"):
        natural_sample(column([1]), 0, seed=1)


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5])
def test_flattened_sample_follows_the_power(power: float) -> None:
    weights = np.array([1, 0, 16, 81, 1 << 32])
    drawn = flattened_sample(column(np.arange(5), weights=weights), 50_000, power=power, seed=5)
    counts = np.bincount(drawn.rows[:, 0], minlength=5)
    assert counts[1] == 0  # never occurs, whatever the power
    seen = weights > 0
    shares = weights[seen].astype(float) ** power
    expected = shares / shares.sum() * len(drawn)
    assert 0.001 < chisquare(counts[seen], expected).pvalue < 0.999
    assert (drawn.weights == drawn.weights[0]).all()


def test_power_one_is_the_natural_sample(background: TrainingData) -> None:
    weighted = TrainingData.from_arrays(
        background.rows, background.layout, weights=np.arange(len(background)) + 1
    )
    natural = natural_sample(weighted, 1_000, seed=9)
    np.testing.assert_array_equal(
        flattened_sample(weighted, 1_000, power=1.0, seed=9).rows, natural.rows
    )


def test_flattened_sample_keeps_rows_and_pool_events_together() -> None:
    data = column(np.arange(100), pool_ids=np.arange(100) * 7, weights=np.arange(100))
    drawn = flattened_sample(data, 500, power=0.5, seed=3)
    np.testing.assert_array_equal(drawn.rows[:, 0] * 7, drawn.pool_ids)


@pytest.mark.parametrize("power", [-0.1, 1.1, float("nan")])
def test_flattened_sample_refuses_other_powers(power: float) -> None:
    with pytest.raises(TrainingDataError, match="power of the weights must lie between 0 and 1"):
        flattened_sample(column([1]), 1, power=power, seed=1)


def test_flattened_sample_refuses_nothing() -> None:
    with pytest.raises(TrainingDataError, match="cannot draw 0 crossings"):
        flattened_sample(column([1]), 0, power=0.5, seed=1)


def test_split_keeps_pool_events_on_one_side(background: TrainingData) -> None:
    training, validation = split(background, 0.2, seed=4)
    assert len(training) + len(validation) == len(background)
    assert not set(training.pool_ids.tolist()) & set(validation.pool_ids.tolist())
    n_events = len(np.unique(background.pool_ids))
    share = len(np.unique(validation.pool_ids)) / n_events
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / n_events)


def test_split_of_a_crossing_does_not_depend_on_the_others(background: TrainingData) -> None:
    _, whole = split(background, 0.3, seed=5)
    _, part = split(background.take(np.arange(500)), 0.3, seed=5)
    np.testing.assert_array_equal(part.rows, whole.rows[: len(part)])
    _, other = split(background, 0.3, seed=6)
    assert set(other.pool_ids.tolist()) != set(whole.pool_ids.tolist())


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_split_refuses_impossible_fractions(fraction: float) -> None:
    with pytest.raises(TrainingDataError, match="between 0 and 1"):
        split(column([1, 2]), fraction, seed=1)


def test_split_refuses_one_pool_event() -> None:
    data = column(np.arange(10), pool_ids=[3] * 10)
    with pytest.raises(TrainingDataError, match="10 crossings of 1 pool events cannot be split"):
        split(data, 0.5, seed=1)


def test_outliers_are_collections_of_different_crossings(background: TrainingData) -> None:
    made = mixed_outliers(background, 3_000, seed=4)
    assert len(made) == 3_000
    np.testing.assert_array_equal(made.rows, mixed_outliers(background, 3_000, seed=4).rows)
    assert made.rows.max() <= background.rows.max()
    features = background.layout.features
    pt = [i for i, one in enumerate(features) if one.field == "pt"]
    angles = [i for i, one in enumerate(features) if one.object == "jet" and one.field != "pt"]
    # The angles of the jets of one crossing are those of one crossing of the background.
    known = {row.tobytes() for row in background.rows[:, angles]}
    assert all(row.tobytes() in known for row in made.rows[:, angles])
    assert made.rows[:, pt].mean() > 1.2 * background.rows[:, pt].mean()


def test_outliers_come_from_crossings_that_occur(background: TrainingData) -> None:
    weights = np.zeros(len(background), dtype=np.int64)
    weights[7] = 1
    rare = TrainingData.from_arrays(background.rows, background.layout, weights=weights)
    made = mixed_outliers(rare, 50, seed=1)
    angles = [i for i, one in enumerate(background.layout.features) if one.field != "pt"]
    assert (made.rows[:, angles] == background.rows[7, angles]).all()
