"""Many random networks, compiled, against the reference and the engine: run by ``make deep``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate_rows
from firmware.csim import CSimulation
from firmware.hls import HlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.graph import Graph

NETWORKS = int(os.environ.get("L1_DEEP_NETWORKS", "200"))

SETTINGS = (
    HlsSettings(),
    HlsSettings(backend="Vivado"),
    HlsSettings(strategy="Resource"),
    HlsSettings(backend="Vivado", strategy="Resource"),
)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(NETWORKS))
def test_compiled_random_network_equals_reference_and_engine(
    seed: int,
    random_graph: Callable[..., Graph],
    random_rows: Callable[[Graph, int, int], NDArray[np.int64]],
    tmp_path: Path,
    record_property: Callable[[str, int], None],
) -> None:
    graph = random_graph(10_000 + seed, n_nodes=4 + seed % 10)
    graph = graph.with_outputs(tuple(node.name for node in graph.nodes[1:]))
    rows = random_rows(graph, 4_000, seed)
    expected = evaluate_rows(graph, rows)
    simulated = CSimulation.build(graph, tmp_path, SETTINGS[seed % 4]).run(rows)
    emulated = Emulator(graph, threads=1).run(rows)
    for name, raws in expected.items():
        np.testing.assert_array_equal(simulated[name], raws, err_msg=f"C-simulation: {name}")
        np.testing.assert_array_equal(emulated[name], raws, err_msg=f"engine: {name}")
    record_property("networks", 1)
    record_property("events", len(rows))
