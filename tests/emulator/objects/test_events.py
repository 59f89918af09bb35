"""The events array: building, checking, ordering, joining."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import RangeError
from emulator.objects import (
    OPTIONAL_SCALARS,
    REQUIRED_FIELDS,
    SCALARS,
    Columns,
    build_events,
    check_events,
    field_columns,
    known_fields,
    load_scales,
)

SCALES = load_scales()
EVERY_FIELD = [(name, field) for name in REQUIRED_FIELDS for field in known_fields(name)]


def ids(rows: int) -> dict[str, Any]:
    numbers = {name: np.arange(rows) for name in SCALARS}
    return numbers | {"crossing": np.zeros(rows, int)}


def columns_of(lists: list[list[int]], name: str = "eg", field: str = "pt") -> Columns:
    """Columns with one given field, 0 in all others."""
    flat = np.array([value for row in lists for value in row], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in lists])]).astype(np.int64)
    fields = {each: np.zeros_like(flat) for each in known_fields(name)}
    return Columns(offsets, {**fields, field: flat})


def events_of(lists: list[list[int]], name: str = "eg") -> ak.Array:
    part = columns_of(lists, name)
    # The second field numbers the objects, so that a test sees which one went where.
    marks = {known_fields(name)[1]: np.arange(part.offsets[-1]) % 100}
    return build_events(ids(len(lists)), {name: Columns(part.offsets, {**part.fields, **marks})})


def test_types_are_those_of_the_definition() -> None:
    events = events_of([[3, 2], [], [9]])
    assert len(events) == 3
    for name, dtype in SCALARS.items():
        assert events[name].layout.data.dtype == dtype
    for name, field in EVERY_FIELD:
        if field in events[name].fields:
            assert field_columns(events, name, field)[1].dtype == np.int16
    assert events.mu.fields == ["pt", "eta_vtx", "phi_vtx"]
    assert events.eg.fields == ["pt", "eta", "phi", "iso"]


def test_optional_scalars_keep_all_bits() -> None:
    given_ = {"weight": [-1], "stratum": [-3], "pool_id": np.array([2**64 - 1], np.uint64)}
    scalars = {**ids(1), "orbit": np.array([2**64 - 1], np.uint64), **given_}
    events = build_events({name: np.asarray(v) for name, v in scalars.items()}, {})
    assert events.pool_id.tolist() == [2**64 - 1]
    assert events.orbit.tolist() == [2**64 - 1]
    assert {name: events[name].layout.data.dtype for name in given_} == dict(OPTIONAL_SCALARS)


@pytest.mark.parametrize(("name", "field"), EVERY_FIELD)
def test_both_ends_of_each_range(name: str, field: str) -> None:
    scale = SCALES.field(name, field)
    edges = [[scale.minimum], [scale.maximum]]
    good = build_events(ids(2), {name: columns_of(edges, name, field)})
    assert good[name, field].tolist() == edges
    for bad in (scale.minimum - 1, scale.maximum + 1, scale.minimum - 2**16, scale.maximum + 2**16):
        message = (
            rf"^row 1: {name}.{field} is {bad}, "
            rf"outside of its range {scale.minimum} to {scale.maximum}$"
        )
        with pytest.raises(RangeError, match=message):
            build_events(ids(3), {name: columns_of([[0], [0, bad], []], name, field)})


def test_range_errors_name_the_place_given() -> None:
    part = columns_of([[], [], [5, 600]])
    with pytest.raises(RangeError, match=r"^file:tree entry 12: eg\.pt is 600"):
        build_events(ids(3), {"eg": part}, place=lambda row: f"file:tree entry {10 + row}")


@pytest.mark.parametrize(("name", "value"), [("run", -1), ("lumi", 2**32), ("crossing", 40_000)])
def test_scalars_out_of_range(name: str, value: int) -> None:
    scalars = ids(2)
    scalars[name] = np.array([0, value])
    with pytest.raises(RangeError, match=rf"row 1: {name} is {value}, outside of its range"):
        build_events(scalars, {})


def test_programmers_errors() -> None:
    with pytest.raises(ValueError, match=r"scalars missing: \['lumi'\]"):
        build_events({name: v for name, v in ids(1).items() if name != "lumi"}, {})
    with pytest.raises(ValueError, match="unknown collections: jets"):
        build_events(ids(1), {"jets": columns_of([[1]])})
    with pytest.raises(ValueError, match=r"mu: fields missing: \['eta_vtx', 'phi_vtx'\]"):
        build_events(ids(1), {"mu": columns_of([[1]])})
    with pytest.raises(ValueError, match="offsets must rise from 0 and have 3 entries"):
        build_events(ids(2), {"eg": columns_of([[1]])})
    part = columns_of([[1]])
    longer = Columns(part.offsets, {**part.fields, "eta": np.zeros(2, int)})
    with pytest.raises(ValueError, match=r"eg\.eta: shape \(2,\), offsets end at 1"):
        build_events(ids(1), {"eg": longer})
    floats: Any = {**part.fields, "pt": np.ones(1)}
    with pytest.raises(ValueError, match=r"eg\.pt must be integers, not float64"):
        build_events(ids(1), {"eg": Columns(part.offsets, floats)})
    with pytest.raises(ValueError, match="different shapes"):
        build_events({**ids(2), "run": np.zeros(1, int)}, {})


def test_check_sees_values_that_16_bits_would_hide() -> None:
    events = events_of([[5], [6]])
    check_events(events)
    wide = ak.with_field(events.eg, ak.Array([[5], [65_537]]), "pt")
    with pytest.raises(RangeError, match=r"row 1: eg\.pt is 65537"):
        check_events(ak.with_field(events, wide, "eg"))
    with pytest.raises(ValueError, match=r"eg\.pt is int64, not int16"):
        field_columns(ak.with_field(events, wide, "eg"), "eg", "pt")
    with pytest.raises(ValueError, match="collections missing: tau"):
        check_events(events[[name for name in events.fields if name != "tau"]])


@settings(deadline=None, max_examples=40)
@given(
    lists=st.lists(st.lists(st.integers(0, 500), max_size=4), max_size=8),
    start=st.integers(0, 8),
    data=st.data(),
)
def test_columns_of_any_slice(lists: list[list[int]], start: int, data: st.DataObject) -> None:
    events = events_of(lists)
    size = len(lists)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    for part in (events[start:], events[mask], events[::-1], events[start:][::2]):
        offsets, contents = field_columns(part, "eg", "pt")
        assert offsets[0] == 0
        assert contents.dtype == np.int16
        rows = [contents[a:b].tolist() for a, b in pairwise(offsets)]
        assert rows == part.eg.pt.tolist()
