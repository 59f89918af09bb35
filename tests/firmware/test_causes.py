"""Each known fault is built on purpose, and named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.engine import Emulator
from emulator.fixed import FixedFormat
from emulator.graph import (
    Dense,
    Graph,
    Input,
    Node,
    Quantize,
    QuantizeEach,
    Sigmoid,
    Sum,
    UnaryLut,
)
from emulator.graph.tables import sigmoid_table
from firmware.causes import Evidence, likely_cause
from firmware.compare import Comparison, Reference, compare_executions
from firmware.csim import CSimulation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Raws = dict[str, NDArray[np.int64]]
    Rows = Callable[[Graph, int, int], NDArray[np.int64]]

parse = FixedFormat.parse


def network() -> Graph:
    """One of each place where a fault may hide: cast, accumulator, table, sum."""
    rng = np.random.default_rng(8)
    table_type = parse("ufixed<10,1>")
    nodes: tuple[Node, ...] = (
        Input("x", (), parse("fixed<10,6>"), size=5),
        Dense(
            "hidden",
            ("x",),
            parse("fixed<9,6,RND_CONV,SAT>"),
            weights=tuple(tuple(row) for row in rng.integers(-16, 16, (5, 3)).tolist()),
            weight_format=parse("fixed<6,2>"),
            bias=(3, -7, 1),
            bias_format=parse("fixed<6,4>"),
            accumulator=parse("fixed<16,8>"),
        ),
        Sigmoid(
            "curve",
            ("hidden",),
            parse("ufixed<8,0,RND,SAT>"),
            table=sigmoid_table(256, table_type),
            table_format=table_type,
        ),
        UnaryLut(
            "coded",
            ("curve",),
            parse("fixed<8,4>"),
            table=tuple(rng.integers(-128, 128, 256).tolist()),
            table_format=parse("fixed<8,4>"),
        ),
        Sum("total", ("coded",), parse("fixed<10,6>"), accumulator=parse("fixed<9,5>")),
    )
    return Graph(nodes, ("total",))


def changed(graph: Graph, name: str, **values: Any) -> Graph:
    """The graph with some fields of one node changed."""
    nodes = tuple(replace(node, **values) if node.name == name else node for node in graph.nodes)
    return Graph(nodes, graph.outputs)


class FaultyProject:
    """The C-simulation of a wrong network, compiled once with all its nodes as outputs."""

    def __init__(self, wrong: Graph, right: Graph, folder: Path) -> None:
        inner = tuple(node.name for node in wrong.nodes[1:])
        self._simulation = CSimulation.build(wrong.with_outputs(inner), folder, threads=1)
        # The same numbers are fed in, whatever the type that the C++ reads them as.
        self._simulation.graph = right.with_outputs(inner)
        self._right = right

    def run(self, rows: NDArray[np.integer]) -> Raws:
        """Return the outputs of the right network."""
        traced = self.trace(rows)
        return {name: traced[name] for name in self._right.outputs}

    def trace(self, rows: NDArray[np.integer]) -> Raws:
        """Return all nodes."""
        return {"x": np.asarray(rows, dtype=np.int64), **self._simulation.run(rows)}


def against_wrong(wrong: Graph, right: Graph, rows: NDArray[np.int64]) -> Comparison:
    return compare_executions(
        right, rows, Emulator(right, threads=1), Reference(wrong), against="reference"
    )


@pytest.mark.parametrize(
    ("name", "values", "kind", "fault"),
    [
        (
            "hidden",
            {"format": parse("fixed<9,6,TRN,SAT>")},
            "rounding mode",
            "its result were fixed<9,6,TRN,SAT>, not fixed<9,6,RND_CONV,SAT>",
        ),
        (
            "hidden",
            {"accumulator": parse("fixed<13,5>")},
            "accumulator wrap",
            "its accumulator were fixed<13,5>, not fixed<16,8>",
        ),
        (
            "x",
            {"format": parse("fixed<8,6>")},
            "input truncation",
            "it read 'x' as fixed<8,6>, not",
        ),
        ("coded", {"table": None}, "table", "entry 255 of its table gave"),
    ],
    ids=["rounding", "accumulator", "input", "table"],
)
def test_fault_of_a_compiled_project_is_named(
    name: str, values: dict[str, Any], kind: str, fault: str, tmp_path: Path, random_rows: Rows
) -> None:
    right = network()
    if name == "coded":
        table = list(network()["coded"].table)  # type: ignore[attr-defined] # it is a UnaryLut
        table[255] ^= 64
        values = {"table": tuple(table)}
    other = FaultyProject(changed(right, name, **values), right, tmp_path)
    rows = random_rows(right, 2_000, 1)
    found = compare_executions(right, rows, Emulator(right, threads=1), other, against="csim")
    assert found.n_mismatch > 0
    assert found.cause is not None
    assert (found.cause.side, found.cause.kind) == ("csim", kind)
    assert found.cause.fault.startswith(fault)
    assert found.cause.n_events > 40
    first = found.mismatches[0]
    assert first.first_node is not None
    assert first.first_node.node == found.cause.node
    (given,) = first.inputs
    assert given.engine == given.other
    assert found.as_dict()["cause"]["kind"] == kind


@pytest.mark.parametrize(
    ("name", "values", "kind", "fault"),
    [
        (
            "hidden",
            {"format": parse("fixed<9,6,RND_CONV>")},
            "overflow mode",
            "its result were fixed<9,6,RND_CONV,WRAP>, not",
        ),
        (
            "hidden",
            {"accumulator": parse("fixed<14,8>"), "format": parse("fixed<9,6,TRN,SAT>")},
            None,
            "",
        ),
        (
            "hidden",
            {"accumulator": parse("fixed<14,8>")},
            "accumulator wrap",
            "its accumulator were fixed<14,8>, not fixed<16,8>",
        ),
        (
            "total",
            {"accumulator": parse("fixed<9,5,TRN,SAT>")},
            "accumulator wrap",
            "its accumulator were fixed<9,5,TRN,SAT>, not fixed<9,5>",
        ),
        ("hidden", {"bias": (3, -7, 9)}, "weight", "its bias [2] were 9, not 1"),
        ("hidden", {"weights": None}, "weight", "its weight [4][1] were"),
        ("curve", {"table": None}, "table", "it read the entry above in its table"),
    ],
)
def test_fault_is_named(
    name: str, values: dict[str, Any], kind: str | None, fault: str, random_rows: Rows
) -> None:
    right = network()
    node = right[name]
    if "weights" in values and isinstance(node, Dense):
        row = (node.weights[4][0], node.weights[4][1] ^ 4, node.weights[4][2])
        values = {"weights": (*node.weights[:4], row)}
    if "table" in values and isinstance(node, Sigmoid):
        values = {"table": (*node.table[1:], node.table[-1])}
    found = against_wrong(changed(right, name, **values), right, random_rows(right, 600, 2))
    assert found.n_mismatch > 0
    if kind is None:
        assert found.cause is None  # two faults at once
        return
    assert found.cause is not None
    assert (found.cause.node, found.cause.kind) == (name, kind)
    assert found.cause.fault.startswith(fault)
    assert str(found.cause).startswith(f"{kind}: reference computes node '{name}' as if {fault}")


def test_engine_is_named_if_it_is_the_odd_one(random_rows: Rows) -> None:
    right = network()
    wrong = changed(right, "hidden", format=parse("fixed<9,6,RND,SAT>"))
    rows = random_rows(right, 2_000, 3)
    found = compare_executions(
        right, rows, Emulator(wrong, threads=1), Reference(right), against="reference"
    )
    assert found.cause is not None
    assert (found.cause.side, found.cause.kind) == ("engine", "rounding mode")


def test_modes_of_single_elements_are_tried() -> None:
    types = (parse("fixed<6,4,RND,SAT>"), parse("fixed<5,4,RND,SAT>"))
    right = QuantizeEach("y", ("x",), parse("fixed<8,4>"), formats=types)
    graph = Graph((Input("x", (), parse("fixed<8,4>"), size=2), right), ("y",))
    modes = tuple(replace(own, rounding="TRN_ZERO") for own in types)
    rows = np.random.default_rng(1).integers(-128, 128, (300, 2))
    found = against_wrong(changed(graph, "y", formats=modes), graph, rows)
    assert found.cause is not None
    assert found.cause.fault == "its elements had the rounding mode TRN_ZERO"


def test_sides_that_are_both_right_or_both_wrong_have_no_cause() -> None:
    node = Quantize("y", ("x",), parse("fixed<4,4>"))
    tensors = [Graph((Input("x", (), parse("fixed<8,6>"), size=1),), ("x",)).tensors["x"]]
    for engine, other in (([1], [1]), ([3], [2])):
        evidence = [Evidence([[4]], engine, other)]
        assert likely_cause(node, tensors, evidence, against="csim") is None


def test_noise_has_no_cause(random_rows: Rows) -> None:
    graph = network()
    rows = random_rows(graph, 200, 4)

    class Noisy(Reference):
        def _noise(self, values: Raws) -> Raws:
            noise = np.random.default_rng(1).integers(0, 2, values["total"].shape)
            return {**values, "total": values["total"] ^ noise}

        def run(self, rows: NDArray[np.integer]) -> Raws:
            """Return wrong outputs."""
            return self._noise(super().run(rows))

        def trace(self, rows: NDArray[np.integer]) -> Raws:
            """Return a wrong last node."""
            return self._noise(super().trace(rows))

    found = compare_executions(
        graph, rows, Emulator(graph, threads=1), Noisy(graph), against="reference"
    )
    assert found.n_mismatch > 0
    assert found.cause is None
