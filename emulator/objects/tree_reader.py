"""Reads events from trees whose branches hold hardware integers, whatever the branches are called.

A format is data: a `TreeLayout` names the trees and branches of one source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import awkward as ak
import numpy as np

from emulator.errors import InputFileError
from emulator.objects.calo_regions import has_calo_regions
from emulator.objects.chunks import (
    Chunk,
    Order,
    Source,
    check_decisions_wanted,
    checked_crossings,
    entry_ranges,
)
from emulator.objects.decisions import SeedBits
from emulator.objects.events import (
    OBJECTS,
    OPTIONAL_FIELDS,
    REQUIRED_FIELDS,
    SUMS,
    Columns,
    build_events,
    known_fields,
)
from emulator.objects.file_access import charge_bits
from emulator.objects.ordering import select_objects
from emulator.objects.root_file import Jagged, RootFile, RootTree, open_root
from emulator.objects.scales import HardwareScales, load_scales
from emulator.objects.sum_types import SUM_PARTS, SUM_TYPES
from emulator.objects.summary import FileSummary, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.objects.tree_layout import ObjectBranches, TreeLayout

#: Sums have types up to 28 so far (CMSSW); a byte leaves room for more.
_LARGEST_SUM_TYPE: Final = 255

_DESCRIBE_ENTRIES: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Raw:
    """Objects of a range of entries as the file has them, all crossings together."""

    offsets: NDArray[np.int64]
    crossing: NDArray[np.int64]
    kind: NDArray[np.int64]
    fields: dict[str, NDArray[Any]]

    def entry_numbers(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


class TreeReader:
    """Reads one file of one format and source; see the protocol `emulator.objects.reader.Reader`.

    Parameters
    ----------
    path, format_name
        The file and the name of its format.
    source, layout
        Which source, and where the format keeps it.
    sources
        All sources that the file offers.
    order
        ``pt``: objects in falling pt. ``readout``: as the file has them, which is how the trigger
        sent them; its muons are not always in falling pt.

    Raises
    ------
    InputFileError, MissingNameError
        If the file cannot be read, has no entries, or lacks a tree or branch that is needed.
    """

    def __init__(
        self,
        path: str,
        format_name: str,
        *,
        source: Source,
        layout: TreeLayout,
        sources: Sequence[Source],
        order: Order = "pt",
    ) -> None:
        self.path = path
        self.format_name = format_name
        self.source = source
        self.order = order
        self._layout = layout
        self._sources = tuple(sources)
        self._scales: HardwareScales = load_scales()
        with open_root(path) as file:
            self.entries = _checked_entries(file, layout)
            self.float_valued = file.provenance().get("float_valued") is True

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
    ) -> Iterator[Chunk]:
        """Return the events of the file in ranges of at most ``chunk_events`` entries.

        Raises
        ------
        InputFileError
            If the bytes are damaged, or a crossing asked for occurs in no entry of the file.
        RangeError
            If an integer does not fit its range; the message names the entry.
        SettingsError
            If the crossings or the chunk size make no sense.
        """
        wanted = checked_crossings(crossings)
        if bits:
            check_decisions_wanted(self.path, wanted, self._layout.decisions is not None)
        return self._chunks(wanted, entry_ranges(self.entries, chunk_events), bits)

    @property
    def decisions(self) -> int:
        """Number of decisions that the file holds for each entry."""
        return 0 if self._layout.decisions is None else len(self._layout.decisions)

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it; empty for files of the experiment."""
        with open_root(self.path) as file:
            return file.provenance()

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""
        tally = Tally(self._scales)
        kinds: set[int] = set()
        with open_root(self.path) as file:
            tree = file.tree(self._layout.tree)
            for start, stop in entry_ranges(self.entries, _DESCRIBE_ENTRIES):
                kinds |= self._tally(tally, tree, start, stop)
            present = {
                f"{name}.{each}" for name in OBJECTS for each in self._present_fields(tree, name)
            }
            present |= {
                f"{name}.{each}"
                for name, parts in SUM_PARTS.items()
                for each, part in parts.items()
                if part.kind in kinds
            }
            return FileSummary(
                path=self.path,
                format_name=self.format_name,
                source=self.source,
                trees=file.trees(),
                entries=self.entries,
                sources=self._sources,
                crossings=tally.crossings(),
                collections=tally.collections(),
                missing=tuple(
                    f"{name}.{each}"
                    for name, fields in OPTIONAL_FIELDS.items()
                    for each in fields
                    if f"{name}.{each}" not in present
                ),
                weighted=self._layout.optional_scalars.get("weight") in tree.branches,
                provenance=file.provenance(),
                decisions=self.decisions,
                float_valued=self.float_valued,
                notes=_notes(file),
            )

    def _chunks(
        self, wanted: NDArray[np.int64], ranges: Sequence[tuple[int, int]], with_bits: bool
    ) -> Iterator[Chunk]:
        unseen = set(wanted.tolist())
        with open_root(self.path) as file:
            tree = file.tree(self._layout.tree)
            scalar_tree = file.tree(self._layout.scalar_tree)
            decisions = self._layout.decisions if with_bits else None
            if decisions is not None:
                decisions.check(file, self.entries)
            for start, stop in ranges:
                raw = self._raw(tree, start, stop)
                own = self._row_crossings(tree, start, stop)
                here = [own] if own is not None else [each.crossing for each in raw.values()]
                unseen -= {c for c in unseen if any(bool((each == c).any()) for each in here)}
                scalars = self._scalars(scalar_tree, start, stop)
                showers = self._showers(tree, start, stop, wanted)
                events = self._events(raw, scalars, showers, wanted, start)
                bits = None if decisions is None else decisions.read(file, start, stop)
                if own is not None:
                    chosen = (own[:, None] == wanted).reshape(-1)
                    events = ak.to_packed(events[chosen])
                    bits = None if bits is None else SeedBits(bits.names, bits.values[chosen])
                yield Chunk(
                    self.path,
                    self._layout.tree,
                    start,
                    stop,
                    events,
                    bits=bits,
                    float_valued=self.float_valued,
                )
        if unseen:
            offered = ", ".join(str(each.crossing) for each in self.describe().crossings)
            asked = ", ".join(str(each) for each in sorted(unseen))
            raise InputFileError(
                self.path, f"crossing {asked} is in no entry; offered: {offered or 'none'}"
            )

    def _events(
        self,
        raw: Mapping[str, _Raw],
        scalars: Mapping[str, NDArray[Any]],
        showers: Mapping[str, NDArray[Any]],
        wanted: NDArray[np.int64],
        start: int,
    ) -> ak.Array:
        entries = len(scalars["run"])
        rows = {name: np.repeat(values, len(wanted)) for name, values in scalars.items()}
        rows |= showers
        rows["crossing"] = np.tile(wanted, entries)
        parts = {name: self._selected(name, raw[name], wanted) for name in OBJECTS}
        parts |= self._sums(raw["sums"], wanted)

        def place(row: int) -> str:
            return f"{self.path}:{self._layout.tree} entry {start + row // len(wanted)}"

        return build_events(rows, parts, scales=self._scales, place=place)

    def _selected(self, collection: str, raw: _Raw, wanted: NDArray[np.int64]) -> Columns:
        offsets, index = self._chosen(raw, wanted, 0, 1, self._scales.multiplicity(collection))
        return Columns(offsets, {name: values[index] for name, values in raw.fields.items()})

    def _chosen(
        self, raw: _Raw, wanted: NDArray[np.int64], kind: int, minimum_pt: int, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return select_objects(
            raw.offsets,
            raw.fields["pt"].astype(np.int64),
            raw.crossing,
            raw.kind,
            wanted,
            kind,
            minimum_pt,
            limit,
            self.order == "pt",
        )

    def _sums(self, raw: _Raw, wanted: NDArray[np.int64]) -> dict[str, Columns]:
        """Return each sum, with the further fields of its word where every row has them."""
        kinds = set(np.unique(raw.kind).tolist())

        def chosen(kind: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            return self._chosen(raw, wanted, kind, 0, 1)

        further = {
            part.kind: chosen(part.kind)
            for parts in SUM_PARTS.values()
            for part in parts.values()
            if part.kind in kinds
        }
        found = {}
        for name, kind in SUM_TYPES.items():
            offsets, index = chosen(kind)
            fields: dict[str, NDArray[Any]] = {
                each: raw.fields[each][index] for each in REQUIRED_FIELDS[name]
            }
            for each, part in SUM_PARTS[name].items():
                if part.kind in further:
                    values = part.values(offsets, *further[part.kind], raw.fields["pt"])
                    fields |= {} if values is None else {each: values}
            found[name] = Columns(offsets, fields)
        return found

    def _showers(
        self, tree: RootTree, start: int, stop: int, wanted: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """Return the flags of muon showers, row by row; empty if the file has none."""
        branch = self._layout.shower_crossing
        if branch is None or branch not in tree.branches:
            return {}
        crossing = tree.jagged(branch, start, stop)
        flags = {}
        for name, each in self._layout.showers.items():
            values = tree.jagged(each, start, stop)
            _same_lengths(tree, each, values, crossing.offsets)
            raw = _Raw(
                crossing.offsets,
                crossing.contents.astype(np.int64),
                np.zeros(len(values.contents), dtype=np.int64),
                {"pt": values.contents},
            )
            offsets, _ = self._chosen(raw, wanted, 0, 1, 1)
            flags[name] = np.diff(offsets)
        return flags

    def _raw(self, tree: RootTree, start: int, stop: int) -> dict[str, _Raw]:
        raw = {
            name: self._raw_objects(tree, self._layout.objects[name], name, start, stop)
            for name in OBJECTS
        }
        sums = self._raw_objects(tree, self._layout.sums, "sums", start, stop)
        kind = tree.jagged(self._layout.sum_type, start, stop)
        _check_codes(tree, self._layout.sum_type, kind, 0, _LARGEST_SUM_TYPE)
        _same_lengths(tree, self._layout.sum_type, kind, sums.offsets)
        raw["sums"] = _Raw(sums.offsets, sums.crossing, kind.contents.astype(np.int64), sums.fields)
        return raw

    def _raw_objects(
        self, tree: RootTree, branches: ObjectBranches, name: str, start: int, stop: int
    ) -> _Raw:
        crossing = tree.jagged(branches.crossing, start, stop)
        limits = np.iinfo(np.int16)
        _check_codes(tree, branches.crossing, crossing, int(limits.min), int(limits.max))
        fields: dict[str, NDArray[Any]] = {}
        for each in self._present_fields(tree, name):
            values = tree.jagged(branches.fields[each], start, stop)
            _same_lengths(tree, branches.fields[each], values, crossing.offsets)
            if each == "pt":
                _check_codes(tree, branches.fields[each], values, 0, np.iinfo(np.int64).max)
            fields[each] = values.contents
        if self._layout.charge_is_sign and "charge" in fields:
            where = f"{tree.where} branch {branches.fields['charge']}"
            fields["charge"] = charge_bits(fields["charge"], where)
        kind = np.zeros(len(crossing.contents), dtype=np.int64)
        return _Raw(crossing.offsets, crossing.contents.astype(np.int64), kind, fields)

    def _present_fields(self, tree: RootTree, name: str) -> tuple[str, ...]:
        branches = self._layout.sums if name == "sums" else self._layout.objects[name]
        return tuple(each for each, branch in branches.fields.items() if branch in tree.branches)

    def _scalars(self, tree: RootTree, start: int, stop: int) -> dict[str, NDArray[Any]]:
        layout = self._layout
        scalars = {name: tree.flat(branch, start, stop) for name, branch in layout.scalars.items()}
        for name, branch in layout.optional_scalars.items():
            if branch in tree.branches:
                scalars[name] = tree.flat(branch, start, stop)
        scalars.setdefault("orbit", np.zeros(stop - start, dtype=np.uint64))
        return scalars

    def _row_crossings(self, tree: RootTree, start: int, stop: int) -> NDArray[np.int64] | None:
        branch = self._layout.row_crossing
        if branch is None or branch not in tree.branches:
            return None
        return tree.flat(branch, start, stop).astype(np.int64)

    def _tally(self, tally: Tally, tree: RootTree, start: int, stop: int) -> set[int]:
        """Count a range of entries; return the types of sums in it."""
        raw = self._raw(tree, start, stop)
        for name in (*OBJECTS, *SUMS):
            source = raw.get(name) or raw["sums"]
            if name in SUM_TYPES:
                chosen = source.kind == SUM_TYPES[name]
            else:
                chosen = source.fields["pt"] > 0
            fields = {
                each: source.fields[each][chosen] for each in _FIELDS[name] if each in source.fields
            }
            tally.add_objects(name, fields)
        kinds = {int(kind) for kind in np.unique(raw["sums"].kind)}
        own = self._row_crossings(tree, start, stop)
        if own is not None:
            tally.add_crossings(np.arange(len(own)), own)
            return kinds
        tally.add_crossings(
            np.concatenate([each.entry_numbers() for each in raw.values()]),
            np.concatenate([each.crossing for each in raw.values()]),
        )
        return kinds


_FIELDS: Final = {name: known_fields(name) for name in REQUIRED_FIELDS}


def _check_codes(tree: RootTree, branch: str, values: Jagged, low: int, high: int) -> None:
    """Check codes by which objects are chosen: with a wrong one an object would silently be away."""
    contents = values.contents
    if len(contents) and not (low <= int(contents.min()) and int(contents.max()) <= high):
        raise InputFileError(
            tree.where, f"branch {branch} holds values outside of {low} to {high}; damaged?"
        )


def _same_lengths(tree: RootTree, branch: str, values: Jagged, offsets: NDArray[np.int64]) -> None:
    if not np.array_equal(values.offsets, offsets):
        entry = int(np.flatnonzero(values.offsets != offsets)[0]) - 1
        raise InputFileError(
            tree.where,
            f"branch {branch} has another number of objects than its neighbours "
            f"(first in entry {entry} of the range read)",
        )


def _checked_entries(file: RootFile, layout: TreeLayout) -> int:
    """Check that all trees and branches that are needed exist; return the number of entries."""
    tree = file.tree(layout.tree)
    for name, branches in layout.objects.items():
        for branch in (branches.crossing, *(branches.fields[x] for x in REQUIRED_FIELDS[name])):
            tree.need(branch)
    for branch in (layout.sum_type, layout.sums.crossing, *layout.sums.fields.values()):
        tree.need(branch)
    scalar_tree = file.tree(layout.scalar_tree)
    for branch in layout.scalars.values():
        scalar_tree.need(branch)
    if tree.entries == 0:
        raise InputFileError(file.path, f"the tree {tree.name} has no entries")
    if scalar_tree.entries != tree.entries:
        raise InputFileError(
            file.path,
            f"{tree.name} has {tree.entries} entries, {scalar_tree.name} has {scalar_tree.entries}",
        )
    return tree.entries


def _notes(file: RootFile) -> tuple[str, ...]:
    if not has_calo_regions(file):
        return ()
    return ("CICADA's score and its 18 x 14 regions are there (read_calo_regions)",)
