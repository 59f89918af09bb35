"""Feature rows and identities of a file's crossings: decoded in parallel, kept, and mapped into memory."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.decoded.parts import DecodedRows, read_part, write_part
from emulator.decoded.store import Store, can_be_kept, key_of
from emulator.errors import WorkerError
from emulator.features import FeatureCasts, FeatureLayout, feature_rows
from emulator.graph import InputCasts, cut_behind_casts
from emulator.graph.codec import graph_to_plain
from emulator.jit import without_extensions
from emulator.objects import open_file, scalar_columns
from emulator.objects.chunks import entry_ranges, require_crossings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.graph import Graph
    from emulator.objects import Reader
    from emulator.objects.chunks import Source

#: Entries decoded at a time: with their arrays about 200 MB in a process.
_ENTRIES: Final = 100_000

#: Below this many entries for each process, to start another (over a second) takes longer than it saves: one
#: decodes a million in a second.
_MIN_ENTRIES_PER_PROCESS: Final = 1_500_000


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """What to take from a file.

    Parameters
    ----------
    layout
        The features.
    source
        ``unpacked`` or ``emulated`` objects, where the file has both.
    crossings
        Relative crossings, each a row of its own.
    casts
        Keep what a network's first casts make of the features; half as many bytes. Networks with the
        same layout and casts share it.
    """

    layout: FeatureLayout
    source: Source = "unpacked"
    crossings: tuple[int, ...] = (0,)
    casts: InputCasts | None = None

    def reader(self, path: str) -> Reader:
        """Open a file for this; fields that the layout does not read are left out where they can be."""
        fields = {f"{collection}.{field}" for collection, field in self.layout.inputs}
        reader = open_file(path, source=self.source, order=self.layout.order)
        return reader.without_other_fields(fields)

    @property
    def feature_casts(self) -> FeatureCasts | None:
        """What each feature becomes, if it is cast."""
        if self.casts is None:
            return None
        return FeatureCasts.of(self.layout, self.casts.tables(self.layout.ranges))

    @property
    def key(self) -> tuple[Any, ...]:
        """All of this in plain values."""
        casts = None if self.casts is None else graph_to_plain(self.casts.casts)
        return (self.source, self.crossings, self.layout.as_dict(), casts)


def casts_of(graph: Graph, layout: FeatureLayout) -> InputCasts | None:
    """Return the casts at the beginning of a network, if all features that there can be fit its input.

    Where they do not, casting would hide the error that the network's own rows give.
    """
    source = graph.input.format
    if not all(source.lowest <= low and high <= source.raw_max for low, high in layout.ranges):
        return None
    return cut_behind_casts(graph)


def decoded_rows(
    path: str, wanted: RowsWanted, *, store: Store | None = None, jobs: int = 1
) -> Iterator[DecodedRows]:
    """Yield the crossings of a file, from the store if they are there.

    Parameters
    ----------
    path
        A file of any format that is read. Addresses and folders, which have neither size nor time, are
        decoded each time.
    wanted
        What to take.
    store
        Where decoded files are kept; the file is added if it is not there. None: nothing is kept.
    jobs
        Processes that decode, if the file is large and is kept.

    Yields
    ------
    Ranges of entries, in order. With a store the arrays are views of mapped files.

    Raises
    ------
    InputFileError
        If the file cannot be read, or offers none of a crossing asked for; nothing of it is kept then.
    RangeError
        If an integer does not fit its range.
    WorkerError
        If a process that decodes dies.
    """
    if store is None or not can_be_kept(path):
        reader, casts = wanted.reader(path), wanted.feature_casts
        for chunk in reader.chunks(crossings=wanted.crossings, chunk_events=_ENTRIES):
            rows = feature_rows(chunk.events, wanted.layout, casts)
            yield DecodedRows(rows, scalar_columns(chunk.events))
        return
    key = key_of(path, *wanted.key, "rows")
    place = store.entry(key, lambda folder: _fill(folder, path, wanted, jobs))
    for part in sorted(place.glob("*.arrow")):
        yield read_part(part)


def _fill(folder: Path, path: str, wanted: RowsWanted, jobs: int) -> None:
    reader = wanted.reader(path)
    processes = max(1, min(jobs, reader.entries // _MIN_ENTRIES_PER_PROCESS))
    # One stretch for each process: to open a file again costs as much as a hundred thousand events.
    stretches = entry_ranges(reader.entries, -(-reader.entries // processes))
    work = (repeat(reader), repeat(wanted), repeat(folder), stretches)
    offered = _in_processes(path, processes, work) if processes > 1 else map(_store, *work)
    require_crossings(path, wanted.crossings, set().union(*offered))


def _in_processes(path: str, processes: int, work: tuple[Any, ...]) -> list[set[int]]:
    # Fresh processes: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=without_extensions)
    try:
        return list(pool.map(_store, *work))
    except BrokenProcessPool as error:
        advice = "try again, with fewer --jobs if memory was short"
        reading = f"reading of {path}"
        raise WorkerError(reading, advice) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _store(reader: Reader, wanted: RowsWanted, folder: Path, entries: tuple[int, int]) -> set[int]:
    """Decode a stretch of entries into files, range by range; return which crossings occur in it."""
    offered: set[int] = set()
    casts = wanted.feature_casts
    for chunk in reader.chunks(crossings=wanted.crossings, chunk_events=_ENTRIES, entries=entries):
        rows = feature_rows(chunk.events, wanted.layout, casts)
        part = DecodedRows(rows, scalar_columns(chunk.events))
        write_part(folder / f"{chunk.entry_start:012}.arrow", part)
        offered |= set(chunk.crossings)
    return offered


def mapped(path: Path) -> NDArray[Any]:
    """Return an array of a ``.npy`` file, mapped into memory, as a plain view."""
    # Indexing a memmap costs more than what is indexed.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
