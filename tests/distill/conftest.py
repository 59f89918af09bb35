"""A synthetic background: falling spectra, missing objects, rare muons, weights and shared pool events."""

from __future__ import annotations

import numpy as np
import pytest

from distill.data import TrainingData
from emulator.features import FeatureLayout, load_layout


@pytest.fixture(scope="session")
def layout() -> FeatureLayout:
    return load_layout("axol1tl_57")


@pytest.fixture(scope="session")
def background(layout: FeatureLayout) -> TrainingData:
    """6,000 crossings; objects of a crossing share a hardness, so that there is something to learn."""
    rng = np.random.default_rng(20)
    n = 6_000
    hardness = rng.exponential(1.0, n)
    rows = np.zeros((n, len(layout)), dtype=np.int16)
    for column, feature in enumerate(layout.features):
        usual = {"etm": 40.0, "eg": 10.0, "mu": 6.0, "jet": 30.0}[feature.object]
        if feature.field == "pt":
            pt = usual * (0.3 + hardness) * rng.exponential(1.0, n) / (1 + feature.slot)
            there = rng.random(n) < (0.05 if feature.object == "mu" else 0.9)
            present = there & (pt >= 1.0) & (feature.slot < 3 or feature.object != "mu")
            rows[:, column] = np.where(present, np.minimum(pt, 511), 0)
        elif feature.field == "eta":
            rows[:, column] = rng.integers(-57, 58, n) * present
        elif feature.field == "phi":
            rows[:, column] = rng.integers(0, 144, n) * present
    pool_ids = rng.integers(0, 1_500, n)
    return TrainingData.from_arrays(rows, layout, pool_ids=pool_ids)
