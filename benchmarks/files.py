"""The same crossings in a file of each format, and what can be done with it at most: to read it, to decompress it.

A plain reader takes arrays as the file has them; it knows no crossing, no range and no network. Decompression
is bound by the blocks that a reader has to decompress, by the same library, and by nothing else.
"""

from __future__ import annotations

import hashlib
import lzma
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot
from damage import some_events, write_l1ntuple
from uproot import compression

from benchmarks.limits import seconds_of
from benchmarks.plain_reading import read_range
from emulator.objects import (
    OBJECTS,
    Chunk,
    SeedBits,
    concatenate,
    trim,
    write_nano,
    write_parquet,
    write_ugt,
)
from emulator.objects.l1ntuple import _OBJECTS as L1NTUPLE_OBJECTS
from emulator.objects.nano import COLLECTIONS, FIELDS
from emulator.objects.parquet_layout import COLUMNS
from emulator.objects.sum_types import SUM_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from emulator.features import FeatureLayout

N_EVENTS = 100_000

#: A long file holds the crossings so many times: enough for reading to outlast the start of a process.
COPIES = 8

#: The same of files that two processes share: `emulate_files` starts a second one for no shorter file.
COPIES_FOR_TWO = 32

#: Entries of a basket of a long tree, about as many as NanoAOD has; clusters of RNTuples are large.
BASKET_ENTRIES = 10_000

N_ORBIT = 3_564

#: Compressions of trees.
COMPRESSIONS: dict[str, Any] = {
    "zlib": uproot.ZLIB(1),
    "zstd": uproot.ZSTD(3),
    "lz4": uproot.LZ4(1),
    "uncompressed": None,
}
TREES = tuple(f"TTree, {name}" for name in COMPRESSIONS)
RNTUPLE = "RNTuple, zstd"

_DECOMPRESSORS = ("ZLIB", "ZSTD", "LZ4", "LZMA")

# Bytes that the writer of Parquet puts into a page, before it compresses them.
_PAGE_BYTES = 1 << 20


def make_events(n_events: int) -> ak.Array:
    """Return crossings with every field of NanoAOD, of one run: a lumi of 4,000, each in another orbit."""
    rng = np.random.default_rng(11)
    starts = range(0, n_events, 10_000)
    events = trim(concatenate([some_events(rng, min(10_000, n_events - s)) for s in starts]))
    orbit = np.cumsum(rng.integers(1, 120, n_events)).astype(np.uint64)
    numbers = {
        "run": np.full(n_events, 391_000),
        "lumi": 1 + np.arange(n_events) // 4_000,
        "event": orbit * 30 + rng.integers(0, 30, n_events).astype(np.uint64),
        "orbit": orbit,
    }
    for name, values in numbers.items():
        kind = ak.type(events[name]).content.primitive
        events = ak.with_field(events, values.astype(kind), name)
    return events


@dataclass(frozen=True)
class BenchFile:
    """A file and how it was written.

    Parameters
    ----------
    path
        The file.
    form
        Its format: one of `TREES`, `RNTUPLE`, ``L1Ntuple``, ``Parquet``, ``uGT`` or ``uGT.xz``.
    events
        What was written.
    copies
        How often.
    """

    path: Path
    form: str
    events: ak.Array
    copies: int = 1

    @property
    def n_events(self) -> int:
        """Crossings in the file."""
        return len(self.events) * self.copies

    def plain_reader(self, layout: FeatureLayout | None = None) -> Callable[[], Any]:
        """Return what reads the file and no more: all fields, or those that a layout needs."""
        if self.form == "Parquet":
            columns = [*self.columns(layout).values(), *self._others(layout)]
            return lambda: pq.read_table(self.path, columns=columns)
        if self.form.startswith("uGT"):
            return partial(_read_words, self.path)
        names = [*self.columns(layout).values(), *self._others(layout)]

        def read() -> Any:
            with uproot.open(self.path) as file:
                return file[self._tree].arrays(names, library="ak")

        return read

    def plain_readers(self, layout: FeatureLayout, processes: int) -> Callable[[], int]:
        """Return what reads what a layout needs in new processes, and returns the number of entries."""
        names = [*self.columns(layout).values(), *self._others(layout)]
        share = -(-self.n_events // processes)
        starts = range(0, self.n_events, share)
        read = partial(read_range, str(self.path), self._tree, names)

        def run() -> int:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(processes, mp_context=context) as pool:
                return sum(pool.map(read, starts, (start + share for start in starts)))

        return run

    def columns(self, layout: FeatureLayout | None = None) -> dict[tuple[str, str], str]:
        """Return the names in the file of the fields of objects, but for those of sums."""
        if self.form == "Parquet":
            stored = set(pq.read_schema(self.path).names)
            named = {
                (name, field): f"{prefix}_{column}"
                for name, (prefix, columns) in COLUMNS.items()
                for field, column in columns.items()
                if f"{prefix}_{column}" in stored and field != "charge"
            }
        elif self.form == "L1Ntuple":
            named = {
                (name, field): branch
                for name, branches in L1NTUPLE_OBJECTS.items()
                for field, branch in branches.fields.items()
                if field != "charge"
            }
        else:
            named = {
                (name, field): f"L1{COLLECTIONS[name]}_{branch}"
                for name in OBJECTS
                for field, branch in FIELDS[name].items()
            }
        if layout is None:
            return named
        return {key: name for key, name in named.items() if key in layout.inputs}

    def _others(self, layout: FeatureLayout | None) -> list[str]:
        """Return what is read besides: identity, relative crossings, sums."""
        if self.form == "Parquet":
            return ["muons_muonChg", "run", "lumi", "event", "orbit"]
        if self.form == "L1Ntuple":
            crossings = [branches.crossing for branches in L1NTUPLE_OBJECTS.values()]
            return [*crossings, "muonChg", "sumIEt", "sumIPhi", "sumType", "sumBx"]
        read = {name for name, _ in self.columns(layout)}
        crossings = [f"L1{COLLECTIONS[name]}_bx" for name in OBJECTS if name in read]
        sums = [f"L1EtSum_{each}" for each in ("hwPt", "hwPhi", "etSumType", "bx")]
        scalars = ["run", "luminosityBlock", "event", "orbitNumber", "L1D_crossing"]
        return [*crossings, *sums, *scalars]

    @property
    def _tree(self) -> str:
        return "l1UpgradeTree/L1UpgradeTree" if self.form == "L1Ntuple" else "Events"

    def says_the_same(self, plain: Any, read: ak.Array) -> bool:
        """Tell whether what a plain reader found is what ours made of it."""
        if self.form.startswith("uGT"):
            pt = [[word & 511 for word in row[9:21] if word & 511] for row in plain]
            sums = [[row[45] & 4095] for row in plain]
            return bool(pt == read.eg.pt.tolist() and sums == read.ett.pt.tolist())
        if self.form == "Parquet":
            return all(
                ak.array_equal(ak.Array(ak.from_arrow(plain[column])), read[name][field],
                               dtype_exact=False, check_parameters=False)
                or ak.to_list(ak.from_arrow(plain[column])) == ak.to_list(read[name][field])
                for (name, field), column in self.columns().items()
            )  # fmt: skip
        # All sums of an entry stand in the order in which their types were written.
        branch = "sumIEt" if self.form == "L1Ntuple" else "L1EtSum_hwPt"
        flat = ak.to_numpy(plain[branch])[:, : len(SUM_TYPES)]
        mine = np.stack([ak.to_numpy(read[name].pt)[:, 0] for name in SUM_TYPES], axis=1)
        return bool(np.array_equal(flat, mine)) and all(
            ak.array_equal(plain[branch], read[name][field], dtype_exact=False)
            for (name, field), branch in self.columns().items()
        )

    def decompression_limit(
        self, layout: FeatureLayout | None = None
    ) -> dict[str, Callable[[], float]]:
        """Return what measures at which rate the blocks that must be read are decompressed.

        Nothing, if the file is not compressed.
        """
        blocks = self.blocks(layout)
        if not blocks:
            return {}

        def decompress_all() -> None:
            for decompress in blocks:
                decompress()

        return {"decompression": lambda: self.n_events / seconds_of(decompress_all)}

    def blocks(self, layout: FeatureLayout | None) -> Sequence[Callable[[], Any]]:
        """Return a call for each compressed block that a reader has to read."""
        if self.form == "uGT.xz":
            return [partial(lzma.decompress, self.path.read_bytes())]
        if self.form == "uGT":
            return []
        if self.form == "Parquet":
            return _blocks_of_parquet(self.plain_reader(layout)())
        return _blocks_of_root(self.plain_reader(layout))


def _blocks_of_root(read: Callable[[], Any]) -> list[Callable[[], Any]]:
    """Return the calls by which uproot decompresses blocks while something is read."""
    calls: list[Callable[[], Any]] = []

    def noting(work: Callable[[bytes, int], bytes]) -> Callable[[bytes, int], bytes]:
        def note(data: bytes, uncompressed_bytes: int) -> bytes:
            calls.append(partial(work, bytes(data), uncompressed_bytes))
            return work(data, uncompressed_bytes)

        return note

    with ExitStack() as stack:
        for name in _DECOMPRESSORS:
            decompressor = getattr(compression, f"_decompress_{name}")
            stack.enter_context(
                mock.patch.object(decompressor, "decompress", noting(decompressor.decompress))
            )
        read()
    return calls


@contextmanager
def _each_block_compressed_once() -> Iterator[None]:
    """Keep what uproot compresses: a file that says the same many times is written in half the time."""
    compress, known = compression.compress, dict[bytes, bytes]()

    def remembering(data: bytes, how: Any) -> bytes:
        key = hashlib.blake2b(data).digest()
        if key not in known:
            known[key] = compress(data, how)
        return known[key]

    with mock.patch.object(compression, "compress", remembering):
        yield


def _blocks_of_parquet(table: pa.Table) -> list[Callable[[], Any]]:
    """Return calls that decompress the pages of a table; they are made here, as the writer makes them."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none")
    plain = sink.getvalue()
    metadata = pq.ParquetFile(plain).metadata
    codec = pa.Codec("zstd")
    calls: list[Callable[[], Any]] = []
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            start = column.dictionary_page_offset or column.data_page_offset
            end = start + column.total_compressed_size
            for first in range(start, end, _PAGE_BYTES):
                page = plain[first : min(first + _PAGE_BYTES, end)]
                calls.append(partial(codec.decompress, codec.compress(page), len(page)))
    return calls


def _read_words(path: Path) -> list[list[int]]:
    content = path.read_bytes()
    text = lzma.decompress(content) if path.suffix == ".xz" else content
    return [[int(word, 16) for word in line.split(b" ")] for line in text.splitlines()]


class BenchFiles:
    """Files with the same crossings, written when they are asked for.

    Parameters
    ----------
    folder
        Where they are written.
    n_events
        Crossings.
    """

    def __init__(self, folder: Path, n_events: int = N_EVENTS) -> None:
        self._folder = folder
        self._n_events = n_events
        self._made: dict[str, BenchFile] = {}

    @cached_property
    def events(self) -> ak.Array:
        """The crossings."""
        return make_events(self._n_events)

    def file(self, form: str) -> BenchFile:
        """Return the file of a format; see `BenchFile`."""
        if form not in self._made:
            self._made[form] = self._write(form)
        return self._made[form]

    def long_file(self, form: str, copies: int = COPIES) -> BenchFile:
        """Return a tree or RNTuple with the crossings so many times, in baskets of usual length."""
        name = f"{form}, {copies} times"
        if name not in self._made:
            folder = self._folder / name
            folder.mkdir()
            n_entries = self._n_events if form == RNTUPLE else BASKET_ENTRIES
            self._write_nano(folder / "a.root", form, copies=copies, n_entries=n_entries)
            self._made[name] = BenchFile(folder / "a.root", form, self.events, copies)
        return self._made[name]

    def _write(self, form: str) -> BenchFile:
        folder = self._folder / form
        folder.mkdir()
        if form.startswith("uGT"):
            orbit = self.orbit()
            path = folder / ("a.txt.xz" if form == "uGT.xz" else "a.txt")
            write_ugt(path, [orbit])
            return BenchFile(path, form, orbit.events)
        if form == "Parquet":
            path = folder / "a.parquet"
            chunk = Chunk("", "", 0, len(self.events), self.events)
            write_parquet(path, [chunk], provenance={})
        elif form == "L1Ntuple":
            path = folder / "a.root"
            write_l1ntuple(path, self.events)
        else:
            path = folder / "a.root"
            self._write_nano(path, form)
        return BenchFile(path, form, self.events)

    def orbit(self) -> Chunk:
        """Return an orbit of crossings with the 512 bits that were decided."""
        rng = np.random.default_rng(12)
        events = self.events[:N_ORBIT]
        bits = SeedBits(tuple(str(k) for k in range(512)), rng.random((len(events), 512)) < 0.1)
        return Chunk("", "", 0, len(events), events, bits=bits)

    @cached_property
    def _branches(self) -> dict[str, ak.Array]:
        """The branches of NanoAOD but for the counters, which are written with their lists."""
        path = self._folder / "nano.root"
        write_nano(path, [self.events], provenance={})
        with uproot.open(path) as file:
            tree = file["Events"]
            names: Iterable[str] = tree.keys()
            return {name: tree[name].array() for name in names if not name.startswith("nL1")}

    def _write_nano(
        self, path: Path, form: str, *, copies: int = 1, n_entries: int | None = None
    ) -> None:
        """Write the branches, so many entries at a time."""
        branches = self._branches
        step = n_entries or self._n_events
        types = {name: ak.type(values).content for name, values in branches.items()}
        method = COMPRESSIONS["zstd" if form == RNTUPLE else form.partition(", ")[2]]
        with _each_block_compressed_once(), uproot.recreate(path, compression=method) as file:
            if form == RNTUPLE:
                tree = file.mkrntuple("Events", types)
            else:
                file.mktree("Events", types)
                tree = file["Events"]
            for start in [*range(0, self._n_events, step)] * copies:
                tree.extend({name: each[start : start + step] for name, each in branches.items()})
