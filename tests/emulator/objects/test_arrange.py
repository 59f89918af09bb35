"""Ordering, trimming and joining against plain Python."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.objects import (
    SCALARS,
    Columns,
    build_events,
    columns,
    concatenate,
    empty_events,
    field_columns,
    known_fields,
    load_scales,
    scalar_columns,
    sort_by_pt,
    trim,
)

if TYPE_CHECKING:
    import awkward as ak

SCALES = load_scales()


def ids(rows: int) -> dict[str, Any]:
    numbers = {name: np.arange(rows) for name in SCALARS}
    return numbers | {"crossing": np.zeros(rows, int)}


def events_of(lists: list[list[int]], name: str = "eg") -> ak.Array:
    """Events with one collection; its second field numbers the objects, to see which went where."""
    flat = np.array([value for row in lists for value in row], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in lists])]).astype(np.int64)
    fields = {each: np.zeros_like(flat) for each in known_fields(name)}
    fields |= {"pt": flat, known_fields(name)[1]: np.arange(len(flat)) % 100}
    return build_events(ids(len(lists)), {name: Columns(offsets, fields)})


@settings(deadline=None, max_examples=40)  # the first example compiles
@given(
    lists=st.lists(st.lists(st.integers(0, 6), max_size=15), max_size=6),
    name=st.sampled_from(["mu", "eg", "jet"]),
)
def test_sort_and_trim_equal_plain_python(lists: list[list[int]], name: str) -> None:
    events = events_of(lists, name)
    mark = known_fields(name)[1]
    pairs = [
        list(zip(pt, marks, strict=True))
        for pt, marks in zip(events[name].pt.tolist(), events[name, mark].tolist(), strict=True)
    ]
    expected = [sorted(row, key=operator.itemgetter(0), reverse=True) for row in pairs]
    for result, limit in ((sort_by_pt(events), 99), (trim(events), SCALES.multiplicity(name))):
        cut = [row[:limit] for row in expected]
        assert result[name].pt.tolist() == [[pt for pt, _ in row] for row in cut]
        assert result[name, mark].tolist() == [[each for _, each in row] for row in cut]
        assert scalar_columns(result)["event"].tolist() == list(range(len(lists)))


@settings(deadline=None, max_examples=40)
@given(parts=st.lists(st.lists(st.lists(st.integers(0, 500), max_size=3), max_size=3), max_size=4))
def test_concatenate_is_row_after_row(parts: list[list[list[int]]]) -> None:
    joined = concatenate([events_of(part) for part in parts])
    assert joined.eg.pt.tolist() == [row for part in parts for row in part]
    assert joined.event.tolist() == [row for part in parts for row in range(len(part))]
    assert field_columns(joined, "eg", "pt")[1].dtype == np.int16


def test_concatenate_keeps_what_all_have() -> None:
    full = events_of([[1]])
    bare = build_events(ids(1), {"eg": Columns(*_without(columns(full, "eg"), "iso"))})
    assert concatenate([full, bare]).eg.fields == ["pt", "eta", "phi"]
    assert concatenate([full, full]).eg.fields == ["pt", "eta", "phi", "iso"]
    assert concatenate([empty_events(), full]).eg.fields == ["pt", "eta", "phi", "iso"]


def test_weighted_and_unweighted_events_do_not_mix() -> None:
    weighted = build_events({**ids(1), "weight": np.ones(1, int)}, {})
    with pytest.raises(ValueError, match="different scalars"):
        concatenate([events_of([[1]]), weighted])
    assert concatenate([weighted, weighted]).weight.tolist() == [1, 1]


def test_joining_nothing() -> None:
    assert len(concatenate([])) == 0
    assert concatenate([empty_events(weighted=True)]).fields == empty_events(weighted=True).fields


def _without(part: Columns, field: str) -> tuple[Any, dict[str, Any]]:
    return part.offsets, {name: v for name, v in part.fields.items() if name != field}
