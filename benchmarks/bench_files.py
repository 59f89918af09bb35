"""From file to score by format and compression, beside what uproot alone needs for the same branches.

The road is `emulate_files`, with its table of scores, in one process: a first pass that decodes and fills the
cache, and one from the cache. The peer only reads: it knows no crossing, no range and no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.files import N_EVENTS, RNTUPLE, TREES, BenchFiles
from benchmarks.limits import SCORE_BYTES, Work, bytes_of_objects, time_warm
from benchmarks.students import SCALED, SIZES, make_student
from emulator.decoded import Store
from emulator.features import feature_rows, load_layout
from emulator.model import Model
from l1distill.emulation import Scorer, emulate_files

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

FORMATS = (*TREES, RNTUPLE, "Parquet")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("m", load_layout("axol1tl_57"), make_student(SIZES, SCALED), "score")


def per_event(read: int) -> float:
    """Return the bytes read and written for an event."""
    return read / N_EVENTS + SCORE_BYTES


@pytest.mark.parametrize("who", ["first pass", "from cache", "reading alone"])
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
    file = files.file(name)
    output = tmp_path / "scores.parquet"
    stores = (Store(tmp_path / str(number)) for number in range(1_000))
    kept = next(stores)

    def emulate() -> None:
        store = next(stores) if who == "first pass" else kept
        emulate_files(model, [file.path], output, threads=1, store=store)

    emulate()
    found = pq.read_table(output).column("score").to_numpy()
    rows = feature_rows(files.events, model.layout)
    expected = Scorer(model, threads=1).scores_of_rows(rows)
    np.testing.assert_array_equal(found, expected)
    objects = bytes_of_objects(files.events, model.layout)
    unpacking = file.decompression_limit(model.layout)
    run, work = {
        "first pass": (emulate, Work(N_EVENTS, per_event(objects), model.graph, unpacking)),
        "from cache": (emulate, Work(N_EVENTS, per_event(rows.nbytes), model.graph)),
        "reading alone": (
            file.plain_reader(model.layout),
            Work(N_EVENTS, per_event(objects), others=unpacking),
        ),
    }[who]
    time_warm(benchmark, run, work, rounds=7)
    benchmark.extra_info["megabytes"] = file.path.stat().st_size / 1e6
