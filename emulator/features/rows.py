"""Builds the integer matrix that networks read, from events and a layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.errors import MissingNameError
from emulator.features.layout import ZERO, FeatureLayout
from emulator.jit import kernel
from emulator.objects import field_columns

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray


#: Rows that are filled field by field before the next ones; they stay in a cache meanwhile.
_BLOCK: Final = 1_024


@kernel
def _fill(
    rows: NDArray[np.int16],
    offsets: NDArray[np.int64],
    contents: NDArray[np.int16],
    slots: NDArray[np.int64],
    targets: NDArray[np.int64],
    down: int,
    up: int,
) -> None:
    """Write one field of one collection into its columns; a slot without object keeps its 0."""
    for row in range(len(offsets) - 1):
        start, count = offsets[row], offsets[row + 1] - offsets[row]
        for k in range(len(slots)):
            if slots[k] < count:
                rows[row, targets[k]] = contents[start + slots[k]] >> down << up


def feature_rows(events: ak.Array, layout: FeatureLayout) -> NDArray[np.int16]:
    """Return the network inputs of each row of an events array.

    Parameters
    ----------
    events
        An events array; slots count its objects in the order in which they stand.
    layout
        The inputs, and the era whose rules apply.

    Returns
    -------
    int16 (n_rows, n_features), C order; raws with ``layout.era.fraction`` fraction bits. Missing
    objects are 0.

    Raises
    ------
    MissingNameError
        If the events lack an optional field that the layout reads.

    Examples
    --------
    >>> from emulator.features import load_layout
    >>> from emulator.objects import empty_events
    >>> feature_rows(empty_events(), load_layout("axol1tl_57")).shape
    (0, 57)
    """
    rows = np.zeros((len(events), len(layout)), dtype=np.int16)
    fields = []
    for collection, field in layout.inputs:
        if field not in events[collection].fields:
            present = [f"{collection}.{each}" for each in events[collection].fields]
            where = f"events for the layout {layout.name!r}"
            raise MissingNameError("field", f"{collection}.{field}", present, where)
        chosen = [
            (feature.slot, target)
            for target, feature in enumerate(layout.features)
            if feature.field != ZERO
            and (feature.object, layout.era.source_field(feature)) == (collection, field)
        ]
        slots, targets = np.array(chosen, dtype=np.int64).T.copy()
        places = (slots, targets, *layout.steps(field))
        fields.append((*field_columns(events, collection, field), places))
    for start in range(0, len(rows), _BLOCK):
        stop = min(start + _BLOCK, len(rows))
        for offsets, contents, places in fields:
            _fill(rows[start:stop], offsets[start : stop + 1], contents, *places)
    return rows
