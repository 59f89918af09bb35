"""The short ways for files that already stand as wanted give what the long way gives."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection import Object, select_slowly

from emulator.objects.raw_objects import RawObjects, RawSums
from emulator.objects.sum_types import SUM_TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

OBJECTS = st.tuples(st.integers(0, 3), st.sampled_from([0, 0, 0, 1]))
#: Most entries fall in pt and are of crossing 0, so that the short way is taken often.
FALLING = st.lists(st.integers(1, 4), max_size=4).map(
    lambda pts: [(pt, 0) for pt in sorted(pts, reverse=True)]
)


def raw_objects(entries: list[list[tuple[int, int]]]) -> RawObjects:
    flat = np.array([each for entry in entries for each in entry], np.int64).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])]).astype(np.int64)
    fields: dict[str, NDArray[Any]] = {"pt": flat[:, 0].astype(np.int32)}
    fields["eta"] = np.arange(len(flat), dtype=np.int16)
    return RawObjects(offsets, flat[:, 1].astype(np.int16), fields)


@settings(deadline=None)
@given(
    entries=st.lists(FALLING | st.lists(OBJECTS, max_size=5), max_size=4),
    crossings=st.sampled_from([[0], [1], [0, 1], [2]]),
    limit=st.integers(1, 5),
    by_pt=st.booleans(),
)
def test_objects_equal_plain_python(
    entries: list[list[tuple[int, int]]], crossings: list[int], limit: int, by_pt: bool
) -> None:
    selected = raw_objects(entries).selected(np.array(crossings), limit, by_pt=by_pt)
    with_kind = [[(pt, crossing, 0) for pt, crossing in entry] for entry in entries]
    expected = select_slowly(with_kind, crossings, 0, 1, limit, by_pt)
    eta = selected.fields["eta"]
    assert [eta[a:b].tolist() for a, b in pairwise(selected.offsets)] == expected


def raw_sums(entries: list[list[Object]]) -> RawSums:
    """Build sums from (pt, crossing, kind); ``phi`` is the position."""
    objects = raw_objects([[(pt, crossing) for pt, crossing, _ in entry] for entry in entries])
    fields = {"pt": objects.fields["pt"], "phi": objects.fields["eta"]}
    kind = np.array([kind for entry in entries for *_, kind in entry], np.int16)
    return RawSums(RawObjects(objects.offsets, objects.crossing, fields), kind)


ALL_KINDS = sorted({*SUM_TYPES.values(), 16, 21, 23})


def spoilt(entry: list[Object], how: str) -> list[Object]:
    pt, _, kind = entry[0]
    return {
        "no": entry,
        "shorter": entry[1:],
        "turned": entry[::-1],
        "other crossing": [(pt, 1, kind), *entry[1:]],
    }[how]


@settings(deadline=None, max_examples=200)
@given(
    kinds=st.lists(st.sampled_from(ALL_KINDS), min_size=1, max_size=9),
    pts=st.lists(st.integers(0, 9), max_size=3),
    how=st.sampled_from(["no", "no", "shorter", "turned", "other crossing"]),
    crossings=st.sampled_from([[0], [1], [0, 1]]),
    by_pt=st.booleans(),
)
def test_sums_equal_plain_python(
    kinds: list[int], pts: list[int], how: str, crossings: list[int], by_pt: bool
) -> None:
    """Most entries have the same types in the same order; at times the last one is spoilt."""
    entries = [[(pt * k, 0, kind) for k, kind in enumerate(kinds)] for pt in pts]
    entries = [*entries[:-1], *(spoilt(entry, how) for entry in entries[-1:])]
    found = raw_sums(entries).selected(np.array(crossings), by_pt=by_pt)
    for name in ("etm", "etmhf"):
        expected = select_slowly(entries, crossings, SUM_TYPES[name], 0, 1, by_pt)
        assert found[name].offsets.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
        assert found[name].fields["phi"].tolist() == [k for row in expected for k in row]


@pytest.mark.parametrize("spoil", [False, True])
def test_parts_of_a_word_are_there_if_every_row_has_them(spoil: bool) -> None:
    entry = [(7, 0, SUM_TYPES["ett"]), (300, 0, 16)]
    entries = [entry, entry[:1] if spoil else entry]
    ett = raw_sums(entries).selected(np.array([0]), by_pt=True)["ett"]
    assert ("ettem" in ett.fields) is not spoil
    assert spoil or ett.fields["ettem"].tolist() == [300, 300]
