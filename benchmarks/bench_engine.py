"""The engine beside the hls4ml C-simulation: the same network, the same crossings, the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator
from firmware.csim import CSimulation

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.graph import Graph

N_CSIM = 20_000


@pytest.fixture(scope="module")
def csim(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> CSimulation:
    return CSimulation.build(graph, tmp_path_factory.mktemp("csim"), threads=2)


@pytest.fixture(scope="module")
def expected(graph: Graph, rows: np.ndarray) -> np.ndarray:
    return Emulator(graph, threads=1).run(rows)["score"]


def events_per_second(benchmark: BenchmarkFixture, n_events: int) -> None:
    assert benchmark.stats is not None
    median_seconds = benchmark.stats.stats.median
    benchmark.extra_info["million_events_per_second"] = n_events / median_seconds / 1e6


@pytest.mark.benchmark(group="57-32-16-1, two threads")
def test_csimulation(
    benchmark: BenchmarkFixture, csim: CSimulation, rows: np.ndarray, expected: np.ndarray
) -> None:
    found = benchmark(csim.run, rows[:N_CSIM])
    np.testing.assert_array_equal(found["score"], expected[:N_CSIM])
    events_per_second(benchmark, N_CSIM)


@pytest.mark.benchmark(group="57-32-16-1, two threads")
@pytest.mark.parametrize("n_events", [N_CSIM, 1_000_000])
def test_engine(
    benchmark: BenchmarkFixture, graph: Graph, rows: np.ndarray, expected: np.ndarray, n_events: int
) -> None:
    emulator = Emulator(graph, threads=2)
    emulator.run(rows[:1])  # compiles, or loads what was compiled
    found = benchmark(emulator.run, rows[:n_events])
    np.testing.assert_array_equal(found["score"], expected[:n_events])
    events_per_second(benchmark, n_events)
