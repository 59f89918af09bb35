"""QONNX files, run by qonnx's own executor, against the plain-Python reference."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.fixed import FixedFormat, to_float
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import Dense, Graph, Input, Node, OffsetShift, Quantize, Sum
from firmware.errors import UnsupportedNodeError
from firmware.package import qonnx_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]

PARSE = FixedFormat.parse
pytest.importorskip("onnx")


def execute(model: Any, graph: Graph, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Run a QONNX model on rows; returns the values of its outputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = pytest.importorskip("qonnx.core.modelwrapper").ModelWrapper(model)
        change = pytest.importorskip("qonnx.transformation.change_batchsize").ChangeBatchSize
        infer = pytest.importorskip("qonnx.transformation.infer_shapes").InferShapes
        run = pytest.importorskip("qonnx.core.onnx_exec").execute_onnx
        wrapper = wrapper.transform(change(len(rows))).transform(infer())
        values = to_float(rows, graph.input.format).astype(np.float32)
        found = run(wrapper, {wrapper.graph.input[0].name: values})
    return {name: np.asarray(numbers, dtype=np.float64) for name, numbers in found.items()}


def assert_equal(graph: Graph, rows: NDArray[np.int64]) -> None:
    expected = evaluate_rows(graph, rows)
    found = execute(qonnx_model(graph), graph, rows)
    assert list(found) == list(graph.outputs)
    for name, raws in expected.items():
        values = to_float(raws, graph.tensors[name].format)
        np.testing.assert_array_equal(found[name], values, err_msg=name)
        assert len(np.unique(values)) > 1


def test_student_equals_the_reference(student: Graph, random_rows: Rows) -> None:
    assert_equal(student, random_rows(student, 5_000, 1))


def test_scores_equal_the_reference(scores: Graph, random_rows: Rows) -> None:
    # The other score rounds in its sum.
    with pytest.raises(UnsupportedNodeError, match=r"'distance'.*rounds each term"):
        qonnx_model(scores)
    graph = scores.with_outputs(("mu2", "residual"))
    assert_equal(graph, random_rows(graph, 5_000, 2))


def test_casts_in_all_modes_equal_the_reference() -> None:
    source = Input("x", (), PARSE("fixed<9,5>"), size=1)
    nodes: list[Node] = [source]
    for rounding in ROUNDINGS:
        for overflow in OVERFLOWS:
            if overflow == "SAT_ZERO":
                continue
            for signed in (True, False):
                target = FixedFormat(5, 4, signed, rounding, overflow)
                name = f"{rounding}_{overflow}_{signed}"
                if overflow == "SAT_SYM" and not signed:
                    continue
                nodes.append(Quantize(name, ("x",), target))
    graph = Graph(tuple(nodes), tuple(node.name for node in nodes[1:]))
    assert_equal(graph, np.arange(-256, 256).reshape(-1, 1))


def test_shifts_equal_the_reference() -> None:
    shifted = OffsetShift(
        "y",
        ("x",),
        PARSE("fixed<6,5,RND_CONV,SAT>"),
        offset=(3, -20, 0, 7, 1),
        offset_format=PARSE("fixed<8,7>"),
        shift=(2, 0, -3, 5, -1),
        inner=PARSE("fixed<10,7>"),
    )
    graph = Graph((Input("x", (), PARSE("fixed<9,8>"), size=5), shifted), ("y",))
    assert_equal(graph, np.repeat(np.arange(-256, 256), 5).reshape(-1, 5))


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_are_equal_or_refused_by_name(
    seed: int, random_rtl_graph: Callable[[int], Graph], random_rows: Rows
) -> None:
    graph = random_rtl_graph(seed)
    refused: UnsupportedNodeError | None = None
    try:
        model = qonnx_model(graph)
    except UnsupportedNodeError as error:
        refused = error
    if refused is not None:
        assert refused.node in graph.tensors
        assert str(refused).startswith(f"node '{refused.node}' cannot be built exactly")
        return
    rows = random_rows(graph, 200, seed)
    found = execute(model, graph, rows)
    for name, raws in evaluate_rows(graph, rows).items():
        values = to_float(raws, graph.tensors[name].format)
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def dense(**changes: Any) -> Graph:
    fields = {
        "weights": ((100,), (-100,)),
        "weight_format": PARSE("fixed<8,4>"),
        "bias": (1,),
        "bias_format": PARSE("fixed<8,4>"),
        "accumulator": PARSE("fixed<30,20>"),
        **changes,
    }
    source = Input("x", (), PARSE("fixed<14,8>"), size=2)
    return Graph((source, Dense("y", ("x",), PARSE("fixed<8,6>"), **fields)), ("y",))


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (dense(accumulator=PARSE("fixed<20,16>")), r"'y'.*accumulator fixed<20,16> rounds each"),
        (
            dense(accumulator=PARSE("fixed<18,8,TRN,SAT>")),
            r"'y'.*fixed<18,8,TRN,SAT> may saturate on the way",
        ),
        (
            dense(
                weights=((30_000,), (1,)),
                weight_format=PARSE("fixed<16,2>"),
                accumulator=PARSE("fixed<40,16>"),
            ),
            "'y'.*24 bits",
        ),
    ],
)
def test_what_floats_cannot_hold_is_refused(graph: Graph, reason: str) -> None:
    with pytest.raises(UnsupportedNodeError, match=reason):
        qonnx_model(graph)


def test_other_operations_are_refused_by_name() -> None:
    source = Input("x", (), PARSE("fixed<8,4>"), size=2)
    zero = Quantize("z", ("x",), PARSE("fixed<4,2,TRN,SAT_ZERO>"))
    with pytest.raises(UnsupportedNodeError, match=r"'z'.*becomes 0 where it overflows"):
        qonnx_model(Graph((source, zero), ("z",)))
    total = Sum("s", ("x",), PARSE("fixed<8,4>"), accumulator=PARSE("fixed<6,4>"))
    with pytest.raises(UnsupportedNodeError, match=r"'s'.*rounds each term"):
        qonnx_model(Graph((source, total), ("s",)))
