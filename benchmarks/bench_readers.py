"""Reading speed of each format beside plain uproot, pyarrow, h5py or Python on the same branches.

The plain reader gives arrays as the file has them; ours also selects the crossing, checks every range and
builds one events array. Both results are held against each other, value by value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.files import N_EVENTS, RNTUPLE, BenchFiles
from benchmarks.limits import Work, time_warm
from emulator.objects import open_file, read_events, read_events_and_bits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

FORMATS = ("TTree, zstd", RNTUPLE, "L1Ntuple", "Parquet", "uGT", "uGT.xz")
ROUNDS = 5


@pytest.mark.parametrize("who", ["l1distill", "plain"])
@pytest.mark.parametrize("name", FORMATS)
def test_reading(benchmark: BenchmarkFixture, files: BenchFiles, name: str, who: str) -> None:
    """All fields; what is moved at least are the bytes of the events array."""
    benchmark.group = f"read {name}, one process"
    file = files.file(name)
    plain = file.plain_reader()
    read = read_events(file.path, order="readout")  # compiles, or loads what was compiled
    assert file.says_the_same(plain(), read)
    n_events = len(file.events)
    work = Work(n_events, read.nbytes / n_events, others=file.decompression_limit())
    run: Callable[[], Any] = (
        plain if who == "plain" else lambda: read_events(file.path, order="readout")
    )
    time_warm(benchmark, run, work, rounds=ROUNDS)
    benchmark.extra_info["megabytes"] = file.path.stat().st_size / 1e6


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
    # The floats of the file, which it holds uncompressed.
    work = Work(N_EVENTS, values.nbytes / N_EVENTS)
    run: Any = plain if who == "plain" else lambda: read_events(path, order="readout")
    time_warm(benchmark, run, work, rounds=ROUNDS)


def test_reading_the_decisions_of_an_orbit(benchmark: BenchmarkFixture, files: BenchFiles) -> None:
    benchmark.group = "read uGT.xz with its 512 bits"
    file = files.file("uGT.xz")
    events, bits = read_events_and_bits(file.path)
    chunk = next(open_file(files.file("uGT").path).chunks(bits=True))
    assert chunk.bits is not None
    np.testing.assert_array_equal(bits.values, chunk.bits.values)
    moved = (events.nbytes + bits.values.nbytes) / len(events)
    work = Work(len(events), moved, others=file.decompression_limit())
    time_warm(benchmark, lambda: read_events_and_bits(file.path), work, rounds=ROUNDS)
