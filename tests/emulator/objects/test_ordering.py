"""Choice and order of objects against plain Python."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from selection import Object, select_slowly

from emulator.objects.ordering import order_objects, select_objects


def select(
    entries: list[list[Object]],
    crossings: list[int],
    kind: int,
    minimum_pt: int,
    limit: int,
    by_pt: bool,
) -> list[list[int]]:
    flat = np.array([each for entry in entries for each in entry], np.int64).reshape(-1, 3)
    offsets = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])]).astype(np.int64)
    pt, bx, kinds = (flat[:, k].copy() for k in range(3))
    wanted = np.array(crossings, np.int64)
    new, index = select_objects(offsets, pt, bx, kinds, wanted, kind, minimum_pt, limit, by_pt)
    return [index[a:b].tolist() for a, b in pairwise(new)]


OBJECTS = st.tuples(st.integers(0, 4), st.integers(-2, 2), st.integers(0, 1))


@settings(deadline=None)  # the first example compiles
@given(
    entries=st.lists(st.lists(OBJECTS, max_size=12), max_size=5),
    crossings=st.lists(st.integers(-2, 3), min_size=1, max_size=4, unique=True),
    kind=st.integers(0, 1),
    minimum_pt=st.integers(0, 1),
    limit=st.integers(1, 12),
    by_pt=st.booleans(),
)
def test_selection_equals_plain_python(
    entries: list[list[Object]],
    crossings: list[int],
    kind: int,
    minimum_pt: int,
    limit: int,
    by_pt: bool,
) -> None:
    arguments = (entries, crossings, kind, minimum_pt, limit, by_pt)
    assert select(*arguments) == select_slowly(*arguments)


def test_all_orders_of_four_small_pts() -> None:
    for pts in product(range(3), repeat=4):
        for limit in (1, 3, 4, 9):
            _, index = order_objects(np.array([0, 4]), np.array(pts), limit)
            expected = sorted(range(4), key=lambda k: -pts[k])[:limit]
            assert index.tolist() == expected


def test_rows_stay_apart() -> None:
    offsets, index = order_objects(np.array([0, 2, 2, 5]), np.array([1, 9, 3, 3, 7]), 2)
    assert offsets.tolist() == [0, 2, 2, 4]
    assert index.tolist() == [1, 0, 4, 2]
