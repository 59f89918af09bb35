"""Counts of overflows, against those of the plain-Python reference."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from random_graphs import Limits, random_graph, random_image_graph, random_rows

from emulator.engine.reference import arithmetic, evaluate, operations
from emulator.fixed import FixedFormat
from emulator.graph import (
    Dense,
    Graph,
    Input,
    OffsetShift,
    OverflowCount,
    Quantize,
    Relu,
    Square,
    count_overflows,
    possible_overflows,
)
from emulator.graph.overflows import CHUNK_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BYTE = FixedFormat(8, 8)


@pytest.fixture
def reference_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Graph, NDArray[np.int64]], tuple[Counter[str], Counter[str]]]:
    """Count, for each node, overflows and events with any, while the reference evaluates."""
    original = arithmetic.overflow
    found: list[int] = []

    def counting(raw: int, target: FixedFormat) -> int:
        result = original(raw, target)
        if raw != result:
            found.append(raw)
        return result

    monkeypatch.setattr(arithmetic, "overflow", counting)

    def count(graph: Graph, rows: NDArray[np.int64]) -> tuple[Counter[str], Counter[str]]:
        overflows: Counter[str] = Counter()
        events: Counter[str] = Counter()
        for row in rows.tolist():
            values = {graph.input.name: row}
            for node in graph.nodes[1:]:
                found.clear()
                inputs = [values[name] for name in node.inputs]
                tensors = [graph.tensors[name] for name in node.inputs]
                values[node.name] = operations.evaluate_node(node, inputs, tensors)
                overflows[node.name] += len(found)
                events[node.name] += bool(found)
        return overflows, events

    return count


WIDTHS = {
    "narrow": Limits(width=6, accumulator_width=10),
    "common": Limits(),
    "very wide": Limits(width=40, integer_beyond=10, accumulator_width=80),
}


@pytest.mark.parametrize("width", WIDTHS)
def test_counts_are_those_of_the_reference(
    width: str,
    reference_counts: Callable[[Graph, NDArray[np.int64]], tuple[Counter[str], Counter[str]]],
) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        draw = random_image_graph if seed % 4 == 0 else random_graph
        graph = draw(rng, WIDTHS[width])
        rows = random_rows(rng, graph, 30)
        overflows, events = reference_counts(graph, rows)
        found = count_overflows(graph, rows)
        for node in graph.nodes[1:]:
            own = [count for count in found if count.node == node.name]
            # The reference shifts by itself, and casts a bias again for each position.
            if any(count.place in {"left shift", "bias"} for count in own):
                continue
            assert sum(count.n_overflows for count in own) == overflows[node.name], str(node)
            assert max([0, *(count.n_events for count in own)]) <= events[node.name]
            if len(own) == 1:
                assert own[0].n_events == events[node.name]


def network() -> Graph:
    """Each place and each effect."""
    dense = Dense(
        "d",
        ("s",),
        FixedFormat(5, 5, overflow="SAT"),
        weights=((3,), (3,)),
        weight_format=BYTE,
        bias=(1,),
        bias_format=BYTE,
        accumulator=FixedFormat(7, 7),
    )
    nodes = (
        Input("x", (), FixedFormat(6, 6), size=2),
        OffsetShift(
            "s",
            ("x",),
            FixedFormat(6, 6),
            offset=(0, 0),
            offset_format=BYTE,
            shift=(0, 0),
            inner=FixedFormat(6, 6),
        ),
        dense,
        Relu("r", ("d",), FixedFormat(3, 3, signed=False, overflow="SAT_ZERO")),
    )
    return Graph(nodes, ("r",))


def test_every_place_and_effect_is_named() -> None:
    rows = np.array([[1, 1], [10, 11], [-8, 0], [31, 31]])
    # Sums 7, 64, -23, 187: the second wraps to -64, the last to 59; results 7, -16, -16, 15.
    assert count_overflows(network(), rows) == (
        OverflowCount("d", "accumulator", "fixed<7,7>", "wraps", 2, 2),
        OverflowCount("d", "result", "fixed<5,5,TRN,SAT>", "saturates", 3, 3),
        OverflowCount("r", "result", "ufixed<3,3,TRN,SAT_ZERO>", "becomes 0", 1, 1),
    )
    assert evaluate(network(), [31, 31])["r"] == [0]


def test_what_can_overflow_is_proved_without_data() -> None:
    expected = [("d", "accumulator"), ("d", "result"), ("r", "result")]
    assert [(count.node, count.place) for count in possible_overflows(network())] == expected
    assert all(count.n_events == 0 for count in possible_overflows(network()))
    cast = Quantize("q", ("x",), FixedFormat(7, 7))
    graph = Graph((Input("x", (), FixedFormat(6, 6), size=1), cast), ("q",))
    assert possible_overflows(graph) == ()
    assert count_overflows(graph, np.array([[31]])) == ()


def test_threads_and_chunks_change_nothing() -> None:
    rng = np.random.default_rng(3)
    graph = random_graph(rng)
    rows = random_rows(rng, graph, 2 * CHUNK_EVENTS + 7)
    once = count_overflows(graph, rows)
    assert count_overflows(graph, rows.astype(np.int32), threads=3) == once
    parts = [count_overflows(graph, part) for part in np.array_split(rows, 3)]
    sums = [sum(count.n_events for count in counts) for counts in zip(*parts, strict=True)]
    assert sums == [count.n_events for count in once]


def test_no_event_at_all() -> None:
    counts = count_overflows(network(), np.zeros((0, 2), dtype=np.int16))
    assert [count.n_events for count in counts] == [0, 0, 0]


def test_beyond_62_bits() -> None:
    wide = FixedFormat(60, 60)
    nodes = (
        Input("x", (), BYTE, size=1),
        Square("a", ("x",), wide),
        Square("b", ("a",), wide),
        Square("c", ("b",), FixedFormat(40, 40)),
    )
    rows = np.arange(-128, 128).reshape(-1, 1)
    (count,) = count_overflows(Graph(nodes, ("c",)), rows)
    assert count.n_events == sum(int(x) ** 8 >= 2**39 for x in rows[:, 0])
