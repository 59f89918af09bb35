"""Counting in chunks equals counting at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.objects import load_scales
from emulator.objects.summary import FieldSummary, Tally

SCALES = load_scales()


@settings(deadline=None)
@given(
    values=st.lists(st.sampled_from([-1, 0, 1, 300, 510, 511, 512, 40_000]), max_size=12),
    cut=st.integers(0, 12),
)
def test_fields_in_two_chunks(values: list[int], cut: int) -> None:
    tally = Tally(SCALES)
    for part in (values[:cut], values[cut:]):
        tally.add_objects("eg", {"pt": np.array(part, dtype=np.int64)})
    (collection,) = tally.collections()
    assert collection.count == len(values)
    assert collection.fields == (
        FieldSummary(
            name="pt",
            minimum=min(values, default=None),
            maximum=max(values, default=None),
            n_saturated=values.count(511),
            n_out_of_range=sum(not 0 <= value <= 511 for value in values),
        ),
    )


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 2)), max_size=8), max_size=3))
def test_crossings_count_each_entry_once(chunks: list[list[tuple[int, int]]]) -> None:
    tally = Tally(SCALES)
    for chunk in chunks:
        entries, crossings = np.array(chunk, np.int64).reshape(-1, 2).T
        tally.add_crossings(entries, crossings)
    expected: dict[int, int] = {}
    for chunk in chunks:
        for _, crossing in set(chunk):
            expected[crossing] = expected.get(crossing, 0) + 1
    found = {each.crossing: each.entries for each in tally.crossings()}
    assert found == expected
    assert list(found) == sorted(found)
