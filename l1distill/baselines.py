"""The seeds that a user would try before any network: single objects and sums.

Their "score" is a hardware integer, so they are rated exactly like a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.features import Era, Feature, FeatureLayout, feature_rows
from emulator.objects import sort_by_pt

if TYPE_CHECKING:
    import awkward as ak
    import numpy as np
    from numpy.typing import NDArray

#: Names as reports print them, and the hardware integer that is cut on.
BASELINES: dict[str, Feature] = {
    "HTT": Feature("htt", 0, "pt"),
    "leading jet": Feature("jet", 0, "pt"),
    "MET": Feature("etm", 0, "pt"),
    "leading e/gamma": Feature("eg", 0, "pt"),
    "leading muon": Feature("mu", 0, "pt"),
    "second muon": Feature("mu", 1, "pt"),
    "third muon": Feature("mu", 2, "pt"),
}


def baseline_scores(events: ak.Array) -> dict[str, NDArray[np.int64]]:
    """Return for each baseline its hardware integer in each crossing, 0 where it is missing."""
    layout = FeatureLayout("baselines", tuple(BASELINES.values()), Era())
    # Slots count by falling pt, in whatever order the network wants the objects.
    rows = feature_rows(sort_by_pt(events), layout)
    return {name: rows[:, column].astype("int64") for column, name in enumerate(BASELINES)}
