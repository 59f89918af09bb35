"""What a file holds, as ``l1distill inspect`` shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emulator.objects.scales import HardwareScales


@dataclass(frozen=True, slots=True)
class FieldSummary(Record):
    """Extremes of one field over all objects of the file, in hardware integers.

    ``minimum`` and ``maximum`` are None if there is no object; ``n_saturated`` counts objects at the
    largest code of a field that saturates, ``n_out_of_range`` those that no reader would accept.
    """

    name: str
    minimum: int | None
    maximum: int | None
    n_saturated: int
    n_out_of_range: int


@dataclass(frozen=True, slots=True)
class CollectionSummary(Record):
    """Number of objects of a collection, in all crossings of the file, and its fields."""

    name: str
    count: int
    fields: tuple[FieldSummary, ...]


@dataclass(frozen=True, slots=True)
class CrossingCount(Record):
    """Number of entries that have any object or sum in a relative crossing."""

    crossing: int
    entries: int


@dataclass(frozen=True, slots=True)
class FileSummary(Record):
    """What a file offers.

    Attributes
    ----------
    path, format_name
        The file, and the format found from its content.
    source
        The source that the numbers below are of: ``unpacked`` or ``emulated``.
    trees
        All trees of the file.
    entries
        Entries of the tree with the objects.
    sources
        The sources that `open_file` can read from this file.
    crossings
        Relative crossings offered, in rising order.
    collections
        Collections and fields present, in the order of the events array.
    missing
        Optional fields of the events array that this file does not have, as ``"mu.dxy"``.
    weighted
        Whether entries carry weights.
    provenance
        What the writer noted about the file; empty for files of the experiment.
    decisions
        Number of decisions (algorithm bits, seeds, paths) that the file holds for each entry.
    float_valued
        Whether the file holds floats, which are mapped to hardware integers on reading.
    notes
        What a user must know before the numbers are used, one sentence each.
    """

    path: str
    format_name: str
    source: str
    trees: tuple[str, ...]
    entries: int
    sources: tuple[str, ...]
    crossings: tuple[CrossingCount, ...]
    collections: tuple[CollectionSummary, ...]
    missing: tuple[str, ...]
    weighted: bool
    provenance: dict[str, Any]
    decisions: int = 0
    float_valued: bool = False
    notes: tuple[str, ...] = ()


class Tally:
    """Counts what `FileSummary` shows, chunk after chunk."""

    def __init__(self, scales: HardwareScales) -> None:
        self._scales = scales
        self._counts: dict[str, int] = {}
        self._fields: dict[tuple[str, str], FieldSummary] = {}
        self._crossings: dict[int, int] = {}

    def add_objects(self, collection: str, fields: Mapping[str, NDArray[Any]]) -> None:
        """Count objects: contents of each field, all of the same length, any integer type."""
        length = len(next(iter(fields.values())))
        self._counts[collection] = self._counts.get(collection, 0) + length
        for name, values in fields.items():
            before = self._fields.get((collection, name), FieldSummary(name, None, None, 0, 0))
            self._fields[collection, name] = self._extended(collection, before, values)

    def _extended(
        self, collection: str, before: FieldSummary, values: NDArray[Any]
    ) -> FieldSummary:
        if len(values) == 0:
            return before
        scale = self._scales.field(collection, before.name)
        low, high = int(values.min()), int(values.max())
        saturated = int(np.count_nonzero(values == scale.maximum)) if scale.saturates else 0
        outside = int(np.count_nonzero((values < scale.minimum) | (values > scale.maximum)))
        return FieldSummary(
            before.name,
            low if before.minimum is None else min(low, before.minimum),
            high if before.maximum is None else max(high, before.maximum),
            before.n_saturated + saturated,
            before.n_out_of_range + outside,
        )

    def add_crossings(self, entries: NDArray[np.int64], crossings: NDArray[np.int64]) -> None:
        """Count entries per crossing, from the entry and the crossing of every object of a chunk."""
        pairs = np.unique(np.stack([crossings, entries]), axis=1)
        for crossing, count in zip(*np.unique(pairs[0], return_counts=True), strict=True):
            key = int(crossing)
            self._crossings[key] = self._crossings.get(key, 0) + int(count)

    def crossings(self) -> tuple[CrossingCount, ...]:
        """Return the crossings counted so far, in rising order."""
        return tuple(CrossingCount(key, self._crossings[key]) for key in sorted(self._crossings))

    def collections(self) -> tuple[CollectionSummary, ...]:
        """Return the collections counted so far, in the order in which they first came."""
        return tuple(
            CollectionSummary(
                name, count, tuple(f for (owner, _), f in self._fields.items() if owner == name)
            )
            for name, count in self._counts.items()
        )
