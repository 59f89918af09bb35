"""Ordering, trimming and joining of events arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.objects.events import (
    REQUIRED_FIELDS,
    SHOWERS,
    Columns,
    build_events,
    columns,
    empty_events,
    scalar_columns,
)
from emulator.objects.ordering import order_objects
from emulator.objects.scales import HardwareScales, load_scales

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import awkward as ak


def sort_by_pt(events: ak.Array) -> ak.Array:
    """Return the events with every collection in falling pt; equal pt keep their order.

    Examples
    --------
    >>> from emulator.objects import SCALARS, Columns, build_events
    >>> ids = {name: np.array([1]) for name in (*SCALARS,)}
    >>> mu = Columns(np.array([0, 3]), {"pt": [9, 30, 9], "eta_vtx": [0, 1, 2], "phi_vtx": [0] * 3})
    >>> sort_by_pt(build_events(ids, {"mu": mu})).mu.eta_vtx.tolist()
    [[1, 0, 2]]
    """
    return _ordered(events, load_scales(), lambda _: np.iinfo(np.int64).max)


def trim(events: ak.Array, scales: HardwareScales | None = None) -> ak.Array:
    """Return the events in falling pt with no more objects than the trigger sends."""
    scales = scales or load_scales()
    return _ordered(events, scales, scales.multiplicity)


def _ordered(events: ak.Array, scales: HardwareScales, limit: Callable[[str], int]) -> ak.Array:
    parts: dict[str, Columns] = {}
    for name in REQUIRED_FIELDS:
        part = columns(events, name)
        pt = part.fields["pt"].astype(np.int64)
        offsets, index = order_objects(part.offsets, pt, limit(name))
        parts[name] = part.taken(index, offsets)
    return build_events(scalar_columns(events), parts, scales=scales)


def concatenate(parts: Sequence[ak.Array]) -> ak.Array:
    """Join events arrays row after row.

    Optional fields of objects and flags of showers are kept where every part has them. Parts without rows are left out.

    Parameters
    ----------
    parts
        Events arrays; all with the same scalars (all weighted, or none).

    Raises
    ------
    ValueError
        If weighted and unweighted parts are mixed.

    Examples
    --------
    >>> from emulator.objects import empty_events
    >>> len(concatenate([empty_events(), empty_events()]))
    0
    """
    parts = [part for part in parts if len(part)] or parts[:1]
    if not parts:
        return empty_events()
    scalars = [scalar_columns(part) for part in parts]
    for name in SHOWERS:
        if not all(name in each for each in scalars):
            scalars = [{k: v for k, v in each.items() if k != name} for each in scalars]
    if len({frozenset(names) for names in scalars}) > 1:
        msg = f"parts with different scalars: {[sorted(names) for names in scalars]}"
        raise ValueError(msg)
    joined = {name: np.concatenate([each[name] for each in scalars]) for name in scalars[0]}
    return build_events(joined, {name: _joined(name, parts) for name in REQUIRED_FIELDS})


def _joined(collection: str, parts: Sequence[ak.Array]) -> Columns:
    each = [columns(part, collection) for part in parts]
    counts = np.concatenate([np.diff(part.offsets) for part in each])
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    common = [name for name in each[0].fields if all(name in part.fields for part in each)]
    return Columns(
        offsets, {name: np.concatenate([part.fields[name] for part in each]) for name in common}
    )
