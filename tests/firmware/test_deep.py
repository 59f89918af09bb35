"""Many random networks, compiled and clocked, against reference and engine: run by ``make deep``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate_rows
from firmware.compare import compare
from firmware.csim import CSimulation
from firmware.errors import UnsupportedNodeError
from firmware.hls import HlsSettings
from firmware.rtl import RtlSimulation
from firmware.rtl.tracing import trace_graph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.graph import Graph

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]
    Draw = Callable[..., Graph]
    Record = Callable[[str, int], None]

COMPILED = int(os.environ.get("L1_DEEP_NETWORKS", "200"))
CLOCKED = int(os.environ.get("L1_DEEP_RTL_NETWORKS", "60"))
TRACED = 1_000

SETTINGS = (
    HlsSettings(),
    HlsSettings(backend="Vivado"),
    HlsSettings(strategy="Resource"),
    HlsSettings(backend="Vivado", strategy="Resource"),
)


def all_nodes_out(graph: Graph) -> Graph:
    """The same network, every node an output."""
    return graph.with_outputs(tuple(node.name for node in graph.nodes[1:]))


def assert_all_equal(
    graph: Graph, rows: NDArray[np.int64], other: dict[str, NDArray[np.int64]]
) -> None:
    expected = evaluate_rows(graph, rows)
    emulated = Emulator(graph, threads=1).run(rows)
    for name, raws in expected.items():
        np.testing.assert_array_equal(other[name], raws, err_msg=f"other: {graph[name]}")
        np.testing.assert_array_equal(emulated[name], raws, err_msg=f"engine: {graph[name]}")


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(COMPILED))
def test_compiled_random_network_equals_reference_and_engine(
    seed: int, random_graph: Draw, random_rows: Rows, tmp_path: Path, record_property: Record
) -> None:
    graph = all_nodes_out(random_graph(10_000 + seed, n_nodes=4 + seed % 10))
    rows = random_rows(graph, 2_500, seed)
    simulation = CSimulation.build(graph, tmp_path, SETTINGS[seed % 4], threads=1)
    assert_all_equal(graph, rows, simulation.run(rows))
    record_property("networks", 1)
    record_property("events", len(rows))


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(CLOCKED))
def test_clocked_random_network_equals_reference_and_engine(
    seed: int, random_rtl_graph: Draw, random_rows: Rows, tmp_path: Path, record_property: Record
) -> None:
    refused = 0
    while True:
        graph = random_rtl_graph(40_000 + seed + 1_000 * refused, n_nodes=4 + seed % 8)
        try:
            simulation = RtlSimulation.build(graph, tmp_path, threads=1)
        except UnsupportedNodeError:
            refused += 1
            continue
        break
    rows = random_rows(graph, 5_000, seed)
    assert_all_equal(graph, rows, simulation.run(rows))
    record_property("networks", 1)
    record_property("events", len(rows))
    record_property("refused by name", refused)


@pytest.mark.deep
@pytest.mark.parametrize("first_seed", range(50_000, 50_000 + TRACED, 250))
def test_traced_random_network_equals_reference(
    first_seed: int, random_rtl_graph: Draw, random_rows: Rows, record_property: Record
) -> None:
    traced = refused = 0
    for seed in range(first_seed, first_seed + 250):
        graph = random_rtl_graph(seed, n_nodes=4 + seed % 10)
        try:
            program = trace_graph(graph)
        except UnsupportedNodeError:
            refused += 1
            continue
        rows = random_rows(graph, 300, seed)
        expected = np.concatenate(list(evaluate_rows(graph, rows).values()), axis=1)
        found = np.asarray(program.predict(rows.astype(np.float64), n_threads=1))
        np.testing.assert_array_equal(found.reshape(expected.shape), expected, f"seed {seed}")
        traced += 1
    record_property("networks", traced)
    record_property("events", 300 * traced)
    record_property("refused by name", refused)


@pytest.mark.deep
@pytest.mark.parametrize("network", ["student", "scores", "all_modes"])
def test_trigger_network_is_equal_in_all_executions(
    network: str,
    request: pytest.FixtureRequest,
    random_rows: Rows,
    tmp_path: Path,
    record_property: Record,
) -> None:
    graph = request.getfixturevalue(network)
    rows = random_rows(graph, 20_000, 1)
    for found in compare(
        graph, rows, against=("reference", "csim", "rtl"), jobs=1, work_dir=tmp_path
    ):
        assert (found.against, found.n_mismatch) == (found.against, 0)
        record_property("events", found.n_events)
    record_property("networks", 1)
