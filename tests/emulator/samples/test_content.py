"""Content hash: what it ignores and what it sees."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.objects import Columns, build_events
from emulator.samples.content import ContentHash, events_sha256


def _events(pt: list[list[int]], weight: int = 1) -> object:
    n = len(pt)
    scalars = {name: np.ones(n, np.int64) for name in ("run", "lumi", "event", "orbit", "crossing")}
    scalars["weight"] = np.full(n, weight)
    flat = np.array([value for row in pt for value in row], np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in pt])]).astype(np.int64)
    columns = Columns(offsets, {"pt": flat, "eta": 0 * flat, "phi": 0 * flat})
    return build_events(scalars, {"jet": columns})


LISTS = st.lists(st.lists(st.integers(1, 9), max_size=3), min_size=2, max_size=8)


@settings(max_examples=30, deadline=None)
@given(LISTS, st.integers(1, 7))
def test_chunks_do_not_matter(pt: list[list[int]], size: int) -> None:
    events = _events(pt)
    content = ContentHash()
    for start in range(0, len(pt), size):
        content.update(events[start : start + size])  # type: ignore[index]
    assert content.hexdigest() == events_sha256(events)


@settings(max_examples=30, deadline=None)
@given(LISTS, LISTS)
def test_hash_tells_contents_apart(one: list[list[int]], other: list[list[int]]) -> None:
    assert (events_sha256(_events(one)) == events_sha256(_events(other))) == (one == other)


def test_scalars_count() -> None:
    assert events_sha256(_events([[1]], 1)) != events_sha256(_events([[1]], 2))
