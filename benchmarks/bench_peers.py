"""The engine beside its peers: the same network on the same crossings, at equal threads, in one run.

C-simulation and alkaid's interpreter run the network itself, so their scores are equal to the last bit.
torch and onnxruntime run its weights as floats, or as their own int8: those are held near the floats.
All are told as parts of the same limits: the network's products as integers, and the bytes of their own rows.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.limits import SCORE_BYTES, Work, time_warm, time_work
from benchmarks.peers import (
    fastest_batch,
    in_batches,
    layers_of,
    onnx_network,
    scores_by_numpy,
    torch_network,
)
from benchmarks.students import HARDWARE, SHAPES, make_student
from emulator.engine import Emulator
from firmware.csim import CSimulation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.graph import Graph

#: Events of the slow peers, and of torch and onnxruntime, whose floats then stay in the caches as well
#: as they like: each runs in batches of the size that is fastest for it.
N_SLOW, N_FLOATS = 20_000, 131_072

THREADS = pytest.mark.parametrize("threads", [1, 2])
BY_SHAPE = pytest.mark.parametrize("shape", SHAPES)


@cache
def network(shape: str) -> Graph:
    return make_student(SHAPES[shape], HARDWARE)


def group_of(shape: str, threads: int) -> str:
    return f"peers, {shape}, {threads} threads"


@THREADS
@BY_SHAPE
def test_engine(benchmark: BenchmarkFixture, rows: np.ndarray, shape: str, threads: int) -> None:
    """int16 rows in memory, larger than the caches."""
    benchmark.group = group_of(shape, threads)
    emulator = Emulator(network(shape), threads=threads)
    emulator.run(rows[:1])
    work = Work(len(rows), rows.shape[1] * rows.itemsize + SCORE_BYTES, network(shape))
    time_work(benchmark, lambda: emulator.run(rows), work)


def time_exact(
    benchmark: BenchmarkFixture,
    run: Callable[[NDArray[np.int16]], NDArray[np.int64]],
    rows: NDArray[np.int16],
    shape: str,
    rounds: int,
) -> None:
    """Time what must give the engine's scores, as a part of the limits that hold for the engine."""
    expected = Emulator(network(shape), threads=1).run(rows)["score"]
    np.testing.assert_array_equal(run(rows), expected)
    work = Work(len(rows), rows.shape[1] * rows.itemsize + SCORE_BYTES, network(shape))
    time_warm(benchmark, lambda: run(rows), work, rounds=rounds)


@THREADS
@BY_SHAPE
def test_csimulation(
    benchmark: BenchmarkFixture,
    rows: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
    shape: str,
    threads: int,
) -> None:
    """hls4ml's C++ behind our batched bridge."""
    benchmark.group = group_of(shape, threads)
    graph, some = network(shape), rows[:N_SLOW]
    csim = CSimulation.build(graph, tmp_path_factory.getbasetemp() / "csim", threads=threads)
    time_exact(benchmark, lambda given: csim.run(given)["score"], some, shape, rounds=5)


@BY_SHAPE
def test_hls4ml_predict(
    benchmark: BenchmarkFixture, rows: np.ndarray, tmp_path: Path, shape: str
) -> None:
    """The same C++ as hls4ml compiles and calls it, event by event, floats in and out."""
    from benchmarks.peers import hls4ml_predict

    benchmark.group = group_of(shape, 1)
    predict = hls4ml_predict(network(shape), tmp_path)
    time_exact(benchmark, predict, rows[: N_SLOW // 4], shape, rounds=3)


@cache
def traced(shape: str) -> Any:
    from firmware.rtl.tracing import trace_graph

    return trace_graph(network(shape))


@pytest.mark.skipif(find_spec("alkaid") is None, reason="needs the extra 'rtl'")
@BY_SHAPE
def test_alkaid(benchmark: BenchmarkFixture, rows: np.ndarray, shape: str) -> None:
    """Alkaid's interpreter in C++ of the shifts and additions that become RTL."""
    benchmark.group = group_of(shape, 1)
    program, some = traced(shape), rows[:N_SLOW]
    values = some.astype(np.float64)
    time_exact(benchmark, lambda _: program.predict(values, n_threads=1), some, shape, rounds=5)


# torch announces another package for int8, which the pinned one does not need.
@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_:UserWarning")
@pytest.mark.filterwarnings("ignore:Please use quant_min and quant_max:UserWarning")
@THREADS
@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("library", ["torch", "onnxruntime"])
@BY_SHAPE
def test_floats(
    benchmark: BenchmarkFixture,
    rows: np.ndarray,
    tmp_path: Path,
    shape: str,
    library: str,
    precision: str,
    threads: int,
) -> None:
    benchmark.group = group_of(shape, threads)
    pytest.importorskip(library)
    layers = layers_of(network(shape))
    values = rows[:N_FLOATS].astype(np.float32) / 2 ** network(shape).input.format.fraction
    some = values[:4_096]
    if library == "torch":
        run = torch_network(layers, some, precision=precision, threads=threads)
    else:
        run = onnx_network(layers, some, precision=precision, threads=threads, folder=tmp_path)
    size = fastest_batch(run, values)
    found, expected = in_batches(run, values, size), scores_by_numpy(layers, values)
    if precision == "float32":
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())
    else:
        assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.99
    benchmark.extra_info["batch"] = size
    moved = values.shape[1] * values.itemsize + values.itemsize
    work = Work(len(values), moved, network(shape))
    time_warm(benchmark, lambda: in_batches(run, values, size), work, rounds=15)
