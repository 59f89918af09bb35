"""Reading speed of each format beside plain uproot, pyarrow, h5py or Python on the same branches.

The plain reader gives arrays as the file has them; ours also selects the crossing, checks every range and
builds one events array. Both results are held against each other, value by value.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from damage import _rntuple, some_events, write_l1ntuple

from emulator.objects import (
    OBJECTS,
    Chunk,
    SeedBits,
    concatenate,
    open_file,
    read_events,
    read_events_and_bits,
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
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

N_EVENTS = 50_000
N_ORBIT = 3_564


@dataclass(frozen=True)
class Job:
    """One format: its file, how many events it has, and the plain way to read it."""

    path: Path
    n_events: int
    plain: Callable[[], Any]
    #: The plain result and our events must say the same.
    equal: Callable[[Any, ak.Array], bool]


@pytest.fixture(scope="module")
def events() -> ak.Array:
    rng = np.random.default_rng(11)
    return trim(concatenate([some_events(rng, 10_000) for _ in range(N_EVENTS // 10_000)]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, events: ak.Array) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    write_nano(folder / "nano.root", [events], provenance={})
    write_l1ntuple(folder / "l1ntuple.root", events)
    _rntuple(folder / "rntuple.root", folder / "nano.root")
    write_parquet(folder / "a.parquet", [Chunk("", "", 0, len(events), events)], provenance={})
    rng = np.random.default_rng(12)
    bits = SeedBits(tuple(str(k) for k in range(512)), rng.random((N_ORBIT, 512)) < 0.1)
    orbit = Chunk("", "", 0, N_ORBIT, events[:N_ORBIT], bits=bits)
    for name in ("a.txt", "a.txt.xz"):
        write_ugt(folder / name, [orbit])
    return folder


def _nano(folder: Path, file: str = "nano.root") -> Job:
    names = {
        (name, field): f"L1{COLLECTIONS[name]}_{branch}"
        for name in OBJECTS
        for field, branch in FIELDS[name].items()
    }
    crossings = [f"L1{each}_bx" for each in COLLECTIONS.values()]
    sums = [f"L1EtSum_{each}" for each in ("hwPt", "hwPhi", "etSumType", "bx")]
    scalars = ["run", "luminosityBlock", "event", "orbitNumber", "L1D_crossing"]
    return _tree(folder / file, "Events", names, crossings + sums + scalars, "L1EtSum_hwPt")


def _l1ntuple(folder: Path) -> Job:
    names = {
        (name, field): branch
        for name, branches in L1NTUPLE_OBJECTS.items()
        for field, branch in branches.fields.items()
        if field != "charge"
    }
    others = [branches.crossing for branches in L1NTUPLE_OBJECTS.values()]
    others += ["muonChg", "sumIEt", "sumIPhi", "sumType", "sumBx"]
    tree = "l1UpgradeTree/L1UpgradeTree"
    return _tree(folder / "l1ntuple.root", tree, names, others, "sumIEt")


def _tree(
    path: Path, tree: str, names: dict[tuple[str, str], str], others: list[str], sums: str
) -> Job:
    def plain() -> Any:
        with uproot.open(path) as file:
            return file[tree].arrays([*names.values(), *others], library="ak")

    def equal(arrays: Any, read: ak.Array) -> bool:
        # All sums of an entry stand in the order in which their types were written.
        flat = ak.to_numpy(arrays[sums])[:, : len(SUM_TYPES)]
        mine = np.stack([ak.to_numpy(read[name].pt)[:, 0] for name in SUM_TYPES], axis=1)
        return bool(np.array_equal(flat, mine)) and all(
            ak.array_equal(arrays[branch], read[name][field], dtype_exact=False)
            for (name, field), branch in names.items()
        )

    return Job(path, N_EVENTS, plain, equal)


def _parquet(folder: Path) -> Job:
    path = folder / "a.parquet"
    stored = set(pq.read_schema(path).names)
    names = {
        (name, field): f"{prefix}_{column}"
        for name, (prefix, columns) in COLUMNS.items()
        for field, column in columns.items()
        if f"{prefix}_{column}" in stored and field != "charge"
    }
    columns = [*names.values(), "muons_muonChg", "run", "lumi", "event", "orbit"]

    def equal(table: Any, read: ak.Array) -> bool:
        return all(
            ak.array_equal(
                ak.Array(ak.from_arrow(table[column])), read[name][field],
                dtype_exact=False, check_parameters=False,
            ) or ak.to_list(ak.from_arrow(table[column])) == ak.to_list(read[name][field])
            for (name, field), column in names.items()
        )  # fmt: skip

    return Job(path, N_EVENTS, lambda: pq.read_table(path, columns=columns), equal)


def _vector(path: Path) -> Job:
    def plain() -> list[list[int]]:
        content = path.read_bytes()
        text = lzma.decompress(content) if path.suffix == ".xz" else content
        return [[int(word, 16) for word in line.split(b" ")] for line in text.splitlines()]

    def equal(rows: list[list[int]], read: ak.Array) -> bool:
        pt = [[word & 511 for word in row[9:21] if word & 511] for row in rows]
        sums = [[row[45] & 4095] for row in rows]
        return bool(pt == read.eg.pt.tolist() and sums == read.ett.pt.tolist())

    return Job(path, N_ORBIT, plain, equal)


JOBS: dict[str, Callable[[Path], Job]] = {
    "L1 NanoAOD": _nano,
    "L1 NanoAOD, RNTuple": lambda folder: _nano(folder, "rntuple.root"),
    "L1Ntuple": _l1ntuple,
    "Parquet": _parquet,
    "uGT": lambda folder: _vector(folder / "a.txt"),
    "uGT.xz": lambda folder: _vector(folder / "a.txt.xz"),
}


@pytest.mark.parametrize("who", ["l1distill", "plain"])
@pytest.mark.parametrize("name", list(JOBS))
def test_reading(benchmark: BenchmarkFixture, folder: Path, name: str, who: str) -> None:
    job = JOBS[name](folder)
    benchmark.group = f"read {name}, one process"
    read = read_events(job.path, order="readout")  # compiles, or loads what was compiled
    assert job.equal(job.plain(), read)
    work = job.plain if who == "plain" else lambda: read_events(job.path, order="readout")
    benchmark(work)
    assert benchmark.stats is not None
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["thousand_events_per_second"] = job.n_events / seconds / 1e3
    benchmark.extra_info["megabytes"] = job.path.stat().st_size / 1e6


@pytest.mark.parametrize("who", ["l1distill", "plain"])
def test_reading_hdf5(benchmark: BenchmarkFixture, tmp_path: Path, who: str) -> None:
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(13)
    values = np.abs(rng.normal(30, 20, (N_EVENTS, 19, 3)))
    values[..., 1] = rng.uniform(-2, 2, values.shape[:2])
    values[..., 2] = rng.uniform(-3, 3, values.shape[:2])
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("Data", data=values)

    def plain() -> np.ndarray:
        with h5py.File(path) as file:
            return np.asarray(file["Data"][:])

    benchmark.group = "read HDF5 of ADC2021, one process"
    np.testing.assert_array_equal(plain(), values)
    met = np.rint(values[:, 0, 0] / 0.5).astype(int)
    assert read_events(path).etm.pt.tolist() == met[:, None].tolist()
    work: Any = plain if who == "plain" else lambda: read_events(path, order="readout")
    benchmark(work)
    assert benchmark.stats is not None
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["thousand_events_per_second"] = N_EVENTS / seconds / 1e3


def test_reading_the_decisions_of_an_orbit(benchmark: BenchmarkFixture, folder: Path) -> None:
    benchmark.group = "read uGT.xz with its 512 bits"
    _, bits = benchmark(read_events_and_bits, folder / "a.txt.xz")
    chunk = next(open_file(folder / "a.txt").chunks(bits=True))
    assert chunk.bits is not None
    np.testing.assert_array_equal(bits.values, chunk.bits.values)
