"""The engine by shape, kind of rows, kernel, instruction set and size of the batch.

Each is told as events per second and as a part of what this machine can do at most, see `benchmarks.limits`.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.instruction_sets import TARGETS, Round, Worker, scores_sha256, why_not_here
from benchmarks.limits import (
    ROUNDS,
    SCORE_BYTES,
    Work,
    bytes_of_objects,
    tell_no_limit,
    tell_rate,
    time_warm,
    time_work,
)
from benchmarks.students import (
    BYTES,
    HARDWARE,
    KINDS,
    SCALED,
    SHAPES,
    make_rows,
    make_student,
    rows_for,
)
from emulator.engine import Emulator
from emulator.engine.lanes.target import HAS_QUADS
from emulator.features import columns_of_layout, feature_rows, load_layout

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.engine import KernelName

#: Events on which an engine is held against another kernel.
N_EXACT = 20_000
#: Events of the processes that compile for other instruction sets.
N_TARGETS = 300_000
#: Events of a round of small batches, a call counted as 500: about a millisecond.
EVENTS_OF_SMALL_ROUNDS = 40_000


def bytes_per_event(rows: np.ndarray) -> int:
    return int(rows.shape[1]) * rows.itemsize + SCORE_BYTES


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_engine(
    benchmark: BenchmarkFixture, rows: np.ndarray, shape: str, kind: str, threads: int
) -> None:
    """Rows in memory, larger than the caches."""
    benchmark.group = f"engine, {threads} threads"
    graph, given = make_student(SHAPES[shape], kind), rows_for(rows, kind)
    emulator = Emulator(graph, threads=threads)
    some = given[:N_EXACT]
    expected = Emulator(graph, threads=1, kernel="tiles32").run(some)["score"]
    np.testing.assert_array_equal(emulator.run(some)["score"], expected)
    work = Work(len(given), bytes_per_event(given), graph)
    time_work(benchmark, lambda: emulator.run(given), work)


@pytest.mark.benchmark(group="kernels, one thread")
@pytest.mark.parametrize("kernel", ["dot8", "dot16", "dot32", "tiles32", "tiles64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_kernel(
    benchmark: BenchmarkFixture, rows: np.ndarray, shape: str, kernel: KernelName
) -> None:
    """The same network and rows by each kernel that is proved for it."""
    if kernel == "dot8" and not HAS_QUADS:
        pytest.skip("this processor adds no four products of bytes")
    graph = make_student(SHAPES[shape], BYTES)
    given = rows_for(rows[:N_EXACT], BYTES)
    emulator = Emulator(graph, threads=1, kernel=kernel)
    expected = Emulator(graph, threads=1).run(given)["score"]
    np.testing.assert_array_equal(emulator.run(given)["score"], expected)
    work = Work(len(given), bytes_per_event(given), graph)
    time_work(benchmark, lambda: emulator.run(given), work)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", [HARDWARE, BYTES])
@pytest.mark.parametrize("shape", SHAPES)
def test_instruction_set(benchmark: BenchmarkFixture, shape: str, kind: str, target: str) -> None:
    """A process of its own for each; their scores are equal."""
    benchmark.group = "instruction sets, one thread"
    if why_not := why_not_here(target):
        pytest.skip(why_not)
    graph = make_student(SHAPES[shape], kind)
    rows = rows_for(make_rows(N_TARGETS), kind)
    with Worker(target, shape, kind, N_TARGETS) as worker:
        assert worker.sha256 == scores_sha256(Emulator(graph).run(rows)["score"])
        rounds: list[Round] = []
        benchmark.pedantic(  # type: ignore[no-untyped-call]
            worker.run, rounds=ROUNDS, teardown=lambda: rounds.append(worker.last_round())
        )
    if not rounds:  # timing is off
        return
    rate = N_TARGETS / median(each.cpu_seconds for each in rounds)
    issue = median(each.issue_events_per_second for each in rounds)
    copy = median(each.moved_bytes_per_second for each in rounds) / bytes_per_event(rows)
    tell_rate(
        benchmark,
        N_TARGETS,
        million_events_per_second_and_processor=rate / 1e6,
        fraction_of_issue_limit=rate / issue,
        fraction_of_copy_limit=rate / copy,
    )


@pytest.mark.benchmark(group="small batches, 57-32-16-1")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n_events", [1, 100, 1_000, 10_000])
def test_small_batch(
    benchmark: BenchmarkFixture, rows: np.ndarray, n_events: int, threads: int
) -> None:
    """Few events at a time: what a call costs; 1,000 events must not wake a second thread."""
    graph, given = make_student(SHAPES["57-32-16-1"], SCALED), rows[:n_events]
    emulator = Emulator(graph, threads=threads)
    expected = Emulator(graph, threads=1, kernel="tiles32").run(given)["score"]
    np.testing.assert_array_equal(emulator.run(given)["score"], expected)
    work = Work(n_events, bytes_per_event(given), graph)
    calls = max(1, EVENTS_OF_SMALL_ROUNDS // (n_events + 500))
    time_warm(benchmark, lambda: emulator.run(given), work, rounds=200, calls=calls)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("held", ["awkward", "flat"])
@pytest.mark.parametrize("shape", SHAPES)
def test_from_jagged_objects(
    benchmark: BenchmarkFixture, jagged: ak.Array, shape: str, held: str, threads: int
) -> None:
    """Offsets and contents, held by an awkward array or flat, as the cache does."""
    benchmark.group = f"jagged objects to scores, {threads} threads"
    layout = load_layout("axol1tl_57")
    graph = make_student(SHAPES[shape], SCALED)
    emulator = Emulator(graph, threads=threads)
    flat = columns_of_layout(jagged, layout)

    def run() -> dict[str, np.ndarray]:
        if held == "flat":
            return emulator.run_columns(flat, layout)
        return emulator.run_events(jagged, layout)

    expected = emulator.run(feature_rows(jagged, layout))["score"]
    np.testing.assert_array_equal(run()["score"], expected)
    read = bytes_of_objects(jagged, layout) / len(jagged)
    work = Work(len(jagged), read + SCORE_BYTES, graph)
    time_work(benchmark, run, work)


@pytest.mark.benchmark(group="ready to run, 57-32-16-1")
@pytest.mark.parametrize("state", ["cold", "from cache"])
@pytest.mark.parametrize("kind", [HARDWARE, SCALED])
def test_compilation(benchmark: BenchmarkFixture, tmp_path: Path, kind: str, state: str) -> None:
    """From an imported engine to the first scores, in new processes with a cache of their own."""
    folders = iter(tmp_path / str(number) for number in range(100))
    cached = tmp_path / "cached"
    seconds: list[float] = []

    def start() -> None:
        folder = cached if state == "from cache" else next(folders)
        environment = {"NUMBA_CACHE_DIR": str(folder)}
        with Worker("host", "57-32-16-1", kind, 1_000, environment=environment) as worker:
            seconds.append(worker.first_seconds)

    if state == "from cache":
        start()
        seconds.clear()
    benchmark.pedantic(start, rounds=3)  # type: ignore[no-untyped-call]
    benchmark.extra_info["seconds_to_first_scores"] = median(seconds)
    tell_no_limit(benchmark, "the start of Python, and a compiler or a loader")


def test_a_second_model_costs_no_compilation(rows: np.ndarray) -> None:
    """Kernels are compiled, or loaded, by the first network of any shape."""
    Emulator(make_student((57, 8, 4, 1), SCALED), threads=1).run(rows[:10])
    start = perf_counter()
    Emulator(make_student((57, 24, 12, 3), SCALED), threads=1).run(rows[:10])
    assert perf_counter() - start < 1
