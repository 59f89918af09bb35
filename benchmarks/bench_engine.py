"""The engine by shape, kind of rows and kernel, beside its issue limit and its peers, in one run.

The limit is what one core of this machine can do if it only multiplies; on a loaded machine the fraction
of it, by processor time, is the figure that counts.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator
from emulator.engine.lanes.peak import limit_events_per_second
from emulator.engine.lanes.target import HAS_QUADS
from emulator.features import columns_of_layout, feature_rows, load_layout
from firmware.csim import CSimulation

if TYPE_CHECKING:
    from collections.abc import Callable

    import awkward as ak
    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.engine import KernelName
    from emulator.graph import Graph

    Student = Callable[[tuple[int, ...], str], Graph]

N_CSIM = 20_000
SHAPES = {
    "57-32-16-1": (57, 32, 16, 1),
    "57-16-8-1": (57, 16, 8, 1),
    "57-64-32-1": (57, 64, 32, 1),
}
ROUNDS = 15


def record(benchmark: BenchmarkFixture, n_events: int, **more: float) -> None:
    """Write the median rate, and what else there is, beside the times."""
    assert benchmark.stats is not None
    rate = n_events / benchmark.stats.stats.median / 1e6
    benchmark.extra_info["million_events_per_second"] = rate
    benchmark.extra_info.update(more)


def rows_for(graph: Graph, rows: np.ndarray, kind: str) -> np.ndarray:
    """Return rows of the kind that a network reads."""
    if kind == "bytes":
        return (rows & 0xFF).astype(np.int8)
    return rows


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["hardware", "scaled", "bytes"])
@pytest.mark.parametrize("shape", SHAPES)
def test_engine(
    benchmark: BenchmarkFixture,
    student: Student,
    rows: np.ndarray,
    shape: str,
    kind: str,
    threads: int,
) -> None:
    """Rows in memory, larger than the caches; the limit is measured between the rounds."""
    benchmark.group = f"engine, {threads} threads"
    graph = student(SHAPES[shape], kind)
    given = rows_for(graph, rows, kind)
    emulator = Emulator(graph, threads=threads)
    some = given[:N_CSIM]
    expected = Emulator(graph, threads=1, kernel="tiles32").run(some)["score"]
    np.testing.assert_array_equal(emulator.run(some)["score"], expected)
    limits: list[float] = []
    cpu_seconds: list[float] = []

    def measure_limit() -> None:
        limits.append(limit_events_per_second(graph))

    def run() -> None:
        start = process_time()
        emulator.run(given)
        cpu_seconds.append(process_time() - start)

    benchmark.pedantic(  # type: ignore[no-untyped-call]
        run, setup=measure_limit, rounds=ROUNDS, warmup_rounds=1
    )
    limit, seconds = float(np.median(limits)), float(np.median(cpu_seconds))
    record(
        benchmark,
        len(given),
        limit_per_core=limit / 1e6,
        per_core_second=len(given) / seconds / 1e6,
        fraction_of_limit=len(given) / seconds / limit,
    )


@pytest.mark.benchmark(group="kernels, one thread, 57-32-16-1")
@pytest.mark.parametrize("kernel", ["dot8", "dot16", "dot32", "tiles32", "tiles64"])
def test_kernel(
    benchmark: BenchmarkFixture, student: Student, rows: np.ndarray, kernel: KernelName
) -> None:
    if kernel == "dot8" and not HAS_QUADS:
        pytest.skip("this processor adds no four products of bytes")
    graph = student(SHAPES["57-32-16-1"], "bytes")
    given = (rows[:N_CSIM] & 0xFF).astype(np.int8)
    emulator = Emulator(graph, threads=1, kernel=kernel)
    expected = Emulator(graph, threads=1).run(given)["score"]
    emulator.run(given[:1])
    found = benchmark(emulator.run, given)
    np.testing.assert_array_equal(found["score"], expected)
    record(benchmark, N_CSIM)


@pytest.mark.benchmark(group="small batches, one thread, 57-32-16-1")
@pytest.mark.parametrize("n_events", [1, 100, 1_000, 10_000])
def test_small_batch(
    benchmark: BenchmarkFixture, graph: Graph, rows: np.ndarray, n_events: int
) -> None:
    emulator = Emulator(graph, threads=2)
    expected = Emulator(graph, threads=1, kernel="tiles32").run(rows[:n_events])["score"]
    emulator.run(rows[:1])
    found = benchmark(emulator.run, rows[:n_events])
    np.testing.assert_array_equal(found["score"], expected)
    record(benchmark, n_events)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("held", ["awkward", "flat"])
@pytest.mark.parametrize("shape", SHAPES)
def test_from_jagged_objects(
    benchmark: BenchmarkFixture,
    student: Student,
    jagged: ak.Array,
    shape: str,
    held: str,
    threads: int,
) -> None:
    """From offsets and contents to scores, held by an awkward array or flat, as the cache does."""
    benchmark.group = f"jagged objects to scores, {threads} threads"
    layout = load_layout("axol1tl_57")
    graph = student(SHAPES[shape], "scaled")
    emulator = Emulator(graph, threads=threads)
    flat = columns_of_layout(jagged, layout)
    cpu_seconds: list[float] = []
    limits: list[float] = []

    def measure_limit() -> None:
        limits.append(limit_events_per_second(graph))

    def run() -> dict[str, np.ndarray]:
        start = process_time()
        if held == "flat":
            found = emulator.run_columns(flat, layout)
        else:
            found = emulator.run_events(jagged, layout)
        cpu_seconds.append(process_time() - start)
        return found

    expected = emulator.run(feature_rows(jagged, layout))["score"]
    np.testing.assert_array_equal(run()["score"], expected)
    cpu_seconds.clear()
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        run, setup=measure_limit, rounds=ROUNDS, warmup_rounds=1
    )
    limit, seconds = float(np.median(limits)), float(np.median(cpu_seconds))
    record(
        benchmark,
        len(jagged),
        limit_per_core=limit / 1e6,
        per_core_second=len(jagged) / seconds / 1e6,
        fraction_of_limit=len(jagged) / seconds / limit,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_csimulation(
    benchmark: BenchmarkFixture,
    graph: Graph,
    rows: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
    threads: int,
) -> None:
    """hls4ml's C++ behind the batched bridge; by processor time too, for a loaded machine."""
    benchmark.group = "peers, 57-32-16-1"
    csim = CSimulation.build(graph, tmp_path_factory.getbasetemp() / "csim", threads=threads)
    expected = Emulator(graph, threads=1).run(rows[:N_CSIM])["score"]
    cpu_seconds: list[float] = []

    def run() -> np.ndarray:
        start = process_time()
        score = csim.run(rows[:N_CSIM])["score"]
        cpu_seconds.append(process_time() - start)
        return score

    np.testing.assert_array_equal(benchmark(run), expected)
    record(benchmark, N_CSIM, per_core_second=N_CSIM / float(np.median(cpu_seconds)) / 1e6)


# torch announces another package for int8, which the pinned one does not need.
@pytest.mark.filterwarnings("ignore:torch.ao.quantization is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_torch(benchmark: BenchmarkFixture, rows: np.ndarray, precision: str, threads: int) -> None:
    """The same shape in torch, in batches that stay in the caches; its numbers are not the network's."""
    import torch

    benchmark.group = "peers, 57-32-16-1"
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    sizes = SHAPES["57-32-16-1"]
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model: torch.nn.Module = torch.nn.Sequential(*layers[:-1]).eval()
    if precision == "int8":
        quantized: torch.nn.Module = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8
        )
        model = quantized
    numbers = rows[:100_000].astype(np.float32) / 64
    batches = [
        torch.from_numpy(numbers[start : start + 2_048]) for start in range(0, 100_000, 2_048)
    ]

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([model(batch) for batch in batches])

    assert benchmark(run).shape == (100_000, 1)
    record(benchmark, 100_000)


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="needs the extra 'bench'"
)
@pytest.mark.parametrize("threads", [1, 2])
def test_onnxruntime(benchmark: BenchmarkFixture, rows: np.ndarray, threads: int) -> None:
    """The same shape in onnxruntime, float32, one call."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    benchmark.group = "peers, 57-32-16-1"
    rng = np.random.default_rng(1)
    sizes, nodes, constants, name = SHAPES["57-32-16-1"], [], [], "x"
    for place, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = rng.normal(0, 0.2, (n_in, n_out)).astype(np.float32)
        constants += [
            numpy_helper.from_array(weights, f"w{place}"),
            numpy_helper.from_array(np.zeros(n_out, np.float32), f"b{place}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"w{place}", f"b{place}"], [f"d{place}"]))
        name = f"d{place}"
        if place < len(sizes) - 2:
            nodes.append(helper.make_node("Relu", [name], [f"r{place}"]))
            name = f"r{place}"
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, sizes[0]])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = rows[:100_000].astype(np.float32) / 64
    (found,) = benchmark(session.run, None, {"x": inputs})
    assert found.shape == (100_000, 1)
    record(benchmark, 100_000)


def test_a_second_model_costs_no_compilation(student: Student, rows: np.ndarray) -> None:
    """Kernels are compiled, or loaded, by the first network of any shape."""
    Emulator(student((57, 8, 4, 1), "scaled"), threads=1).run(rows[:10])
    start = perf_counter()
    Emulator(student((57, 24, 12, 3), "scaled"), threads=1).run(rows[:10])
    assert perf_counter() - start < 1
