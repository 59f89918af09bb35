"""Shapes, tables, pools and products as RTL, against the plain-Python reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import random_graphs

from emulator.engine import evaluate_rows
from emulator.fixed import FixedFormat
from emulator.graph import (
    AveragePool,
    Concatenate,
    Constant,
    Graph,
    Input,
    MaxPool,
    Multiply,
    Node,
    Quantize,
    Reshape,
    Sigmoid,
    Tanh,
    UnaryLut,
)
from emulator.graph.operations import OPERATIONS
from emulator.graph.tables import sigmoid_table, tanh_table
from firmware.errors import UnsupportedNodeError
from firmware.rtl import RtlSimulation
from firmware.rtl.tracing import trace_graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

parse = FixedFormat.parse


def assert_traced(graph: Graph, rows: NDArray[np.int64]) -> None:
    """The traced program gives the reference's raws, bit for bit."""
    expected = np.concatenate(list(evaluate_rows(graph, rows).values()), axis=1)
    found = np.asarray(trace_graph(graph).predict(rows.astype(np.float64), n_threads=1))
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def all_raws(source: FixedFormat) -> NDArray[np.int64]:
    return np.arange(source.raw_min, source.raw_max + 1)[:, np.newaxis]


@pytest.mark.parametrize("source", ["fixed<8,5>", "ufixed<8,3>", "fixed<7,9>", "fixed<6,2>"])
@pytest.mark.parametrize("size", [2, 3, 16, 34, 100, 1024])
def test_every_entry_of_curves(source: str, size: int) -> None:
    kind, rng = parse(source), np.random.default_rng(size)
    table_type, result = parse("fixed<9,3>"), parse("fixed<7,3,RND_CONV,SAT>")
    table = tuple(rng.integers(-256, 256, size).tolist())
    nodes: list[Node] = [
        Input("x", (), kind, size=1),
        Sigmoid("s", ("x",), result, table=table, table_format=table_type),
        Tanh("t", ("x",), result, table=table, table_format=table_type),
        Quantize("q", ("x",), result),
    ]
    assert_traced(Graph(tuple(nodes), ("s", "t", "q")), all_raws(kind))


@pytest.mark.parametrize("source", ["fixed<6,3>", "ufixed<6,8>", "ufixed<1,1>", "fixed<2,2>"])
def test_every_entry_of_a_table_behind_a_table(source: str) -> None:
    kind = parse(source)
    n = 1 << kind.width
    rng = np.random.default_rng(n)
    middle, result = parse("fixed<3,5,RND,SAT>"), parse("fixed<9,5>")
    nodes: list[Node] = [
        Input("x", (), kind, size=1),
        UnaryLut("a", ("x",), middle, table=(*rng.integers(-99, 99, n),), table_format=result),
        UnaryLut("b", ("a",), result, table=(*rng.integers(-99, 99, 8),), table_format=result),
        UnaryLut("c", ("x",), result, table=(7,) * n, table_format=result),
    ]
    nodes[1:3] = [
        UnaryLut(
            node.name,
            node.inputs,
            node.format,
            table=tuple(map(int, node.table)),  # type: ignore[attr-defined] # a UnaryLut
            table_format=result,
        )
        for node in nodes[1:3]
    ]
    nodes.append(Quantize("q", ("x",), result))
    assert_traced(Graph(tuple(nodes), ("a", "b", "c", "q")), all_raws(kind))


@pytest.mark.parametrize("seed", range(12))
def test_network_of_every_operation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limits = random_graphs.Limits(width=9, accumulator_width=22, near=0.9)
    graph = random_graphs.graph_of_every_operation(rng, limits)
    assert {type(node) for node in graph.nodes} == set(OPERATIONS.values())
    try:
        assert_traced(graph, random_graphs.random_rows(rng, graph, 200))
    except UnsupportedNodeError as refusal:
        words = ("bits", "powers of two", "entries")
        assert any(word in refusal.reason for word in words), str(refusal)  # noqa: PT017


@pytest.mark.parametrize("kind", ["max", "average"])
def test_pools(kind: str) -> None:
    source = parse("fixed<6,4>")
    image = Reshape("image", ("x",), source, shape=(3, 4, 2))
    window = {"window": (2, 2), "stride": (1, 2)}
    result = parse("fixed<6,3,RND,SAT>")
    pool: Node = (
        MaxPool("y", ("image",), result, **window)
        if kind == "max"
        else AveragePool("y", ("image",), result, accumulator=parse("fixed<7,5,RND,SAT>"), **window)
    )
    graph = Graph((Input("x", (), source, size=24), image, pool), ("y",))
    assert_traced(graph, random_graphs.random_rows(np.random.default_rng(3), graph, 2_000))


def test_mean_of_three_is_refused_by_name() -> None:
    source = parse("fixed<6,4>")
    nodes: tuple[Node, ...] = (
        Input("x", (), source, size=3),
        Reshape("image", ("x",), source, shape=(3, 1, 1)),
        AveragePool("mean", ("image",), source, window=(3, 1), stride=(1, 1), accumulator=source),
    )
    with pytest.raises(
        UnsupportedNodeError, match=r"'mean' .* it divides by 3, only powers of two are exact"
    ):
        trace_graph(Graph(nodes, ("mean",)))


def test_large_table_is_refused_by_name() -> None:
    source = parse("fixed<13,13>")
    table = tuple(place % 100 for place in range(1 << 13))
    nodes = (
        Input("x", (), source, size=1),
        UnaryLut("large", ("x",), source, table=table, table_format=source),
    )
    message = "'large' .* its table would have 8192 entries, at most 4096 are laid out"
    with pytest.raises(UnsupportedNodeError, match=message):
        trace_graph(Graph(nodes, ("large",)))


def test_tables_and_products_are_clocked(tmp_path: Path) -> None:
    """One design in Verilog: tables, a product of two variables, a constant, images."""
    word, table_type = parse("fixed<7,4>"), parse("ufixed<9,1>")
    nodes: tuple[Node, ...] = (
        Input("x", (), word, size=4),
        Sigmoid(
            "s",
            ("x",),
            parse("ufixed<8,1>"),
            table=sigmoid_table(64, table_type),
            table_format=table_type,
        ),
        Tanh("t", ("x",), parse("fixed<8,2>"), table=tanh_table(64, word), table_format=word),
        Multiply("p", ("s", "t"), parse("fixed<9,3,RND,SAT>")),
        Constant("one", (), word, shape=(4,), raws=(1, -3, 60, 0)),
        Concatenate("both", ("p", "one"), parse("fixed<9,4,TRN,SAT>")),
        Reshape("image", ("both",), parse("fixed<9,4,TRN,SAT>"), shape=(2, 2, 2)),
        MaxPool("largest", ("image",), parse("fixed<8,4>"), window=(2, 1), stride=(1, 1)),
    )
    graph = Graph(nodes, ("p", "largest"))
    rows = random_graphs.random_rows(np.random.default_rng(1), graph, 5_000)
    simulation = RtlSimulation.build(graph, tmp_path, threads=1)
    found = simulation.run(rows)
    for name, expected in evaluate_rows(graph, rows).items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
    assert simulation.project.timing is not None
    assert simulation.project.timing.initiation_interval_clocks == 1
