"""The seeds that a user would try before any network: single objects and sums.

Their "score" is a hardware integer, so they are rated exactly like a network.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.features import Era, Feature, FeatureLayout, feature_rows
from emulator.objects import sort_by_pt

if TYPE_CHECKING:
    from collections.abc import Mapping

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


_OBJECT = re.compile(r"(?P<object>[a-z]+)\[(?P<slot>\d+)\]\.(?P<field>[a-z_]+)")


def baseline_scores(
    events: ak.Array, objects: Mapping[str, Feature] = BASELINES
) -> dict[str, NDArray[np.int64]]:
    """Return for each baseline its hardware integer in each crossing, 0 where it is missing."""
    layout = FeatureLayout("baselines", tuple(objects.values()), Era())
    # Slots count by falling pt, in whatever order the network wants the objects.
    rows = feature_rows(sort_by_pt(events), layout)
    return {name: rows[:, column].astype("int64") for column, name in enumerate(objects)}


def parse_object(name: str, text: str) -> Feature:
    """Read an object that is cut on, as users write it.

    Parameters
    ----------
    name
        What it is called; for the message.
    text
        Collection, slot by falling pt, and field, as ``jet[2].pt``.

    Raises
    ------
    SettingsError
        If it is not written so.
    L1Error
        If there is no such collection, slot or field.

    Examples
    --------
    >>> parse_object("third jet", "jet[2].pt")
    Feature(object='jet', slot=2, field='pt')
    """
    found = _OBJECT.fullmatch(text)
    if found is None:
        msg = f"{name}: write an object as 'jet[0].pt', not {text!r}"
        raise SettingsError(msg)
    feature = Feature(found["object"], int(found["slot"]), found["field"])
    # The layout knows which objects, slots and fields there are.
    FeatureLayout("objects", (feature,))
    return feature
