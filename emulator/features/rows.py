"""Builds the integer matrix that networks read, from events and a layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import MissingNameError
from emulator.features.layout import ZERO, FeatureLayout
from emulator.jit import kernel
from emulator.objects import columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.objects import Columns


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


@kernel
def _fill_cast(
    rows: NDArray[np.int8],
    offsets: NDArray[np.int64],
    contents: NDArray[np.int16],
    slots: NDArray[np.int64],
    targets: NDArray[np.int64],
    down: int,
    up: int,
    table: NDArray[np.int8],
    zeros: NDArray[np.int64],
) -> None:
    """Write what casts make of one field; ``zeros`` are the places of each feature's 0 in the table."""
    for row in range(len(offsets) - 1):
        start, count = offsets[row], offsets[row + 1] - offsets[row]
        for k in range(len(slots)):
            if slots[k] < count:
                value = contents[start + slots[k]] >> down << up
                rows[row, targets[k]] = table[zeros[k] + value]


@dataclass(frozen=True, eq=False)
class FeatureCasts:
    """What each raw of each feature is cast to, from `FeatureLayout.ranges`.

    Attributes
    ----------
    table
        The results of all features' ranges, one after the other, int8.
    zeros
        Place of each feature's raw 0 in the table, int64.
    """

    table: NDArray[np.int8]
    zeros: NDArray[np.int64]

    @classmethod
    def of(cls, layout: FeatureLayout, tables: Sequence[NDArray[np.int8]]) -> FeatureCasts:
        """Join the tables of all features."""
        starts = np.cumsum([0, *(len(each) for each in tables[:-1])], dtype=np.int64)
        lows = np.array([low for low, _ in layout.ranges], dtype=np.int64)
        return cls(np.concatenate(tables), starts - lows)


def feature_rows(
    events: ak.Array, layout: FeatureLayout, casts: FeatureCasts | None = None
) -> NDArray[Any]:
    """Return the network inputs of each row of an events array.

    Parameters
    ----------
    events
        An events array; slots count its objects in the order in which they stand.
    layout
        The inputs, and the era whose rules apply.
    casts
        Cast each input, if given.

    Returns
    -------
    int16 (n_rows, n_features), C order; raws with ``layout.era.fraction`` fraction bits. Missing
    objects are 0. With casts int8, the same after them.

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
    return rows_of_columns(columns_of_layout(events, layout), layout, len(events), casts)


def columns_of_layout(events: ak.Array, layout: FeatureLayout) -> dict[str, Columns]:
    """Return those collections and fields of an events array that a layout reads, as flat arrays.

    Raises
    ------
    MissingNameError
        If the events lack an optional field that the layout reads.

    Examples
    --------
    >>> from emulator.features import load_layout
    >>> from emulator.objects import empty_events
    >>> list(columns_of_layout(empty_events(), load_layout("axol1tl_57")))
    ['etm', 'eg', 'mu', 'jet']
    """
    fields: dict[str, list[str]] = {}
    for collection, field in layout.inputs:
        fields.setdefault(collection, []).append(field)
    for collection, names in fields.items():
        _require_fields(collection, events[collection].fields, names, layout)
    return {name: columns(events, name, fields[name]) for name in fields}


def rows_of_columns(
    collections: Mapping[str, Columns],
    layout: FeatureLayout,
    n_rows: int,
    casts: FeatureCasts | None = None,
) -> NDArray[Any]:
    """Return the network inputs of each row; see `feature_rows`.

    Parameters
    ----------
    collections
        At least the collections and fields that the layout reads, contents int16.

    Raises
    ------
    MissingNameError
        If a field that the layout reads is missing.
    ValueError
        If contents are not int16.
    """
    rows = np.zeros((n_rows, len(layout)), dtype=np.int16 if casts is None else np.int8)
    fields = []
    for collection, field in layout.inputs:
        chosen = [
            (feature.slot, target)
            for target, feature in enumerate(layout.features)
            if feature.field != ZERO
            and (feature.object, layout.era.source_field(feature)) == (collection, field)
        ]
        slots, targets = np.array(chosen, dtype=np.int64).T.copy()
        offsets, contents = contents_of_field(collections, collection, field, layout)
        fields.append((offsets, contents, (slots, targets, *layout.steps(field))))
    for start in range(0, n_rows, _BLOCK):
        stop = min(start + _BLOCK, n_rows)
        if casts is not None:
            rows[start:stop] = casts.table[casts.zeros]
        for offsets, contents, places in fields:
            part = (rows[start:stop], offsets[start : stop + 1], contents, *places)
            if casts is None:
                _fill(*part)
            else:
                _fill_cast(*part, casts.table, casts.zeros[places[1]])
    return rows


def contents_of_field(
    collections: Mapping[str, Columns], collection: str, field: str, layout: FeatureLayout
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return offsets and contents, contiguous, of a field that a layout reads; see `rows_of_columns`."""
    known = collections[collection].fields if collection in collections else ()
    _require_fields(collection, tuple(known), (field,), layout)
    given = collections[collection]
    contents = given.fields[field]
    if contents.dtype != np.int16:
        msg = f"{collection}.{field} is {contents.dtype}, not int16; use build_events"
        raise ValueError(msg)
    return (
        np.ascontiguousarray(given.offsets, dtype=np.int64),
        np.ascontiguousarray(contents, dtype=np.int16),
    )


def _require_fields(
    collection: str, known: Sequence[str], needed: Sequence[str], layout: FeatureLayout
) -> None:
    for field in needed:
        if field not in known:
            present = [f"{collection}.{each}" for each in known]
            where = f"events for the layout {layout.name!r}"
            raise MissingNameError("field", f"{collection}.{field}", present, where)
