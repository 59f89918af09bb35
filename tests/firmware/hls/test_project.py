"""Projects that a user takes away: test bench, vectors, scripts, README."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.errors import InputFileError, RangeError, SettingsError
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Quantize, QuantizeEach
from firmware.csim import CSimulation
from firmware.errors import CompileError, MissingToolError, UnsupportedNodeError
from firmware.hls import (
    HlsSettings,
    Vectors,
    build_model_graph,
    run_test_bench,
    write_full_project,
    write_project,
)
from firmware.hls.project import FEATURES, PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]

PARSE = FixedFormat.parse
DENSE = Dense(
    "y",
    ("x",),
    PARSE("fixed<9,6,RND_CONV,SAT>"),
    weights=((3, -2), (-1, 5), (7, 0)),
    weight_format=PARSE("fixed<4,2>"),
    bias=(5, -6),
    bias_format=PARSE("fixed<6,4>"),
    accumulator=PARSE("fixed<16,12>"),
)
#: A signed and an unsigned output, of two sizes.
GRAPH = Graph(
    (
        Input("x", (), PARSE("fixed<7,6>"), size=3),
        DENSE,
        Quantize("z", ("y",), PARSE("ufixed<5,4,TRN,SAT>")),
    ),
    ("z", "y"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose test bench is compiled."""
    folder = tmp_path_factory.mktemp("hls") / "project"
    settings = HlsSettings.for_board("uGT", backend="Vivado", project_name="ad")
    vectors = Vectors.random(GRAPH, 200, 3)
    write_full_project(GRAPH, folder, vectors, settings, name="ad v1", network_sha256="abc123")
    result = run_test_bench(folder)
    assert result.passed
    assert result.said == "INFO: 0 of 200 crossings differ"
    return folder


def bench(project: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["build/testbench"], cwd=project, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_vectors_are_what_the_reference_gives(project: Path) -> None:
    rows = np.loadtxt(project / FEATURES, dtype=np.int64)
    expected = evaluate_rows(GRAPH, rows)
    found = np.loadtxt(project / PREDICTIONS, dtype=np.int64)
    np.testing.assert_array_equal(found, np.concatenate([expected["z"], expected["y"]], axis=1))
    assert found.min() < 0
    assert (project / "tb_data" / "csim_results.log").read_text().split() == [
        str(raw) for raw in found.ravel()
    ]


def with_line(text: str, place: int, line: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[place] = line
    return "".join(lines)


@pytest.mark.parametrize(
    ("name", "line", "code", "said"),
    [
        (PREDICTIONS, "1 2 3 4\n", 1, "MISMATCH: crossing 7, found"),
        (PREDICTIONS, "1 2 3\n", 2, "line 8 of the predictions holds no 4 integers"),
        (PREDICTIONS, "", 2, "line 200 of the predictions holds no 4 integers"),
        (PREDICTIONS, "1 2 3 4\n1 2 3 4\n", 2, "there are more predictions than the 200 crossings"),
        (FEATURES, "1 2 x\n", 2, "line 8 of the features holds no 3 integers"),
        (FEATURES, "1 2 3 4\n", 2, "line 8 of the features holds no 3 integers"),
        (FEATURES, "", 2, "there are more predictions than the 199 crossings"),
    ],
)
def test_bench_finds_corrupted_vectors(
    project: Path, name: Path, line: str, code: int, said: str
) -> None:
    good = (project / name).read_text()
    (project / name).write_text(with_line(good, 7, line))
    try:
        ended, output = bench(project)
    finally:
        (project / name).write_text(good)
    assert (ended, said in output) == (code, True), output
    assert bench(project) == (0, "INFO: 0 of 200 crossings differ\n")


def test_bench_finds_empty_and_missing_vectors(project: Path) -> None:
    good = (project / FEATURES).read_text()
    (project / FEATURES).write_text("")
    assert bench(project) == (2, "ERROR: tb_data/tb_input_features.dat is empty\n")
    (project / FEATURES).unlink()
    assert bench(project)[0] == 2
    (project / FEATURES).write_text(good)


def test_bench_finds_a_corrupted_weight(project: Path) -> None:
    (weights,) = (project / "firmware" / "weights").glob("w*.txt")
    good = weights.read_text()
    weights.write_text(good.replace("0.75", "0.5", 1))
    ended, output = bench(project)
    weights.write_text(good)
    assert ended == 1
    assert "expected" in output


def test_scripts_and_readme_say_how(project: Path) -> None:
    tcl = (project / "project.tcl").read_text()
    assert '"xc7vx690t-ffg1927-2"' in tcl
    assert "set clock_period 25" in tcl
    makefile = (project / "Makefile").read_text()
    assert "vivado_hls -f build_prj.tcl" in makefile
    readme = (project / "README.md").read_text()
    for words in ("ad v1", "abc123", "make check", "make synthesis", "firmware reports", "seed 3"):
        assert words in readme
    types = "weight fixed<4,2>, bias fixed<6,4>, accum fixed<16,12>"
    assert f"| y | Dense | 2 | fixed<9,6,RND_CONV,SAT> | {types} |" in readme
    assert "$" not in readme
    summary = json.loads((project / "l1distill.json").read_text())
    assert (summary["part"], summary["clock_period_ns"]) == ("xc7vx690t-ffg1927-2", 25.0)
    done = subprocess.run(
        ["make", "-n", "check"], cwd=project, capture_output=True, text=True, check=True
    )
    assert "testbench" in done.stdout
    script = (project / "vivado_synth.tcl").read_text()
    assert "report_timing_summary -file vivado_synth_timing.rpt" in script


def test_vitis_projects_ask_for_all_stages(tmp_path: Path) -> None:
    folder = write_full_project(GRAPH, tmp_path / "p", Vectors.random(GRAPH, 5, 1))
    options = (folder / "build_opt.tcl").read_text().split()
    chosen = dict(pairwise(options))
    for stage in ("reset", "csim", "synth", "cosim", "vsynth"):
        assert chosen[stage] == "1"
    assert "vitis-run --mode hls --tcl build_prj.tcl" in (folder / "Makefile").read_text()
    (folder / "firmware" / "myproject.h").touch()
    (folder / "l1network_test.cpp").write_text("int main( {")
    with pytest.raises(CompileError, match=r"error: .*all of it in .*testbench.log"):
        run_test_bench(folder)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    wrong = Vectors(np.array([[0, 0, 64]]), "by hand")
    with pytest.raises(RangeError, match="event 0, feature 2: 64 is out of the range"):
        write_full_project(GRAPH, tmp_path / "p", wrong)
    wide = Quantize("w", ("y",), PARSE("ufixed<64,60>"))
    with pytest.raises(UnsupportedNodeError, match="does not fit the 64 bits of the test bench"):
        write_full_project(
            Graph((*GRAPH.nodes, wide), ("w",)), tmp_path / "p", Vectors.random(GRAPH, 1, 1)
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputFileError, match="no HLS project with a test bench"):
        run_test_bench(write_project(GRAPH, tmp_path / "bare"))


# Distributed arithmetic. da4ml compiles itself for minutes: what needs it is deep.
DISTRIBUTED = HlsSettings(strategy="distributed_arithmetic")


def with_dense(**changes: object) -> Graph:
    source, _, last = GRAPH.nodes
    return Graph((source, replace(DENSE, **changes), last), ("z", "y"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (with_dense(accumulator=PARSE("fixed<12,10>")), r"'y'.*accumulator fixed<12,10> rounds"),
        (with_dense(accumulator=PARSE("fixed<8,5>")), r"'y'.*accumulator fixed<8,5> can overflow"),
        (
            with_dense(accumulator=PARSE("fixed<8,5,TRN,SAT>"), format=PARSE("fixed<8,5>")),
            r"'y'.*can overflow",
        ),
    ],
)
def test_sums_that_are_cut_are_refused_for_distributed_arithmetic(
    graph: Graph, reason: str
) -> None:
    with pytest.raises(UnsupportedNodeError, match=reason):
        build_model_graph(graph, "unused", DISTRIBUTED)


def test_distributed_arithmetic_needs_its_package_and_reuse_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match="reuse_factor must be 1, got 2"):
        HlsSettings(strategy="distributed_arithmetic", reuse_factor=2)
    monkeypatch.setattr("firmware.hls.library.find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"needs da4ml: pip install 'l1distill\[da\]'"):
        build_model_graph(GRAPH, "unused", DISTRIBUTED)


@pytest.mark.deep
def test_distributed_arithmetic_equals_the_reference(
    student: Graph, random_rows: Rows, tmp_path: Path
) -> None:
    # A sum that wraps, whose result keeps its low bits; quantizers that go into the layer behind.
    each = QuantizeEach(
        "q",
        ("x",),
        PARSE("fixed<7,6>"),
        formats=(PARSE("fixed<5,4,RND,SAT>"), None, PARSE("ufixed<4,3,RND,SAT>")),
    )
    wraps = replace(DENSE, accumulator=PARSE("fixed<8,5>"), format=PARSE("fixed<5,4,RND_CONV>"))
    fused = Graph(
        (GRAPH.input, each, replace(DENSE, inputs=("q",)), replace(wraps, name="w")), ("y", "w")
    )
    for graph in (GRAPH, fused, student):
        rows = random_rows(graph, 3_000, 4)
        expected = evaluate_rows(graph, rows)
        for backend in ("Vitis", "Vivado"):
            settings = replace(DISTRIBUTED, backend=backend)
            found = CSimulation.build(graph, tmp_path, settings).run(rows)
            for name, raws in expected.items():
                np.testing.assert_array_equal(found[name], raws)
    full = write_full_project(GRAPH, tmp_path / "p", Vectors.random(GRAPH, 100, 1), DISTRIBUTED)
    assert run_test_bench(full).passed
