"""Rules of graphs and nodes, ranges, and the way through plain values."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from random_graphs import Limits, random_graph, random_rows

from emulator.engine import evaluate
from emulator.errors import GraphError
from emulator.fixed import FixedFormat
from emulator.graph import (
    Add,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Reshape,
    Square,
    Sum,
    Tanh,
    UnaryLut,
    node_ranges,
)
from emulator.graph.codec import graph_from_plain, graph_to_plain
from emulator.graph.operations import OPERATIONS, Node

BYTE = FixedFormat(8, 8)
X = Input("x", (), BYTE, size=2)
DENSE = Dense(
    "d",
    ("x",),
    BYTE,
    weights=((1, 2, 3), (4, 5, 6)),
    weight_format=BYTE,
    bias=(0, 0, 0),
    bias_format=BYTE,
    accumulator=BYTE,
)
SHIFT = OffsetShift("s", ("x",), BYTE, offset=(1, 2), offset_format=BYTE, shift=(0, 1), inner=BYTE)

IMAGE = Reshape("i", ("x",), BYTE, shape=(2, 1, 1))
CONV = Conv2d(
    "c",
    ("i",),
    BYTE,
    weights=((1,), (2,)),
    weight_format=BYTE,
    bias=(0,),
    bias_format=BYTE,
    accumulator=BYTE,
    kernel=(2, 1),
    stride=(1, 1),
    padding=(0, 0, 0, 0),
)
POOL = MaxPool("p", ("i",), BYTE, window=(2, 1), stride=(1, 1))
NORM = BatchNormalization(
    "b", ("x",), BYTE, scale=(1, 2), scale_format=BYTE, bias=(3, 4), bias_format=BYTE
)
ONES = Constant("k", (), BYTE, shape=(2,), raws=(1, 1))

BROKEN: list[tuple[tuple[Node, ...], tuple[str, ...], str]] = [
    ((), (), "must be the input"),
    ((replace(X, size=0),), ("x",), "needs at least one feature"),
    ((X,), (), "names no output"),
    ((X,), ("x", "x"), "named twice as an output"),
    ((X,), ("y",), "named as an output but does not exist"),
    ((X, X), ("x",), "its name is taken"),
    ((X, replace(X, name="y")), ("x",), "a graph has one input"),
    ((replace(X, name="2x"),), ("2x",), "no C identifier"),
    ((X, Relu("r", ("q",), BYTE)), ("r",), "its input 'q' is no earlier node"),
    ((X, Relu("r", ("x", "x"), BYTE)), ("r",), "takes 1 inputs, has 2"),
    ((X, replace(DENSE, weights=((1, 2, 3),))), ("d",), "has weights for 1 inputs, gets 2"),
    ((X, replace(DENSE, bias=(0, 0))), ("d",), "go to 3 outputs, the bias to 2"),
    ((X, replace(DENSE, bias=())), ("d",), "needs at least one output"),
    ((X, replace(DENSE, bias=(0, 0, 128))), ("d",), "bias 2 is 128, out of the range"),
    (
        (X, replace(DENSE, bias=(0, 0, -128), bias_format=FixedFormat(8, 8, overflow="SAT_SYM"))),
        ("d",),
        "bias 2 is -128, out of the range of fixed<8,8,TRN,SAT_SYM>, -127 to 127",
    ),
    (
        (X, replace(DENSE, weights=((1, 2, 3), (4, -129, 6)))),
        ("d",),
        "weight of input 1 to output 1 is -129",
    ),
    ((X, replace(SHIFT, offset=(1,))), ("s",), "has 1 offsets for 2 inputs"),
    ((X, replace(SHIFT, shift=(1, 2, 3))), ("s",), "has 3 shifts for 2 inputs"),
    ((X, replace(SHIFT, shift=(0, 8))), ("s",), "shift 1 is 8, but fixed<8,8> has 8 bits"),
    ((X, DENSE, Add("a", ("x", "d"), BYTE)), ("a",), r"its inputs have shapes \(2,\) and \(3,\)"),
    ((X, Reshape("i", ("x",), BYTE, shape=(2,))), ("i",), "needs two or three axes"),
    ((X, Reshape("i", ("x",), BYTE, shape=(2, 0))), ("i",), "needs two or three axes"),
    ((X, Reshape("i", ("x",), BYTE, shape=(2, 2))), ("i",), r"shape \(2, 2\) for 2 elements"),
    ((X, Reshape("i", ("x",), FixedFormat(8, 7), shape=(2, 1))), ("i",), "keeps the type"),
    ((X, Flatten("f", ("x",), FixedFormat(8, 7))), ("f",), r"keeps the type fixed<8,8>, but"),
    (
        (X, Reshape("i", ("x",), BYTE, shape=(2, 1)), replace(DENSE, inputs=("i",))),
        ("d",),
        r"takes one axis, gets the shape \(2, 1\); flatten it",
    ),
    ((X, replace(IMAGE, shape=(1, 2)), CONV), ("c",), r"takes the shape \(height, width, channel"),
    ((X, IMAGE, replace(CONV, kernel=(3, 1))), ("c",), r"its kernel \(3, 1\) is larger than"),
    ((X, IMAGE, replace(CONV, kernel=(1,))), ("c",), "needs two positive numbers as kernel"),
    ((X, IMAGE, replace(CONV, stride=(0, 1))), ("c",), "needs two positive numbers as stride"),
    ((X, IMAGE, replace(CONV, padding=(0, 0, -1, 0))), ("c",), "four numbers from 0 as padding"),
    ((X, IMAGE, replace(CONV, weights=((1,),))), ("c",), "for 1 elements of a patch of 2"),
    ((X, IMAGE, replace(CONV, weights=((1,), (1, 2)))), ("c",), "go to 2 filters, the bias to 1"),
    ((X, IMAGE, replace(CONV, weights=((1,), (128,)))), ("c",), "to filter 0 is 128, out of"),
    ((X, IMAGE, replace(CONV, bias=(), weights=((), ()))), ("c",), "needs at least one filter"),
    ((X, replace(POOL, inputs=("x",))), ("p",), "takes the shape"),
    ((X, IMAGE, replace(POOL, window=(2, 2))), ("p",), "is larger than the image"),
    ((X, IMAGE, replace(POOL, stride=(1, 0))), ("p",), "needs two positive numbers as stride"),
    ((X, replace(NORM, scale=(1, 2, 3))), ("b",), "has 3 scales, needs one for each of 2 elements"),
    ((X, replace(NORM, bias=(1,))), ("b",), "has 2 scales and 1 biases"),
    ((X, replace(NORM, bias=(1, 200))), ("b",), "bias 1 is 200, out of the range"),
    ((X, QuantizeEach("e", ("x",), BYTE, formats=(None,) * 3)), ("e",), "has 3 types, needs one"),
    (
        (X, UnaryLut("u", ("x",), BYTE, table=(1, 2), table_format=BYTE)),
        ("u",),
        "has 2 entries, the 8 bits of its input need 256",
    ),
    ((X, Tanh("t", ("x",), BYTE, table=(1,), table_format=BYTE)), ("t",), "two entries at least"),
    ((X, Tanh("t", ("x",), BYTE, table=(1, 300), table_format=BYTE)), ("t",), "entry 1 is 300"),
    ((X, replace(ONES, raws=(1,))), ("k",), r"has 1 numbers for the shape \(2,\)"),
    ((X, replace(ONES, shape=())), ("k",), "needs one to three axes"),
    ((X, replace(ONES, raws=(1, 999))), ("k",), "number 1 is 999, out of the range"),
    (
        (X, IMAGE, Concatenate("j", ("x", "i"), BYTE)),
        ("j",),
        "which differ before the last axis",
    ),
]


@pytest.mark.parametrize(("nodes", "outputs", "message"), BROKEN)
def test_names_the_node_and_the_rule(
    nodes: tuple[Node, ...], outputs: tuple[str, ...], message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        Graph(nodes, outputs)


def test_sizes_follow_the_nodes() -> None:
    graph = Graph((X, DENSE, Sum("t", ("d",), BYTE, accumulator=BYTE)), ("d", "t"))
    assert [tensor.size for tensor in graph.tensors.values()] == [2, 3, 1]
    assert graph["d"] is DENSE


@pytest.mark.parametrize("seed", range(60))
def test_plain_values_come_back(seed: int) -> None:
    graph = random_graph(np.random.default_rng(seed))
    text = json.dumps(graph_to_plain(graph))
    assert graph_from_plain(json.loads(text)) == graph


def test_random_graphs_hold_every_operation() -> None:
    seen = {
        type(node).__name__
        for seed in range(120)
        for node in random_graph(np.random.default_rng(seed)).nodes
    }
    assert seen == set(OPERATIONS)


@pytest.mark.parametrize("seed", range(150))
def test_nothing_leaves_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, Limits(width=8, accumulator_width=12))
    ranges = node_ranges(graph)
    for row in random_rows(rng, graph, 40).tolist():
        for name, raws in evaluate(graph, row).items():
            assert all(raw in part for raw, part in zip(raws, ranges[name], strict=True))


def test_ranges_are_reached() -> None:
    small = FixedFormat(3, 3)
    wide = FixedFormat(12, 12)
    source = Input("x", (), small, size=2)
    nodes = (
        source,
        replace(DENSE, format=wide, accumulator=wide, bias=(1, 0, -1)),
        Relu("r", ("d",), FixedFormat(6, 5, signed=False, overflow="SAT")),
        Square("q", ("r",), wide),
        Quantize("h", ("x",), FixedFormat(3, 2, rounding="RND", overflow="SAT_SYM")),
        SHIFT,
    )
    graph = Graph(nodes, tuple(node.name for node in nodes))
    results = [evaluate(graph, row) for row in product(range(-4, 4), repeat=2)]
    for name, ranges in node_ranges(graph).items():
        for place, part in enumerate(ranges):
            raws = [result[name][place] for result in results]
            assert (min(raws), max(raws)) == (part.low, part.high), name


@pytest.mark.parametrize(("low", "high"), [(-3, 0), (-2, 1), (-3, -1), (0, 3), (2, 3)])
def test_range_of_a_table_is_that_of_the_entries_that_are_found(low: int, high: int) -> None:
    small = FixedFormat(3, 3)
    entries = {x: 10 * x + 40 for x in range(-4, 4)}
    table = tuple(entries[x] for x in (0, 1, 2, 3, -4, -3, -2, -1))
    # The input is 0 or 1, and the number that is looked up is one of the two ends.
    ends = Dense(
        "e",
        ("x",),
        small,
        weights=((high - low,),),
        weight_format=BYTE,
        bias=(low,),
        bias_format=BYTE,
        accumulator=BYTE,
    )
    found = UnaryLut("u", ("e",), BYTE, table=table, table_format=BYTE)
    source = Input("x", (), FixedFormat(1, 1, signed=False), size=1)
    (part,) = node_ranges(Graph((source, ends, found), ("u",)))["u"]
    assert (part.low, part.high) == (entries[low], entries[high])
