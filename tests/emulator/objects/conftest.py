"""Events for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import strategies as st

from emulator.objects import (
    OPTIONAL_FIELDS,
    OPTIONAL_SCALARS,
    REQUIRED_FIELDS,
    SCALARS,
    SHOWERS,
    Columns,
    build_events,
    load_scales,
)

if TYPE_CHECKING:
    import awkward as ak

#: Further fields of sums, which files keep as sums of their own: they come back if sums are there.
_OF_SUMS = {"ettem", "min_bias", "towers", "asymmetry", "centrality"}


@st.composite
def _some_events(
    draw: st.DrawFn, rows: int, fields: tuple[str, ...], weighted: bool, showers: bool
) -> ak.Array:
    scales = load_scales()
    dtypes = {**SCALARS, **(OPTIONAL_SCALARS if weighted else {}), **(SHOWERS if showers else {})}
    scalars: dict[str, Any] = {}
    for name, dtype in dtypes.items():
        limits = np.iinfo(dtype)
        value = st.integers(int(limits.min), 1 if name in SHOWERS else int(limits.max))
        values = draw(st.lists(value, min_size=rows, max_size=rows))
        scalars[name] = np.array(values, dtype=dtype)
    collections = {}
    for name, required in REQUIRED_FIELDS.items():
        limit = scales.multiplicity(name)
        counts = draw(st.lists(st.integers(0, limit), min_size=rows, max_size=rows))
        if limit == 1 and not _OF_SUMS.isdisjoint(fields):
            counts = [1] * rows
        total = sum(counts)
        part: dict[str, Any] = {}
        for each in (*required, *(f for f in fields if f in OPTIONAL_FIELDS.get(name, ()))):
            scale = scales.field(name, each)
            low = 1 if each == "pt" and limit > 1 else scale.minimum
            code = st.integers(low, scale.maximum)
            part[each] = np.array(draw(st.lists(code, min_size=total, max_size=total)), np.int64)
        collections[name] = Columns(np.concatenate([[0], np.cumsum(counts)]), part)
    return build_events(scalars, collections)


@st.composite
def _chunks(draw: st.DrawFn) -> list[ak.Array]:
    known = sorted({name for names in OPTIONAL_FIELDS.values() for name in names} - {"displaced"})
    fields = tuple(draw(st.lists(st.sampled_from(known), unique=True)))
    weighted, showers = draw(st.booleans()), draw(st.booleans())
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    return [draw(_some_events(rows, fields, weighted, showers)) for rows in sizes]


@pytest.fixture(scope="session")
def chunks_strategy() -> st.SearchStrategy[list[ak.Array]]:
    """Strategy of lists of events arrays with the same fields, as a writer takes them."""
    return _chunks()
