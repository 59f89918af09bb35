"""The engine equals the reference, on every node of random networks of every type and mode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from random_graphs import MAKERS, Draft, Limits, bound_rows, random_graph, random_rows

from emulator.engine import Emulator, evaluate, evaluate_rows, plan
from emulator.engine.emulator import LAST_BLOCK, MAX_BLOCK, blocks_of
from emulator.engine.exact_sums import exact_sum_fraction, sum_range, term_fraction
from emulator.engine.kernels import TILE
from emulator.engine.reference import cast_exact
from emulator.errors import RangeError
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS, Overflow, Rounding
from emulator.graph import (
    AveragePool,
    BatchNormalization,
    Conv2d,
    Dense,
    Graph,
    Input,
    MaxPool,
    Quantize,
    Reshape,
    Square,
    Sum,
    node_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

#: Widths that need 32-bit tiles, 64-bit tiles, and Python integers now and then.
LIMITS = {
    "narrow": Limits(width=6, accumulator_width=10),
    "common": Limits(),
    "wide": Limits(width=24, integer_beyond=6, accumulator_width=50),
    "very wide": Limits(width=40, integer_beyond=10, accumulator_width=80),
}


def assert_engine_equals_reference(seed: int, limits: Limits, n_rows: int = 150) -> int:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, limits)
    rows = random_rows(rng, graph, n_rows)
    emulator = Emulator(graph, threads=1)
    expected = evaluate_rows(graph, rows)
    for name, raws in emulator.run(rows).items():
        np.testing.assert_array_equal(raws, expected[name], err_msg=f"seed {seed}: {graph[name]}")
    return emulator.plan.tile_bits


@pytest.mark.parametrize("width", LIMITS)
def test_equals_the_reference_on_random_networks(width: str) -> None:
    tiles = {assert_engine_equals_reference(seed, LIMITS[width]) for seed in range(150)}
    if width == "wide":
        assert tiles >= {32, 64}, "the seeds should meet both tiles"


@pytest.mark.deep
@pytest.mark.parametrize("first_seed", range(1_000, 2_500, 250))
@pytest.mark.parametrize("width", LIMITS)
def test_engine_equals_the_reference_on_thousands_of_random_networks(
    width: str, first_seed: int, record_property: Callable[[str, int], None]
) -> None:
    for seed in range(first_seed, first_seed + 250):
        assert_engine_equals_reference(seed, LIMITS[width])
    record_property("networks", 250)
    record_property("events", 250 * 150)


@pytest.mark.parametrize("operation", [Dense, Conv2d, Sum])
def test_every_accumulator_is_driven_to_its_proved_bounds(
    operation: type[Dense | Conv2d | Sum],
) -> None:
    exact = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        limits = Limits(width=10, accumulator_width=30, near=0.8)
        source = FixedFormat(8, int(rng.integers(-2, 10)), signed=bool(rng.random() < 0.7))
        draft = Draft(rng, limits, [Input("x", (), source, size=8)])
        if operation is Conv2d:
            draft.append(Reshape("image", ("x",), source, shape=(2, 2, 2)))
        node = None
        while node is None:
            node = MAKERS[operation](draft, "y")
        draft.append(node)
        assert isinstance(node, Dense | Conv2d | Sum)
        graph, tensor = draft.graph(("y",)), draft.tensors[node.inputs[0]]
        rows = bound_rows(node, tensor)
        expected = evaluate_rows(graph, rows)["y"]
        np.testing.assert_array_equal(Emulator(graph, threads=1).run(rows)["y"], expected)
        at = exact_sum_fraction(node, term_fraction(node, tensor))
        if at is not None:
            exact += 1
            proved = sum_range(node, node_ranges(graph)[node.inputs[0]], tensor, at)
            sums = _exact_sums(graph, rows, at)
            assert (sums.min(), sums.max()) == (proved.low, proved.high)
    assert exact > 5


@pytest.mark.parametrize("operation", [AveragePool, MaxPool, BatchNormalization])
def test_every_window_and_product_is_driven_to_its_proved_bounds(
    operation: type[AveragePool | MaxPool | BatchNormalization],
) -> None:
    reached = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        lossless = seed % 2 == 0
        limits = Limits(width=24, accumulator_width=40, near=0.8, lossless=lossless)
        source = FixedFormat(12, int(rng.integers(-2, 14)), signed=bool(rng.random() < 0.7))
        draft = Draft(rng, limits, [Input("x", (), source, size=12)])
        draft.append(Reshape("image", ("x",), source, shape=(3, 2, 2)))
        node = None
        while node is None:
            node = MAKERS[operation](draft, "y")
        draft.append(node)
        graph = draft.graph(("y",))
        # Each result rises or falls with all that it reads: the ends are at the ends of all inputs.
        ends = np.array([[source.lowest], [source.raw_max], [0]])
        rows = np.repeat(ends, 12, axis=1)
        expected = evaluate_rows(graph, rows)["y"]
        np.testing.assert_array_equal(Emulator(graph, threads=1).run(rows)["y"], expected)
        if lossless:
            for column, part in zip(expected.T, node_ranges(graph)["y"], strict=True):
                reached += (column.min(), column.max()) == (part.low, part.high)
                assert part.low <= column.min()
                assert column.max() <= part.high
    assert reached > 30


def _exact_sums(graph: Graph, rows: NDArray[np.int64], at: int) -> NDArray[np.int64]:
    """Sums of a layer as a type that can hold them gives them, at ``at`` fraction bits."""
    node, wide = graph["y"], FixedFormat(60, 60 - at)
    assert isinstance(node, Dense | Conv2d | Sum)
    changes: dict[str, Any] = {"accumulator": wide, "format": wide}
    if not isinstance(node, Sum):  # the bias is cast to the accumulator of the layer, at first
        starts = [cast_exact(b, node.bias_format.fraction, node.accumulator) for b in node.bias]
        changes["bias"] = tuple(start >> node.accumulator.fraction - at for start in starts)
        changes["bias_format"] = wide
    nodes = (*graph.nodes[:-1], replace(node, **changes))
    return evaluate_rows(Graph(nodes, ("y",)), rows)["y"]


BYTE = FixedFormat(8, 8)
X = Input("x", (), BYTE, size=1)
ALL_BYTES = np.arange(-128, 128).reshape(-1, 1)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("signed", [True, False])
def test_every_cast_of_all_bytes(rounding: Rounding, overflow: Overflow, signed: bool) -> None:
    # 8 bits with 4 fraction bits to all types of 1 to 4 bits, above and below the point.
    source = Input("x", (), FixedFormat(8, 4), size=1)
    targets = [
        FixedFormat(width, integer, signed, rounding, overflow)
        for width in range(2 if signed and overflow == "SAT_SYM" else 1, 5)
        for integer in range(-1, 6)
    ]
    casts = [Quantize(f"q{place}", ("x",), each) for place, each in enumerate(targets)]
    graph = Graph((source, *casts), tuple(node.name for node in casts))
    expected = evaluate_rows(graph, ALL_BYTES)
    for name, raws in Emulator(graph).run(ALL_BYTES).items():
        np.testing.assert_array_equal(raws, expected[name])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_every_step_of_a_narrow_accumulator(rounding: Rounding, overflow: Overflow) -> None:
    small = FixedFormat(3, 3)
    source = Input("x", (), small, size=3)
    narrow = FixedFormat(4, 3, True, rounding, overflow)
    dense = Dense(
        "d",
        ("x",),
        FixedFormat(6, 4),
        weights=((3,), (-4,), (1,)),
        weight_format=FixedFormat(3, 1),
        bias=(-3,),
        bias_format=FixedFormat(4, 1),
        accumulator=narrow,
    )
    total = Sum(
        "s", ("x",), FixedFormat(6, 4), accumulator=FixedFormat(3, 3, True, rounding, overflow)
    )
    graph = Graph((source, dense, total), ("d", "s"))
    rows = np.array(np.meshgrid(*[np.arange(-4, 4)] * 3)).reshape(3, -1).T
    expected = evaluate_rows(graph, rows)
    for name, raws in Emulator(graph).run(rows).items():
        np.testing.assert_array_equal(raws, expected[name])


def random_case() -> tuple[Graph, np.ndarray]:
    rng = np.random.default_rng(5)
    graph = random_graph(rng)
    return graph, random_rows(rng, graph, 20_001)


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("n_events", [0, 1, LAST_BLOCK, LAST_BLOCK + 1, 100_000, 1_000_001])
def test_blocks_hold_every_event_once_and_become_smaller(n_events: int, threads: int) -> None:
    blocks = blocks_of(n_events, threads)
    edges = [0, *(stop for _, stop in reversed(blocks))]
    assert [start for start, _ in reversed(blocks)] == edges[:-1]
    assert edges[-1] == n_events
    sizes = [stop - start for start, stop in blocks]
    assert all(0 < size <= MAX_BLOCK for size in sizes)
    assert all(size % TILE == 0 for size in sizes[:-1])
    assert sizes[-1:] <= [LAST_BLOCK]
    assert sizes == sorted(sizes, reverse=True)


def test_the_result_does_not_depend_on_threads_batches_or_dtypes() -> None:
    graph, rows = random_case()
    expected = Emulator(graph, threads=1).run(rows)
    for threads in (2, 3):
        found = Emulator(graph, threads=threads).run(rows)
        for name in graph.outputs:
            np.testing.assert_array_equal(found[name], expected[name])
    emulator = Emulator(graph, threads=1)
    for dtype in (np.int16, np.int32):
        found = emulator.run(rows.astype(dtype))
        for name in graph.outputs:
            np.testing.assert_array_equal(found[name], expected[name])
    for size in (1, 63, 64, 65):
        found = emulator.run(rows[:size])
        for name in graph.outputs:
            np.testing.assert_array_equal(found[name], expected[name][:size])


def test_no_event_at_all() -> None:
    graph, rows = random_case()
    for name, raws in Emulator(graph).run(rows[:0]).items():
        assert raws.shape == (0, graph.tensors[name].size)


def test_a_trace_shows_every_node() -> None:
    graph, rows = random_case()
    traced = Emulator(graph.with_outputs(graph.outputs[-1:])).trace(rows[:3])
    assert list(traced) == [node.name for node in graph.nodes]
    for event in range(3):
        for name, raws in evaluate(graph, rows[event].tolist()).items():
            assert traced[name][event].tolist() == raws


def test_beyond_62_bits_python_integers_are_used() -> None:
    wide = FixedFormat(60, 60)
    nodes = (
        X,
        Square("a", ("x",), wide),
        Square("b", ("a",), wide),
        Square("c", ("b",), FixedFormat(63, 63)),
        Square("d", ("c",), FixedFormat(40, 140, overflow="SAT")),
    )
    graph = Graph(nodes, ("d",))
    assert plan(graph).tile_bits == 0
    found = Emulator(graph).run(ALL_BYTES)["d"][:, 0].tolist()
    assert found == [int(x) ** 16 >> 100 for x in ALL_BYTES[:, 0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.array([[0], [200]]), r"event 1, feature 0: 200 is out of the range .* fixed<8,8>"),
        (np.array([[-129]], dtype=np.int16), r"event 0, feature 0: -129 is out of the range"),
        (np.array([[2**63]], dtype=np.uint64), r"9223372036854775808 is out of the range"),
    ],
)
def test_refuses_an_integer_out_of_range(rows: np.ndarray, message: str) -> None:
    emulator = Emulator(Graph((X, Square("s", ("x",), BYTE)), ("s",)))
    with pytest.raises(RangeError, match=message):
        emulator.run(rows)


@pytest.mark.parametrize("rows", [np.zeros((2, 1)), np.zeros(3, np.int16), np.zeros((2, 2), int)])
def test_refuses_rows_of_another_kind(rows: np.ndarray) -> None:
    emulator = Emulator(Graph((X, Square("s", ("x",), BYTE)), ("s",)))
    with pytest.raises(ValueError, match=r"rows must be integers of shape \(n, 1\)"):
        emulator.run(rows)


def test_needs_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        Emulator(Graph((X,), ("x",)), threads=0)


def test_reference_refuses_a_wrong_row() -> None:
    graph = Graph((X,), ("x",))
    with pytest.raises(ValueError, match="takes 1 features, the row has 2"):
        evaluate(graph, [1, 2])
    with pytest.raises(RangeError, match="feature 0 is 128, out of the range"):
        evaluate(graph, [128])


def test_reference_in_processes_is_the_reference() -> None:
    graph, rows = random_case()
    expected = evaluate_rows(graph, rows[:1_500])
    found = evaluate_rows(graph, rows[:1_500], jobs=2)
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], expected[name])
