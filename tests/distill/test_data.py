"""What is read and what is refused as training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from distill.data import TrainingData, load_training_data
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
