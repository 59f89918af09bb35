"""C-simulation against the plain-Python reference, and its errors. Each network compiles for seconds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from random_graphs import Limits, graph_of_every_operation

from emulator.engine import evaluate_rows
from emulator.errors import RangeError
from emulator.fixed import FixedFormat
from emulator.graph import Graph, Input, Quantize, Square
from emulator.graph.operations import OPERATIONS
from firmware.csim import CSimulation
from firmware.errors import CompileError, MissingToolError, UnsupportedNodeError
from firmware.hls import HlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]


SETTINGS = (
    HlsSettings(),
    HlsSettings(backend="Vivado"),
    HlsSettings(strategy="Resource"),
    HlsSettings(backend="Vivado", strategy="Resource"),
)


def assert_equal(
    found: dict[str, NDArray[np.int64]], expected: dict[str, NDArray[np.int64]]
) -> None:
    """The same outputs, with the same raws, not all of them constant."""
    assert list(found) == list(expected)
    for name, raws in expected.items():
        np.testing.assert_array_equal(found[name], raws, err_msg=name, strict=True)
    assert any(len(np.unique(raws)) > 1 for raws in expected.values())


@pytest.fixture(scope="module")
def score_simulation(scores: Graph, csim_folder: Path) -> CSimulation:
    return CSimulation.build(scores, csim_folder)


def test_student_equals_the_reference(student: Graph, random_rows: Rows, csim_folder: Path) -> None:
    rows = random_rows(student, 3_000, 1).astype(np.int16)
    simulation = CSimulation.build(student, csim_folder)
    assert_equal(simulation.run(rows), evaluate_rows(student, rows))


def test_scores_equal_the_reference(
    scores: Graph, score_simulation: CSimulation, random_rows: Rows
) -> None:
    rows = random_rows(scores, 5_000, 2)
    assert_equal(score_simulation.run(rows), evaluate_rows(scores, rows))


def test_all_roundings_and_overflows_equal_the_reference(
    all_modes: Graph, csim_folder: Path
) -> None:
    # Every value of the first feature; the others move the accumulators to all their corners.
    rng = np.random.default_rng(5)
    first = np.tile(np.arange(-256, 256), 5)
    rows = np.column_stack([first, *rng.integers(-256, 256, size=(2, len(first)))])
    simulation = CSimulation.build(all_modes, csim_folder)
    assert_equal(simulation.run(rows), evaluate_rows(all_modes, rows))


@pytest.mark.parametrize("seed", range(10))
def test_random_network_equals_the_reference(
    seed: int, random_graph: Callable[..., Graph], random_rows: Rows, csim_folder: Path
) -> None:
    graph = random_graph(seed, n_nodes=10)
    graph = graph.with_outputs(tuple(node.name for node in graph.nodes[1:]))
    rows = random_rows(graph, 2_500, seed)
    simulation = CSimulation.build(graph, csim_folder, SETTINGS[seed % len(SETTINGS)])
    assert_equal(simulation.run(rows), evaluate_rows(graph, rows))


def test_every_operation_equals_the_reference(random_rows: Rows, csim_folder: Path) -> None:
    graph = graph_of_every_operation(np.random.default_rng(2), Limits(near=0.9, hls4ml=True))
    assert {type(node) for node in graph.nodes} == set(OPERATIONS.values())
    rows = random_rows(graph, 2_500, 2)
    simulation = CSimulation.build(graph, csim_folder)
    assert_equal(simulation.run(rows), evaluate_rows(graph, rows))


def test_threads_and_chunks_change_nothing(
    scores: Graph,
    score_simulation: CSimulation,
    csim_folder: Path,
    random_rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = random_rows(scores, 1_001, 6)
    expected = score_simulation.run(rows)
    monkeypatch.setattr("firmware.csim.simulation.CHUNK_EVENTS", 100)
    assert_equal(CSimulation.build(scores, csim_folder, threads=1).run(rows), expected)


def test_no_events_give_empty_results(scores: Graph, score_simulation: CSimulation) -> None:
    results = score_simulation.run(np.empty((0, 6), dtype=np.int16))
    assert {name: raws.shape for name, raws in results.items()} == {
        name: (0, scores.tensors[name].size) for name in scores.outputs
    }


def test_compiled_library_is_kept(
    scores: Graph, score_simulation: CSimulation, csim_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("compiled again")

    monkeypatch.setattr("firmware.csim.simulation._build", fail)
    assert CSimulation.build(scores, csim_folder).project == score_simulation.project


def test_library_can_be_moved(
    scores: Graph,
    score_simulation: CSimulation,
    random_rows: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(score_simulation.project, tmp_path / score_simulation.project.name)
    monkeypatch.setattr("firmware.csim.simulation._build", lambda *_: pytest.fail("compiled"))
    rows = random_rows(scores, 100, 7)
    moved = CSimulation.build(scores, tmp_path)
    assert moved.project.parent == tmp_path
    assert_equal(moved.run(rows), score_simulation.run(rows))


def test_project_without_its_weights_is_built_again(
    scores: Graph, score_simulation: CSimulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / score_simulation.project.name
    shutil.copytree(score_simulation.project, copy)
    next((copy / "firmware" / "weights").glob("*.txt")).unlink()
    built: list[Path] = []

    def build(_graph: Graph, project: Path, *_: object) -> None:
        built.append(project)
        shutil.rmtree(project)
        shutil.copytree(score_simulation.project, project)

    monkeypatch.setattr("firmware.csim.simulation._build", build)
    CSimulation.build(scores, tmp_path)
    assert built == [copy]


def test_rows_out_of_range_are_refused(score_simulation: CSimulation) -> None:
    rows = np.zeros((3, 6), dtype=np.int64)
    rows[2, 4] = 512
    with pytest.raises(
        RangeError,
        match=r"event 2, feature 4: 512 is out of the range of the input 'x'.*-512 to 511",
    ):
        score_simulation.run(rows)
    with pytest.raises(ValueError, match=r"takes 6 features, the rows have shape \(3, 5\)"):
        score_simulation.run(rows[:, :5])


def test_output_wider_than_64_bits_is_refused(tmp_path: Path) -> None:
    source = Input("x", (), FixedFormat(8, 8), size=1)
    for signed, width in ((True, 65), (False, 64)):
        wide = Quantize("y", ("x",), FixedFormat(width, width, signed))
        with pytest.raises(UnsupportedNodeError, match=r"'y'.* does not fit the 64 bits"):
            CSimulation.build(Graph((source, wide), ("y",)), tmp_path)


def small_graph() -> Graph:
    source = Input("x", (), FixedFormat(8, 8), size=1)
    return Graph((source, Square("y", ("x",), FixedFormat(16, 16))), ("y",))


def test_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingToolError, match=r"needs the compiler g\+\+, which is not on the PATH"
    ):
        CSimulation.build(small_graph(), tmp_path)


def test_compile_error_is_short_and_leaves_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "firmware.csim.simulation.bridge_source", lambda _: "int main( { broken }\n"
    )
    with pytest.raises(CompileError, match=r"does not compile: .*error:.*\(all of it in") as caught:
        CSimulation.build(small_graph(), tmp_path)
    assert "broken" in caught.value.log.read_text()
    assert len(str(caught.value)) < 500
    # Nothing half-made is left for the next run.
    assert [path.suffix for path in tmp_path.iterdir()] == [".log"]
