"""Natural sampling, splitting, and what is refused as training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import chisquare

from distill.data import TrainingData, load_training_data, natural_sample, split
from distill.errors import TrainingDataError
from emulator.errors import L1Error
from emulator.features import Feature, FeatureLayout, feature_rows
from emulator.objects import empty_events

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (np.empty((0, 1)), {}, "no crossing to train on"),
        ([[1.0], [np.nan]], {}, r"rows hold a number that is not finite, first at \[1, 0\]"),
        ([[1.5]], {}, "rows must be whole numbers from -32768 to 32767"),
        ([[40_000]], {}, "rows must be whole numbers"),
        ([[1, 2]], {}, "rows have 2 features, the layout has 1"),
        ([1, 2], {}, r"int16 \(crossings, features\)"),
        ([[1]], {"weights": [-1]}, "crossing 0 has a negative weight"),
        ([[1]], {"weights": [0]}, "all 1 crossings have weight 0"),
        ([[1]], {"weights": [np.inf]}, "weights hold a number that is not finite"),
        ([[1]], {"weights": [1, 2]}, "weights must be int64 for 1 crossings"),
        ([[1], [2]], {"weights": [1 << 62, 1 << 62]}, "more than 62 bits"),
        ([[1]], {"pool_ids": [-1]}, "pool_ids must be whole numbers from 0"),
        ([["a"]], {}, "rows must be whole numbers"),
    ],
)
def test_refuses_wrong_arrays(rows: ArrayLike, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingDataError, match=message):
        TrainingData.from_arrays(rows, ONE, **options)


def test_reads_events_of_a_file(reference_data: Path, layout: FeatureLayout) -> None:
    path = next((reference_data / "l1ntuple").glob("*.root"))
    data = load_training_data([path], layout)
    assert data.rows.shape[1] == 57
    assert (data.weights == data.weights[0]).all()
    assert len(np.unique(data.pool_ids)) == len(data)


def test_refuses_events_without_crossings(layout: FeatureLayout) -> None:
    events = empty_events()
    assert len(feature_rows(events, layout)) == 0
    with pytest.raises(L1Error, match="no crossing to train on"):
        TrainingData.from_events(events, layout)
