"""What alkaid traces, run by its interpreter, against the plain-Python reference: no Verilog here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import evaluate_rows
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import (
    Dense,
    Graph,
    Input,
    Node,
    OffsetShift,
    Quantize,
    Square,
    Tensor,
)
from firmware.errors import UnsupportedNodeError
from firmware.rtl.tracing import trace_graph
from firmware.rtl.variables import variables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


def assert_traced(graph: Graph, rows: NDArray[np.int64]) -> None:
    """The traced program gives the reference's raws, bit for bit."""
    expected = evaluate_rows(graph, rows)
    found = trace_graph(graph).predict(rows.astype(np.float64), n_threads=1)
    parts = np.split(
        np.asarray(found).reshape(len(rows), -1),
        np.cumsum([graph.tensors[name].size for name in graph.outputs])[:-1],
        axis=1,
    )
    for name, part in zip(graph.outputs, parts, strict=True):
        np.testing.assert_array_equal(part, expected[name], err_msg=name)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("source_signed", [True, False])
def test_every_cast_of_every_value(signed: bool, source_signed: bool) -> None:
    source = FixedFormat(8, 4, source_signed)
    nodes: list[Node] = [Input("x", (), source, size=1)]
    for width, integer in ((5, 3), (4, 4), (3, 5), (6, 1), (2, 2)):
        for rounding in ROUNDINGS:
            for overflow in OVERFLOWS:
                target = FixedFormat(width, integer, signed, rounding, overflow)
                nodes.append(Quantize(f"q{len(nodes)}", ("x",), target))
    graph = Graph(tuple(nodes), tuple(node.name for node in nodes[1:]))
    assert_traced(graph, np.arange(source.raw_min, source.raw_max + 1)[:, np.newaxis])


def test_all_modes_in_sums(all_modes: Graph) -> None:
    rng = np.random.default_rng(5)
    first = np.tile(np.arange(-256, 256), 3)
    assert_traced(
        all_modes, np.column_stack([first, *rng.integers(-256, 256, size=(2, len(first)))])
    )


def test_trigger_student(student: Graph, random_rows: Callable[..., NDArray[np.int64]]) -> None:
    assert_traced(student, random_rows(student, 1_000, 1))


@pytest.mark.parametrize("seed", range(40))
def test_random_network(
    seed: int,
    random_rtl_graph: Callable[..., Graph],
    random_rows: Callable[..., NDArray[np.int64]],
) -> None:
    graph = random_rtl_graph(20_000 + seed, n_nodes=4 + seed % 8)
    try:
        assert_traced(graph, random_rows(graph, 300, seed))
    except UnsupportedNodeError as refusal:
        # Only ever for width, for being constant or for dividing by 3, which no drawing avoids.
        words = ("bits", "no output depends", "powers of two", "entries")
        allowed = [word in refusal.reason for word in words]
        assert any(allowed), str(refusal)  # noqa: PT017 - it may also not be raised


def one_node(node: Node, width: int = 8) -> Graph:
    source = Input("x", (), FixedFormat(width, width), size=1)
    return Graph((source, node), (node.name,))


WIDE = FixedFormat(30, 30)
REFUSED: dict[str, tuple[Graph, str]] = {
    "too many bits": (
        one_node(Square("y", ("x",), FixedFormat(8, 8)), width=30),
        r"'y' cannot be built exactly as RTL: it computes with 6\d bits, at most 48 are exact",
    ),
    "weights beyond a float32": (
        one_node(
            Dense(
                "y",
                ("x",),
                FixedFormat(8, 8),
                weights=((1,),),
                weight_format=FixedFormat(25, 25),
                bias=(0,),
                bias_format=FixedFormat(4, 4),
                accumulator=WIDE,
            )
        ),
        r"'y' .* alkaid keeps 24 bits of weights, these are fixed<25,25>",
    ),
    "an offset beyond a float32": (
        one_node(
            OffsetShift(
                "y",
                ("x",),
                FixedFormat(8, 8),
                offset=(2**25 + 1,),
                offset_format=FixedFormat(30, 30),
                shift=(0,),
                inner=WIDE,
            )
        ),
        r"'y' .* it needs a constant of 26 significant bits, alkaid keeps 24",
    ),
    "a point far away": (
        Graph((Input("x", (), FixedFormat(8, -45), size=1),), ("x",)),
        r"'x' .* fixed<8,-45> has more than 50 integer or fraction bits",
    ),
    "a constant": (
        one_node(Quantize("y", ("x",), FixedFormat(8, 12, rounding="RND")), width=4),
        r"'y' .* no output depends on the input, there is nothing to build",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(case: str) -> None:
    graph, message = REFUSED[case]
    with pytest.raises(UnsupportedNodeError, match=message):
        trace_graph(graph)


def test_point_that_alkaid_moves_away_is_refused(
    scores: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware.rtl.tracing.MOVED_BITS", 1)
    with pytest.raises(UnsupportedNodeError, match=r"'x' .* its point more than 1 bits away"):
        trace_graph(scores)


def test_unknown_operation_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedNodeError, match=r"'y' .*: no RTL for _Later"):
        variables_of(_Later("y", ("x",), FixedFormat(8, 8)), [], [])


class _Later(Node):
    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the size."""
        return inputs[0]
