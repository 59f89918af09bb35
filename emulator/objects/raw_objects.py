"""The objects of a range of a file's entries, and the choice of those that the trigger means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.objects.events import REQUIRED_FIELDS, Columns
from emulator.objects.ordering import select_objects, stand_as_wanted
from emulator.objects.sum_types import SUM_PARTS, SUM_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from emulator.objects.sum_types import SumPart


@dataclass(frozen=True, slots=True)
class RawObjects:
    """Objects of one collection as the file has them, all crossings together.

    Attributes
    ----------
    offsets
        int64 (n_entries + 1).
    crossing
        int16 (n_objects), relative to the triggered crossing.
    fields
        Integers (n_objects); ``pt`` is int32.
    """

    offsets: NDArray[np.int64]
    crossing: NDArray[np.int16]
    fields: Mapping[str, NDArray[Any]]

    def entry_numbers(self) -> NDArray[np.int64]:
        """Return the entry of each object, int64 (n_objects)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def selected(self, wanted: NDArray[np.int64], limit: int, *, by_pt: bool) -> Columns:
        """Return the objects with a pT of the wanted crossings, at most ``limit`` a row.

        There is one row for each pair of entry and crossing, entry by entry.
        """
        pt = self.fields["pt"]
        if len(wanted) == 1 and stand_as_wanted(
            self.offsets, pt, self.crossing, int(wanted[0]), 1, limit, by_pt
        ):
            return Columns(self.offsets, self.fields)
        offsets, index = select_objects(
            self.offsets, pt, self.crossing, np.zeros(len(pt), np.int16), wanted, 0, 1, limit, by_pt
        )
        return Columns(offsets, {name: values[index] for name, values in self.fields.items()})


@dataclass(frozen=True, slots=True)
class RawSums:
    """All sums of a range of entries together, each with its type.

    Attributes
    ----------
    objects
        The sums.
    kind
        int16 (n_sums), codes as in `emulator.objects.sum_types`.
    """

    objects: RawObjects
    kind: NDArray[np.int16]

    def kinds(self) -> set[int]:
        """Return the types of sums that occur."""
        return set(np.flatnonzero(np.bincount(self.kind)).tolist()) if len(self.kind) else set()

    def selected(
        self,
        wanted: NDArray[np.int64],
        *,
        by_pt: bool,
        further: Collection[str] | None = None,
    ) -> dict[str, Columns]:
        """Return each sum, with the further fields of its word where every row has them.

        ``further`` names those that are wanted, as ``ett.min_bias``; None: all.
        """
        parts = {
            name: {
                field: part
                for field, part in SUM_PARTS[name].items()
                if further is None or f"{name}.{field}" in further
            }
            for name in SUM_TYPES
        }
        columns = self._columns(int(wanted[0])) if len(wanted) == 1 else None
        if columns is not None:
            return self._by_column(columns, parts)
        return self._by_search(wanted, parts, by_pt=by_pt)

    def _by_column(
        self, columns: dict[int, int], parts: Mapping[str, Mapping[str, SumPart]]
    ) -> dict[str, Columns]:
        """Take sums that stand in the same order in every entry."""
        entries = len(self.objects.offsets) - 1
        tables = {
            name: values.reshape(entries, len(columns))
            for name, values in self.objects.fields.items()
        }
        one_each = np.arange(entries + 1)
        found = {}
        for name, kind in SUM_TYPES.items():
            if kind not in columns:
                none = np.zeros(0, np.int16)
                fields: dict[str, NDArray[Any]] = dict.fromkeys(REQUIRED_FIELDS[name], none)
                found[name] = Columns(np.zeros(entries + 1, np.int64), fields)
                continue
            fields = {each: tables[each][:, columns[kind]] for each in REQUIRED_FIELDS[name]}
            for each, part in parts[name].items():
                if part.kind in columns:
                    fields[each] = part.bits_of(tables["pt"][:, columns[part.kind]])
            found[name] = Columns(one_each, fields)
        return found

    def _by_search(
        self,
        wanted: NDArray[np.int64],
        parts: Mapping[str, Mapping[str, SumPart]],
        *,
        by_pt: bool,
    ) -> dict[str, Columns]:
        raw = self.objects
        kinds = {part.kind for each in parts.values() for part in each.values()} & self.kinds()
        chosen = {
            kind: select_objects(
                raw.offsets, raw.fields["pt"], raw.crossing, self.kind, wanted, kind, 0, 1, by_pt
            )
            for kind in {*SUM_TYPES.values(), *kinds}
        }
        found = {}
        for name, kind in SUM_TYPES.items():
            offsets, index = chosen[kind]
            fields: dict[str, NDArray[Any]] = {
                each: raw.fields[each][index] for each in REQUIRED_FIELDS[name]
            }
            for each, part in parts[name].items():
                if part.kind in chosen:
                    values = part.values(offsets, *chosen[part.kind], raw.fields["pt"])
                    fields |= {} if values is None else {each: values}
            found[name] = Columns(offsets, fields)
        return found

    def _columns(self, crossing: int) -> dict[int, int] | None:
        """Return the place of each type in every entry, or None if entries differ."""
        entries = len(self.objects.offsets) - 1
        n_sums = len(self.kind) // entries if entries else 0
        first = self.kind[:n_sums].tolist()
        same = (
            n_sums > 0
            and len(set(first)) == n_sums
            and bool(np.all(np.diff(self.objects.offsets) == n_sums))
            and bool(np.all(self.kind.reshape(entries, n_sums) == self.kind[:n_sums]))
            and bool(np.all(self.objects.crossing == crossing))
        )
        return {kind: place for place, kind in enumerate(first)} if same else None
