"""Scores of jagged objects equal those of their rows, whatever the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest

from emulator.engine import Emulator
from emulator.engine.jagged import JaggedRows, RowOrder, copied_order, reordered
from emulator.engine.lanes.gathering import OBJECTS
from emulator.engine.lanes.target import HAS_QUADS, TILE
from emulator.errors import MissingNameError
from emulator.features import (
    Feature,
    FeatureLayout,
    columns_of_layout,
    feature_rows,
    load_layout,
)
from emulator.features.layout import Era
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, OffsetShift, Relu, Square
from emulator.objects import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.engine import KernelName

HARDWARE = FixedFormat(16, 16)
BYTE = FixedFormat(8, 8, rounding="RND", overflow="SAT")


def random_events(n_events: int, seed: int = 0) -> ak.Array:
    """Events with more objects than slots, and events without any."""
    rng = np.random.default_rng(seed)
    collections = {}
    for name, most in (("mu", 6), ("eg", 9), ("jet", 14), ("etm", 1)):
        counts = rng.integers(0, most + 1, n_events) * rng.integers(0, 2, n_events)
        n = int(counts.sum())
        fields = ("pt", "eta", "phi", "eta_vtx", "phi_vtx", "qual", "displaced")
        objects = {field: rng.integers(-500, 2_000, n).astype(np.int16) for field in fields}
        collections[name] = ak.unflatten(ak.zip(objects), counts)
    return ak.Array(collections)


def in_order(rows: np.ndarray, order: RowOrder) -> np.ndarray:
    """Return the same rows in the order of gathered ones."""
    padded = np.pad(rows, ((0, 0), (0, 1)))  # the last column holds nothing: place -1
    return padded[:, list(order.features)]


def network(n_features: int, *, scaled: bool = True) -> Graph:
    rng = np.random.default_rng(n_features)
    nodes: list[Input | OffsetShift | Dense | Relu] = [Input("x", (), HARDWARE, n_features)]
    if scaled:
        offset, shift = rng.integers(0, 50, n_features), rng.integers(0, 5, n_features)
        wide = FixedFormat(24, 24)
        nodes.append(
            OffsetShift(
                "s", ("x",), BYTE, tuple(offset.tolist()), HARDWARE, tuple(shift.tolist()), wide
            )
        )
    weights = tuple(map(tuple, rng.integers(-100, 100, (n_features, 5)).tolist()))
    total = FixedFormat(32, 32)
    nodes.append(Dense("d", (nodes[-1].name,), total, weights, BYTE, (1,) * 5, BYTE, total))
    return Graph(tuple(nodes), ("d",))


LAYOUTS = {
    "axol1tl": load_layout("axol1tl_57"),
    # More than three fields of as many objects, one vector that is wider than its fields, and zeros.
    "many fields": FeatureLayout(
        "many",
        (
            *(
                Feature("jet", slot, field)
                for field in ("pt", "eta", "phi", "qual", "displaced")
                for slot in range(9)
            ),
            Feature("etm", 0, "phi"),
            Feature("etm", 0, "zero"),
            *(Feature("mu", slot, "phi_vtx") for slot in range(8)),
        ),
    ),
    # Without room behind the last field, its vector would reach into the next row.
    "rows of whole vectors": FeatureLayout(
        "whole",
        (
            *(Feature("jet", slot, field) for field in ("pt", "eta") for slot in range(12)),
            *(Feature("eg", slot, "pt") for slot in range(7)),
            Feature("mu", 0, "phi_vtx"),
        ),
    ),
    "halved, sparse slots": FeatureLayout(
        "sparse",
        (
            Feature("jet", 3, "pt"),
            Feature("etm", 0, "zero"),
            Feature("mu", 1, "phi"),
            Feature("jet", 0, "eta"),
            Feature("eg", 7, "pt"),
        ),
        Era(pt="halved", muon_position="measured"),
    ),
    "in halves": FeatureLayout(
        "halves",
        tuple(Feature("jet", slot, field) for field in ("pt", "eta") for slot in range(4)),
        Era(pt="exact_half"),
    ),
}


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("n_events", [0, 1, 5, 3_000])
def test_scores_of_jagged_objects_are_those_of_rows(name: str, n_events: int, scaled: bool) -> None:
    events, layout = random_events(n_events), LAYOUTS[name]
    emulator = Emulator(network(len(layout), scaled=scaled), threads=2)
    expected = emulator.run(feature_rows(events, layout))["d"]
    np.testing.assert_array_equal(emulator.run_events(events, layout)["d"], expected)
    some = events[::-3]
    np.testing.assert_array_equal(emulator.run_events(some, layout)["d"], expected[::-3])


def test_threads_change_nothing() -> None:
    layout = LAYOUTS["axol1tl"]
    events = random_events(40_000, seed=4)
    graph = network(len(layout))
    expected = Emulator(graph, threads=1).run(feature_rows(events, layout))["d"]
    for threads in (1, 3):
        found = Emulator(graph, threads=threads).run_events(events, layout)["d"]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_are_gathered_in_their_columns(name: str) -> None:
    events, layout = random_events(900), LAYOUTS[name]
    columns = copied_order(layout)
    assert columns is not None
    jagged = JaggedRows.of(columns_of_layout(events, layout), columns, layout)
    assert 700 < jagged.n_safe < 900 - TILE, (
        "a tile, and contents behind it, must stand behind an event"
    )
    held = [place for place, feature in enumerate(columns.features) if feature >= 0]
    expected = in_order(feature_rows(events, layout), columns)
    made = jagged.write(0, jagged.n_safe, jagged.buffer(jagged.n_safe))
    np.testing.assert_array_equal(made[:, held], expected[: jagged.n_safe, held])
    end = jagged.padded_end
    assert end.n_safe == end.n_events == 900 - jagged.n_safe
    made = end.write(0, end.n_events, end.buffer(end.n_events))
    np.testing.assert_array_equal(made[:, held], expected[jagged.n_safe :, held])


def layouts_that_are_not_copied() -> Sequence[FeatureLayout]:
    twice = (Feature("mu", 0, "eta"), Feature("mu", 0, "eta_vtx"))
    return [FeatureLayout("twice", twice)]


def test_other_layouts_take_the_way_through_rows() -> None:
    events = random_events(50)
    for layout in layouts_that_are_not_copied():
        assert copied_order(layout) is None
        emulator = Emulator(network(len(layout)), threads=1)
        expected = emulator.run(feature_rows(events, layout))["d"]
        np.testing.assert_array_equal(emulator.run_events(events, layout)["d"], expected)


def test_other_networks_take_the_way_through_rows() -> None:
    events, layout = random_events(50), LAYOUTS["axol1tl"]
    x = Input("x", (), HARDWARE, 57)
    graph = Graph((x, Square("s", ("x",), FixedFormat(32, 32))), ("s",))
    assert reordered(graph, range(57)) is None
    emulator = Emulator(graph, threads=1)
    expected = emulator.run(feature_rows(events, layout))["s"]
    np.testing.assert_array_equal(emulator.run_events(events, layout)["s"], expected)


def test_flat_arrays_give_the_same() -> None:
    layout, events = LAYOUTS["axol1tl"], random_events(700, seed=9)
    graph = network(len(layout))
    expected = Emulator(graph).run(feature_rows(events, layout))["d"]
    flat = columns_of_layout(events, layout)
    np.testing.assert_array_equal(Emulator(graph).run_columns(flat, layout)["d"], expected)
    # Contents of the middle of a longer file, as memory maps hold them.
    middle = {name: Columns(each.offsets[100:601], each.fields) for name, each in flat.items()}
    found = Emulator(graph).run_columns(middle, layout)["d"]
    np.testing.assert_array_equal(found, expected[100:600])
    twice = FeatureLayout("twice", (Feature("mu", 0, "eta"), Feature("mu", 0, "eta_vtx")))
    emulator = Emulator(network(2), threads=1)
    rows = feature_rows(events, twice)
    found = emulator.run_columns(columns_of_layout(events, twice), twice)["d"]
    np.testing.assert_array_equal(found, emulator.run(rows)["d"])


def test_refuses_flat_arrays_that_are_no_events() -> None:
    layout = LAYOUTS["axol1tl"]
    flat = columns_of_layout(random_events(10), layout)
    offsets, fields = flat["jet"].offsets, flat["jet"].fields
    wide = {name: each.astype(np.int64) for name, each in fields.items()}
    short = {name: np.asarray(each[:-1]) for name, each in fields.items()}
    emulator = Emulator(network(57))
    for jets, error, message in (
        (Columns(offsets, {}), MissingNameError, r"jet\.eta"),
        (Columns(offsets[:-1], fields), ValueError, "differ in their number of events"),
        (Columns(offsets, wide), ValueError, r"jet\.eta is int64, not int16"),
        (Columns(offsets, short), ValueError, "offsets of jet reach beyond its contents"),
    ):
        with pytest.raises(error, match=message):
            emulator.run_columns({**flat, "jet": jets}, layout)


@pytest.mark.parametrize("kernel", ["dot8", "dot16", "tiles32", "tiles64", "python"])
def test_every_kernel_scores_jagged_objects(kernel: KernelName) -> None:
    if kernel == "dot8" and not HAS_QUADS:
        pytest.skip("this processor adds no four products of bytes")
    layout, events = LAYOUTS["axol1tl"], random_events(200)
    graph = network(len(layout))
    expected = Emulator(graph, kernel="python").run(feature_rows(events, layout))["d"]
    found = Emulator(graph, threads=1, kernel=kernel).run_events(events, layout)["d"]
    np.testing.assert_array_equal(found, expected)


def test_inputs_beyond_16_bits_are_gathered_too() -> None:
    layout, events = LAYOUTS["axol1tl"], random_events(200)
    wide = FixedFormat(20, 20)
    total = FixedFormat(32, 32)
    x = Input("x", (), wide, 57)
    weights = ((3, -2),) * 57
    graph = Graph((x, Dense("d", ("x",), total, weights, BYTE, (1, 0), BYTE, total)), ("d",))
    expected = Emulator(graph, kernel="python").run(feature_rows(events, layout))["d"]
    emulator = Emulator(graph, threads=1)
    assert emulator.plan.nodes[1].kernel == "dot32"
    np.testing.assert_array_equal(emulator.run_events(events, layout)["d"], expected)


def test_refuses_another_number_of_features_and_missing_fields() -> None:
    layout = LAYOUTS["axol1tl"]
    with pytest.raises(ValueError, match="the layout has 57 features, the network 5"):
        Emulator(network(5)).run_events(random_events(2), layout)
    events = random_events(2)
    without = ak.with_field(events, events["mu"][["pt", "eta"]], "mu")
    with pytest.raises(MissingNameError, match=r"mu\.eta_vtx"):
        Emulator(network(57)).run_events(without, layout)


def test_a_vector_holds_all_slots_of_the_trigger() -> None:
    assert OBJECTS >= 12
