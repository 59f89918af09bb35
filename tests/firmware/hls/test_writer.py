"""Writing hls4ml projects, and the proof that they are the graph."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from random_graphs import Limits, random_image_graph

from emulator.errors import InputFileError
from emulator.fixed import FixedFormat
from emulator.graph import (
    BatchNormalization,
    Dense,
    Flatten,
    Graph,
    Input,
    Node,
    Quantize,
    QuantizeEach,
    Relu,
    Reshape,
    Square,
    Tanh,
)
from emulator.graph.operations import OPERATIONS
from emulator.graph.tables import tanh_table
from firmware.errors import MissingToolError, ReadBackError, UnsupportedNodeError
from firmware.hls import HlsSettings, build_model_graph, read_model_graph, write_project
from firmware.hls.writer import check_equal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BYTE = FixedFormat(8, 8)
SETTINGS = (
    HlsSettings(),
    HlsSettings(backend="Vivado", part="xc7vx690tffg1927-2", clock_period_ns=2.5),
    HlsSettings(strategy="Resource"),
    HlsSettings(backend="Vivado", strategy="Resource"),
)


def dense_graph(**changes: Any) -> Graph:
    """One dense layer, 2 to 2, with the given fields changed."""
    dense = Dense(
        "y",
        ("x",),
        FixedFormat(10, 8, rounding="RND", overflow="SAT"),
        weights=((1, -2), (3, 4)),
        weight_format=FixedFormat(6, 3),
        bias=(5, -6),
        bias_format=FixedFormat(6, 4),
        accumulator=FixedFormat(16, 10),
    )
    return Graph((Input("x", (), BYTE, size=2), replace(dense, **changes)), ("y",))


@pytest.mark.parametrize("seed", range(100))
def test_hls4ml_keeps_random_networks_as_they_are(
    seed: int, random_graph: Callable[[int], Graph]
) -> None:
    graph = random_graph(seed)
    # build_model_graph compares too; this test must not depend on that.
    assert read_model_graph(build_model_graph(graph, "unused", SETTINGS[seed % 4])) == graph


def test_hls4ml_keeps_the_student_and_all_modes(
    student: Graph, scores: Graph, all_modes: Graph
) -> None:
    for graph in (student, scores, all_modes):
        assert read_model_graph(build_model_graph(graph, "unused")) == graph


def test_a_cast_to_the_same_type_does_not_vanish() -> None:
    cast = Quantize("y", ("x",), BYTE)
    graph = Graph((Input("x", (), BYTE, size=1), cast, Quantize("z", ("y",), BYTE)), ("z",))
    assert [layer.name for layer in build_model_graph(graph, "unused").get_layers()] == [*"xyz"]


def test_what_hls4ml_changes_is_found() -> None:
    graph = dense_graph()
    model = build_model_graph(graph, "unused")
    model.graph["y"].get_output_variable().type.precision.rounding_mode = "TRN"
    with pytest.raises(
        ReadBackError, match=r"node 'y': hls4ml changed format .*RND.* to fixed<10,8"
    ):
        check_equal(graph, read_model_graph(model))


def test_a_corrupted_weight_is_found() -> None:
    graph = dense_graph()
    model = build_model_graph(graph, "unused")
    model.graph["y"].weights["weight"].data[1, 0] += 0.125
    with pytest.raises(ReadBackError, match="node 'y': hls4ml changed weights from 3 to 4"):
        check_equal(graph, read_model_graph(model))


def test_another_operation_order_or_output_is_found() -> None:
    x, y = Input("x", (), BYTE, size=1), Quantize("y", ("x",), BYTE)
    z = Quantize("z", ("y",), BYTE)
    given = Graph((x, y, z), ("z",))
    with pytest.raises(ReadBackError, match="node 'z': hls4ml changed the operation"):
        check_equal(given, Graph((x, y, Relu("z", ("y",), BYTE)), ("z",)))
    with pytest.raises(ReadBackError, match="node 'z': hls4ml changed the nodes"):
        check_equal(given, Graph((x, y), ("y",)))
    with pytest.raises(ReadBackError, match="node 'y': hls4ml changed the outputs"):
        check_equal(given, given.with_outputs(("y",)))


def test_project_is_written_quietly_and_whole(
    scores: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(InputFileError, match=r"has no hls4ml_config.yml, so it is not replaced"):
        write_project(scores, folder)
    (folder / "hls4ml_config.yml").touch()
    assert write_project(scores, folder, HlsSettings(project_name="score")) == folder
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
    assert not (folder / "old").exists()
    for name in ("firmware/score.cpp", "firmware/nnet_utils/nnet_l1.h", "build_prj.tcl"):
        assert (folder / name).is_file()
    assert "xcvu13p-flga2577-2-e" in (folder / "project.tcl").read_text()
    assert str(tmp_path) not in (folder / "hls4ml_config.yml").read_text()
    calls = (folder / "firmware/score.cpp").read_text()
    assert "nnet::l1_sum<" in calls
    assert "nnet::subtract<" in calls


def test_a_refused_graph_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedNodeError):
        write_project(dense_graph().with_outputs(("x",)), tmp_path / "project")
    assert list(tmp_path.iterdir()) == []


def network(name: str = "x", other: str = "y", width: int = 8) -> Graph:
    """An input and a square."""
    source = Input(name, (), FixedFormat(width, width), size=1)
    return Graph((source, Square(other, (name,), BYTE)), (other,))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (network(width=53), "'x'.* inputs pass through doubles, exact to 52 bits, and .* has 53"),
        (network(name="input"), "'input'.* hls4ml uses this name itself"),
        (network(name="double"), "'double'.* a meaning in the generated C"),
        (network(name="w2"), "'w2'.* a meaning in the generated C"),
        (network(other="X"), "'X'.* hls4ml cannot tell its name from 'x'"),
        (network().with_outputs(("x",)), "'x'.* the input itself cannot be an output"),
        (
            dense_graph(weights=((1 << 60, 0), (0, 0)), weight_format=FixedFormat(62, 62)),
            "'y'.* a weight needs more than the 53 bits",
        ),
        (
            dense_graph(bias_format=FixedFormat(6, 950)),
            "'y'.* fixed<6,950> lies out of the range of doubles",
        ),
        (
            Graph(
                (
                    Input("x", (), BYTE, size=1),
                    Quantize("w", ("x",), FixedFormat(600, 600)),
                    Square("y", ("w",), BYTE),
                ),
                ("y",),
            ),
            "'y'.* needs 1200 bits in between, ap_fixed has 1024",
        ),
    ],
)
def test_what_c_simulation_cannot_do_exactly_is_refused(graph: Graph, message: str) -> None:
    with pytest.raises(UnsupportedNodeError, match=message):
        build_model_graph(graph, "unused")


def test_saturating_accumulator_with_reuse_is_refused() -> None:
    graph = dense_graph(accumulator=FixedFormat(16, 10, overflow="SAT"))
    with pytest.raises(UnsupportedNodeError, match=r"'y'.* saturates, and with reuse factor 2"):
        build_model_graph(graph, "unused", HlsSettings(strategy="Resource", reuse_factor=2))


def test_reuse_factor_that_hls4ml_would_change_is_refused() -> None:
    settings = HlsSettings(strategy="Resource", reuse_factor=3)
    with pytest.raises(UnsupportedNodeError, match="reuse factor 3 does not divide its size"):
        build_model_graph(dense_graph(), "unused", settings)


def test_missing_hls4ml_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    with pytest.raises(MissingToolError, match=r"pip install 'l1distill\[firmware\]'"):
        build_model_graph(dense_graph(), "unused")


def test_neither_torch_nor_tensorflow_is_imported(tmp_path: Path) -> None:
    script = (
        "import sys; from emulator.fixed import FixedFormat; from emulator.graph import *;"
        "from firmware.hls import write_project;"
        "x = Input('x', (), FixedFormat(8, 8), size=1);"
        "y = Square('y', ('x',), FixedFormat(8, 8));"
        f"write_project(Graph((x, y), ('y',)), {str(tmp_path / 'project')!r});"
        "print([name for name in ('torch', 'tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_operation_is_written(random_graph: Callable[[int], Graph]) -> None:
    kinds: set[type[Node]] = set()
    for seed in range(60):
        kinds |= {type(node) for node in random_graph(seed).nodes}
    assert kinds == set(OPERATIONS.values())


def test_layers_that_hls4ml_has_are_its_own() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        graph = random_image_graph(rng, Limits(hls4ml=True))
        for layer in build_model_graph(graph, "unused").get_layers():
            own = layer.class_name.startswith("L1")
            exempt = type(graph[layer.name]) in {Quantize, Reshape, Flatten}
            assert exempt or own != graph[layer.name].hls4ml_layer


CURVE = Tanh("y", ("x",), BYTE, table=tanh_table(), table_format=FixedFormat(18, 8))
EACH = QuantizeEach("y", ("x",), BYTE, formats=(BYTE, FixedFormat(4, 4)))


@pytest.mark.parametrize(
    ("node", "source", "message"),
    [
        (replace(CURVE, table=(0, 1)), BYTE, "its table is not the one that hls4ml fills"),
        (CURVE, FixedFormat(40, 30), "finds entries with 32 bits, too few for inputs fixed<40,30>"),
        (
            replace(CURVE, table=tanh_table(12)),
            FixedFormat(8, 9),
            "inputs fixed<8,9> above one need a table size that 8 divides",
        ),
        (
            replace(EACH, formats=(BYTE, FixedFormat(4, 4, overflow="SAT"))),
            BYTE,
            "one rounding and one overflow for all elements",
        ),
        (replace(EACH, formats=(None, None)), BYTE, "no element has a type"),
        (replace(EACH, name="relu"), BYTE, "names a function by it"),
        (
            BatchNormalization(
                "y",
                ("x",),
                BYTE,
                scale=(2,),
                scale_format=FixedFormat(3, 2),
                bias=(0,),
                bias_format=BYTE,
            ),
            BYTE,
            "hls4ml removes a batch normalization by 1",
        ),
    ],
)
def test_what_new_layers_cannot_do_exactly_is_refused(
    node: Node, source: FixedFormat, message: str
) -> None:
    size = 1 if isinstance(node, BatchNormalization) else 2
    graph = Graph((Input("x", (), source, size=size), node), (node.name,))
    with pytest.raises(UnsupportedNodeError, match=message):
        build_model_graph(graph, "unused")
