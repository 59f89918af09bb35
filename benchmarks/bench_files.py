"""From file to score by format and compression, beside what uproot alone needs for the same branches.

The road is `emulate_files`, with its table of scores: a first pass that decodes and fills the cache, and one from
the cache. The peer only reads, in as many processes: it knows no crossing, no range and no network. Files have
800,000 entries in baskets of 10,000; with zlib and zstd, two processes share 3.2 million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.files import COPIES, COPIES_FOR_TWO, RNTUPLE, TREES, BenchFile, BenchFiles
from benchmarks.limits import (
    SCORE_BYTES,
    Work,
    bytes_of_objects,
    tell_no_limit,
    tell_rate,
    time_warm,
)
from benchmarks.students import SCALED, SIZES, make_student
from emulator.decoded import RowsWanted, Store, decoded_rows
from emulator.decoded.columns import _MIN_ENTRIES_PER_PROCESS
from emulator.features import feature_rows, load_layout
from emulator.model import Model
from l1distill.emulation import Scorer, emulate_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

FORMATS = (*TREES, RNTUPLE, "Parquet")

#: Those whose two processes read a file for which ours starts two as well.
SHARED = ("TTree, zlib", "TTree, zstd")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("m", load_layout("axol1tl_57"), make_student(SIZES, SCALED), "score")


def long_file(files: BenchFiles, name: str) -> BenchFile:
    """Return a long file, for Parquet a short one."""
    return files.file(name) if name == "Parquet" else files.long_file(name)


def check_scores(files: BenchFiles, file: BenchFile, model: Model, output: Path) -> None:
    """Hold written scores against those of the events in memory."""
    found = pq.read_table(output).column("score").to_numpy()
    rows = feature_rows(files.events, model.layout)
    expected = Scorer(model, threads=1).scores_of_rows(rows)
    np.testing.assert_array_equal(found, np.tile(expected, file.copies))


@pytest.mark.parametrize(
    "who", ["first pass", "from cache", "from cache to Arrow", "reading alone"]
)
@pytest.mark.parametrize("name", FORMATS)
def test_file_to_score(
    benchmark: BenchmarkFixture,
    files: BenchFiles,
    tmp_path: Path,
    model: Model,
    name: str,
    who: str,
) -> None:
    """The first pass fills the cache; scores are equal to those of the events in memory."""
    benchmark.group = f"file to score, {name}, one process"
    file = long_file(files, name)
    output = tmp_path / ("scores.arrow" if who == "from cache to Arrow" else "scores.parquet")
    stores = (Store(tmp_path / str(number)) for number in range(1_000))
    kept = next(stores)

    def emulate() -> None:
        store = next(stores) if who == "first pass" else kept
        emulate_files(model, [file.path], output, threads=1, store=store)

    emulate_files(model, [file.path], tmp_path / "first.parquet", threads=1, store=kept)
    check_scores(files, file, model, tmp_path / "first.parquet")
    objects = bytes_of_objects(files.events, model.layout) / len(files.events)
    cached = len(model.layout)  # a byte each, what the network's first casts make of the features
    unpacking = file.decompression_limit(model.layout)
    n_events = file.n_events
    works: dict[str, tuple[Callable[[], Any], Work]] = {
        "first pass": (emulate, Work(n_events, objects + SCORE_BYTES, model.graph, unpacking)),
        "reading alone": (
            file.plain_reader(model.layout),
            Work(n_events, objects + SCORE_BYTES, others=unpacking),
        ),
    }
    run, work = works.get(who, (emulate, Work(n_events, cached + SCORE_BYTES, model.graph)))
    time_warm(benchmark, run, work, rounds=5)
    benchmark.extra_info["megabytes"] = file.path.stat().st_size / 1e6


@pytest.mark.parametrize("who", ["from cache to Arrow", "engine alone"])
def test_second_run(
    benchmark: BenchmarkFixture, files: BenchFiles, tmp_path: Path, model: Model, who: str
) -> None:
    """A second run on a long file beside the engine on the same rows, mapped into memory already."""
    benchmark.group = "from cache, 3.2 million entries, one process"
    file = files.long_file("TTree, zstd", COPIES_FOR_TWO)
    store, output = Store(tmp_path / "store"), tmp_path / "scores.arrow"

    def emulate() -> None:
        emulate_files(model, [file.path], output, threads=1, store=store)

    emulate()
    scorer = Scorer(model, threads=1)
    wanted = RowsWanted(model.layout, casts=scorer.casts)
    parts = list(decoded_rows(str(file.path), wanted, store=store))
    expected = np.concatenate([scorer.scores_of_cast_rows(part.rows) for part in parts])
    with pa.memory_map(str(output)) as written:
        found = pa.ipc.open_file(written).read_all()["score"].to_numpy()
        np.testing.assert_array_equal(found, expected)

    def engine() -> None:
        for part in parts:
            scorer.scores_of_cast_rows(part.rows)

    read = len(model.layout) + SCORE_BYTES
    copied = 2 * sum(each.itemsize for each in parts[0].scalars.values()) + SCORE_BYTES
    run, moved = (engine, read) if who == "engine alone" else (emulate, read + copied)
    time_warm(benchmark, run, Work(file.n_events, moved, model.graph), rounds=5)


@pytest.mark.parametrize("who", ["first pass", "reading alone"])
@pytest.mark.parametrize("name", [*TREES, RNTUPLE])
def test_file_to_score_in_two_processes(
    benchmark: BenchmarkFixture,
    files: BenchFiles,
    tmp_path: Path,
    model: Model,
    name: str,
    who: str,
) -> None:
    """Ours may start two, and does for the files of 3.2 million; the peer's two are started each time."""
    benchmark.group = f"file to score, {name}, two processes"
    copies = COPIES_FOR_TWO if name in SHARED else COPIES
    file = files.long_file(name, copies)
    assert (copies == COPIES_FOR_TWO) == (file.n_events >= 2 * _MIN_ENTRIES_PER_PROCESS)
    output = tmp_path / "scores.parquet"
    stores = (Store(tmp_path / str(number)) for number in range(1_000))

    def emulate() -> None:
        emulate_files(model, [file.path], output, threads=2, store=next(stores))

    plain = file.plain_readers(model.layout, 2)
    assert plain() == file.n_events
    emulate()
    check_scores(files, file, model, output)
    run = emulate if who == "first pass" else plain
    benchmark.pedantic(run, rounds=3)  # type: ignore[no-untyped-call]
    tell_rate(benchmark, file.n_events)
    tell_no_limit(benchmark, "the start of processes, which import their libraries")
