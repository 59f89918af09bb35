"""What every operation must keep; a new one without a case here, or that breaks one, fails.

Agreement with C-simulation is asked of every operation in ``tests/firmware/csim``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import MAKERS, Draft, Limits, random_rows

from emulator.engine import Emulator, evaluate_rows
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Reshape, node_ranges
from emulator.graph.codec import graph_from_plain, graph_to_plain
from emulator.graph.operations import OPERATIONS, AveragePool, Conv2d, Flatten, MaxPool, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emulator.fixed import Interval

NARROW = Limits(width=6, accumulator_width=8, integer_beyond=1)
LOSSLESS = replace(NARROW, lossless=True, overflows=("SAT", "SAT_SYM"))
WIDE = Limits(width=30, integer_beyond=8, accumulator_width=60)

#: Operations on images get 2 × 2 pixels of 2 bits, all others two numbers of 4 bits: 256 rows each.
IMAGES = {Conv2d, MaxPool, AveragePool, Reshape, Flatten}

operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


def small_graph(operation: type[Node], seed: int, limits: Limits) -> Graph:
    """One node of an operation on the input, with parameters drawn from a seed."""
    rng = np.random.default_rng(seed)
    bits, size = (2, 4) if operation in IMAGES else (4, 2)
    source = FixedFormat(bits, int(rng.integers(0, bits + 2)), signed=bool(rng.random() < 0.7))
    draft = Draft(rng, limits, [Input("x", (), source, size=size)])
    if operation in IMAGES:
        draft.append(Reshape("image", ("x",), source, shape=(2, 2, 1)))
    if operation is not Input:
        node = None
        while node is None:
            node = MAKERS[operation](draft, "y")
        draft.append(node)
    return draft.graph((draft.nodes[-1].name,))


def all_rows(graph: Graph) -> NDArray[np.int64]:
    """Every row that the input's type allows."""
    source = graph.input
    numbers = range(source.format.lowest, source.format.raw_max + 1)
    return np.array(list(product(numbers, repeat=source.size)))


def assert_executions_agree(graph: Graph, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    expected = evaluate_rows(graph, rows)
    found = Emulator(graph, threads=1).run(rows)
    for name, raws in expected.items():
        np.testing.assert_array_equal(found[name], raws, err_msg=str(graph[name]))
    return expected


def assert_within(raws: NDArray[np.int64], ranges: tuple[Interval, ...]) -> None:
    for column, part in zip(raws.T, ranges, strict=True):
        assert part.low <= column.min()
        assert column.max() <= part.high


def test_every_operation_has_a_case() -> None:
    assert {Input, *MAKERS} == set(OPERATIONS.values())


@operations
def test_says_what_it_is_and_who_can_express_it(operation: type[Node]) -> None:
    assert operation.__doc__
    assert isinstance(operation.hls4ml_layer, bool)
    assert isinstance(operation.rtl, bool)
    assert operation.arity in {0, 1, 2}


@operations
def test_all_rows_of_small_types_agree_and_stay_in_range(operation: type[Node]) -> None:
    for seed in range(20):
        graph = small_graph(operation, seed, NARROW)
        expected = assert_executions_agree(graph, all_rows(graph))
        for name, raws in expected.items():
            assert_within(raws, node_ranges(graph)[name])


@operations
def test_ranges_are_reached_at_both_ends_where_nothing_wraps(operation: type[Node]) -> None:
    for seed in range(12):
        graph = small_graph(operation, seed, LOSSLESS)
        last = graph.nodes[-1]
        if last.arity == 2:
            graph = _independent(graph, last)
        name = graph.outputs[0]
        raws = evaluate_rows(graph, all_rows(graph))[name]
        for column, part in zip(raws.T, node_ranges(graph)[name], strict=True):
            assert (column.min(), column.max()) == (part.low, part.high), str(graph[name])


def _independent(graph: Graph, last: Node) -> Graph:
    """Give a node of two inputs the features and the same in turned order."""
    source = graph.input.format
    exact = FixedFormat(source.width + 2, source.integer + 2)
    turned = Dense(
        "turned",
        ("x",),
        source,
        weights=((0, 1), (1, 0)),
        weight_format=FixedFormat(2, 2),
        bias=(0, 0),
        bias_format=FixedFormat(2, 2),
        accumulator=exact,
    )
    nodes = (graph.input, turned, replace(last, inputs=("x", "turned")))
    return Graph(nodes, (last.name,))


@operations
def test_comes_back_from_a_model_file(operation: type[Node]) -> None:
    for seed in range(10):
        graph = small_graph(operation, seed, WIDE)
        assert graph_from_plain(json.loads(json.dumps(graph_to_plain(graph)))) == graph


@operations
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_wide_types_agree_and_stay_in_range(
    operation: type[Node], seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    source = FixedFormat(10, int(rng.integers(-2, 14)))
    draft = Draft(rng, WIDE, [Input("x", (), source, size=6)])
    draft.append(Reshape("image", ("x",), source, shape=(2, 3, 1)))
    while operation is not Input:
        node = MAKERS[operation](draft, "y")
        if node is not None:
            draft.append(node)
            break
    graph = draft.graph()
    number = st.integers(source.lowest, source.raw_max)
    drawn = data.draw(st.lists(st.lists(number, min_size=6, max_size=6), min_size=1, max_size=4))
    rows = np.concatenate([np.array(drawn), random_rows(rng, graph, 20)])
    expected = assert_executions_agree(graph, rows)
    for name, raws in expected.items():
        assert_within(raws, node_ranges(graph)[name])
