"""Reads events from trees whose branches hold hardware integers, whatever the branches are called.

A format is data: a `TreeLayout` names the trees and branches of one source.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
    require_crossings,
)
from emulator.objects.decisions import SeedBits
from emulator.objects.events import (
    OBJECTS,
    OPTIONAL_FIELDS,
    REQUIRED_FIELDS,
    SUMS,
    build_events,
    known_fields,
)
from emulator.objects.file_access import charge_bits
from emulator.objects.raw_objects import RawObjects, RawSums
from emulator.objects.root_file import Jagged, RootFile, RootTree, open_root
from emulator.objects.scales import HardwareScales, load_scales
from emulator.objects.sum_types import SUM_PARTS, SUM_TYPES
from emulator.objects.summary import FileSummary, Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.objects.tree_layout import ObjectBranches, TreeLayout

#: Sums have types up to 28 so far (CMSSW); a byte leaves room for more.
_LARGEST_SUM_TYPE: Final = 255

_DESCRIBE_ENTRIES: Final = 100_000

#: Crossings are small integers, relative to the triggered one.
_CROSSINGS: Final = (int(np.iinfo(np.int16).min), int(np.iinfo(np.int16).max))


class _Raw(NamedTuple):
    """Everything of a range of entries as the file has it."""

    objects: dict[str, RawObjects]
    sums: RawSums

    def everything(self) -> tuple[RawObjects, ...]:
        return (*self.objects.values(), self.sums.objects)


class TreeReader:
    """Reads one file of one format and source; see the protocol `emulator.objects.reader.Reader`.

    Parameters
    ----------
    file, format_name
        The open file, which is not kept, and the name of its format.
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
        file: RootFile,
        format_name: str,
        *,
        source: Source,
        layout: TreeLayout,
        sources: Sequence[Source],
        order: Order = "pt",
    ) -> None:
        self.path = file.path
        self.format_name = format_name
        self.source = source
        self.order = order
        self._layout = layout
        self._sources = tuple(sources)
        self._scales: HardwareScales = load_scales()
        self.entries = _checked_entries(file, layout)
        self.float_valued = file.provenance().get("float_valued") is True
        self._whole: TreeReader | None = None

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
        entries: tuple[int, int] | None = None,
    ) -> Iterator[Chunk]:
        """Return the events of the file in ranges of at most ``chunk_events`` entries.

        Raises
        ------
        InputFileError
            If the bytes are damaged, or all entries are read and a crossing asked for is in none.
        RangeError
            If an integer does not fit its range; the message names the entry.
        SettingsError
            If the crossings or the chunk size make no sense.
        """
        wanted = checked_crossings(crossings)
        if bits:
            check_decisions_wanted(self.path, wanted, self._layout.decisions is not None)
        return self._chunks(wanted, entry_ranges(self.entries, chunk_events, entries), bits)

    @property
    def decisions(self) -> int:
        """Number of decisions that the file holds for each entry."""
        return 0 if self._layout.decisions is None else len(self._layout.decisions)

    def without_other_fields(self, fields: Collection[str]) -> TreeReader:
        """Return a reader for these fields of objects, as ``mu.iso``; see the protocol."""
        other = copy(self)
        other._whole = self._whole or self
        other._layout = self._layout.with_fields(
            {name: REQUIRED_FIELDS[name] for name in OBJECTS}, fields
        )
        return other

    def signs_of_damage(self) -> tuple[str, ...]:
        """Return nothing: what trees can show of damage is an error."""
        return ()

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it; empty for files of the experiment."""
        with open_root(self.path) as file:
            return file.provenance()

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""
        if self._whole is not None:
            return self._whole.describe()
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
        whole = (ranges[0][0], ranges[-1][1]) == (0, self.entries)
        seen: set[int] = set()
        with open_root(self.path) as file:
            tree = file.tree(self._layout.tree)
            scalar_tree = file.tree(self._layout.scalar_tree)
            decisions = self._layout.decisions if with_bits else None
            if decisions is not None:
                decisions.check(file, self.entries)
            for start, stop in ranges:
                tree.read_together(self._layout.branches, start, stop)
                raw = self._raw(tree, start, stop)
                own = self._row_crossings(tree, start, stop)
                here = [own] if own is not None else [each.crossing for each in raw.everything()]
                found = _found(wanted, here)
                if own is None and len(found) < len(wanted):
                    found |= _found(wanted, self._other_crossings(tree, start, stop))
                seen |= found
                scalars = self._scalars(scalar_tree, start, stop)
                showers = self._showers(tree, start, stop, wanted)
                events = self._events(raw, scalars, showers, wanted, start)
                bits = None if decisions is None else decisions.read(file, start, stop)
                if own is not None:
                    events, bits = _of_crossings(events, bits, own, wanted)
                yield Chunk(
                    self.path,
                    self._layout.tree,
                    start,
                    stop,
                    events,
                    bits=bits,
                    float_valued=self.float_valued,
                    crossings=tuple(sorted(found)),
                )
                file.forget_pages()
        if whole and not seen.issuperset(wanted.tolist()):
            offered = [each.crossing for each in self.describe().crossings]
            require_crossings(self.path, wanted.tolist(), offered)

    def _events(
        self,
        raw: _Raw,
        scalars: Mapping[str, NDArray[Any]],
        showers: Mapping[str, NDArray[Any]],
        wanted: NDArray[np.int64],
        start: int,
    ) -> ak.Array:
        entries = len(scalars["run"])
        rows = {name: np.repeat(values, len(wanted)) for name, values in scalars.items()}
        rows |= showers
        rows["crossing"] = np.tile(wanted, entries)
        by_pt = self.order == "pt"
        parts = {
            name: raw.objects[name].selected(wanted, self._scales.multiplicity(name), by_pt=by_pt)
            for name in raw.objects
        }
        parts |= raw.sums.selected(wanted, by_pt=by_pt, further=self._layout.further_sum_fields)

        def place(row: int) -> str:
            return f"{self.path}:{self._layout.tree} entry {start + row // len(wanted)}"

        return build_events(rows, parts, scales=self._scales, place=place)

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
            _check_codes(tree, branch, crossing, *_CROSSINGS)
            raw = RawObjects(
                crossing.offsets, crossing.contents.astype(np.int16), {"pt": values.contents}
            )
            flags[name] = np.diff(raw.selected(wanted, 1, by_pt=False).offsets)
        return flags

    def _raw(self, tree: RootTree, start: int, stop: int) -> _Raw:
        objects = {
            name: self._raw_objects(tree, branches, name, start, stop)
            for name, branches in self._layout.objects.items()
        }
        sums = self._raw_objects(tree, self._layout.sums, "sums", start, stop)
        kind = tree.jagged(self._layout.sum_type, start, stop)
        _check_codes(tree, self._layout.sum_type, kind, 0, _LARGEST_SUM_TYPE)
        _same_lengths(tree, self._layout.sum_type, kind, sums.offsets)
        return _Raw(objects, RawSums(sums, kind.contents.astype(np.int16)))

    def _raw_objects(
        self, tree: RootTree, branches: ObjectBranches, name: str, start: int, stop: int
    ) -> RawObjects:
        crossing = tree.jagged(branches.crossing, start, stop)
        _check_codes(tree, branches.crossing, crossing, *_CROSSINGS)
        fields: dict[str, NDArray[Any]] = {}
        for each in self._present_fields(tree, name):
            values = tree.jagged(branches.fields[each], start, stop)
            _same_lengths(tree, branches.fields[each], values, crossing.offsets)
            fields[each] = values.contents
            if each == "pt":
                _check_codes(tree, branches.fields[each], values, 0, np.iinfo(np.int32).max)
                fields[each] = values.contents.astype(np.int32, copy=False)
        if self._layout.charge_is_sign and "charge" in fields:
            where = f"{tree.where} branch {branches.fields['charge']}"
            fields["charge"] = charge_bits(fields["charge"], where)
        return RawObjects(crossing.offsets, crossing.contents.astype(np.int16, copy=False), fields)

    def _other_crossings(self, tree: RootTree, start: int, stop: int) -> list[NDArray[Any]]:
        """Return the crossings of all objects that are not read."""
        return [tree.jagged(each, start, stop).contents for each in self._layout.other_crossings]

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
            source = raw.objects.get(name, raw.sums.objects)
            if name in SUM_TYPES:
                chosen = raw.sums.kind == SUM_TYPES[name]
            else:
                chosen = source.fields["pt"] > 0
            fields = {
                each: source.fields[each][chosen] for each in _FIELDS[name] if each in source.fields
            }
            tally.add_objects(name, fields)
        kinds = raw.sums.kinds()
        own = self._row_crossings(tree, start, stop)
        if own is not None:
            tally.add_crossings(np.arange(len(own)), own)
            return kinds
        tally.add_crossings(
            np.concatenate([each.entry_numbers() for each in raw.everything()]),
            np.concatenate([each.crossing for each in raw.everything()]),
        )
        return kinds


_FIELDS: Final = {name: known_fields(name) for name in REQUIRED_FIELDS}


def _found(wanted: NDArray[np.int64], crossings: Sequence[NDArray[Any]]) -> set[int]:
    """Return those of the wanted crossings that occur."""
    return {c for c in wanted.tolist() if any(bool((each == c).any()) for each in crossings)}


def _of_crossings(
    events: ak.Array, bits: SeedBits | None, own: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[ak.Array, SeedBits | None]:
    """Keep rows of files where each entry is one crossing: those whose crossing was asked for."""
    chosen = (own[:, None] == wanted).reshape(-1)
    if bool(chosen.all()):
        return events, bits
    kept = None if bits is None else SeedBits(bits.names, bits.values[chosen])
    return ak.to_packed(events[chosen]), kept


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
