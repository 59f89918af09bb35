"""The integer matrix against a slow plain-Python loop."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import MissingNameError
from emulator.features import (
    Era,
    Feature,
    FeatureCasts,
    FeatureLayout,
    feature_rows,
    load_layout,
)
from emulator.features.layout import MuonPosition, PtRule
from emulator.objects import (
    REQUIRED_FIELDS,
    SCALARS,
    Columns,
    build_events,
    empty_events,
    known_fields,
    load_scales,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import awkward as ak

SCALES = load_scales()
ERAS = [Era(pt, position) for pt in get_args(PtRule) for position in get_args(MuonPosition)]
FIELDS = {name: (*known_fields(name), "zero") for name in REQUIRED_FIELDS}
EVERY_FEATURE = [
    Feature(name, slot, field)
    for name in REQUIRED_FIELDS
    for slot in range(SCALES.multiplicity(name))
    for field in FIELDS[name]
]


def events_of(counts: Mapping[str, Sequence[int]], seed: int) -> ak.Array:
    """Events with given numbers of objects and random hardware integers in all fields."""
    rng = np.random.default_rng(seed)
    rows = len(next(iter(counts.values())))
    collections = {}
    for name, each in counts.items():
        offsets = np.concatenate([[0], np.cumsum(each)]).astype(np.int64)
        fields = {}
        for field in known_fields(name):
            scale = SCALES.field(name, field)
            fields[field] = rng.integers(scale.minimum, scale.maximum + 1, int(offsets[-1]))
        collections[name] = Columns(offsets, fields)
    return build_events({name: np.zeros(rows, int) for name in SCALARS}, collections)


def rows_slowly(events: ak.Array, layout: FeatureLayout) -> list[list[int]]:
    """The definition, one number at a time."""
    rules: dict[str, tuple[int, int]] = {  # factors of pt, and of all else
        "hardware": (1, 1),
        "halved": (0, 1),
        "exact_half": (1, 2),
    }
    pt_factor, factor = rules[layout.era.pt]
    ends = {"measured": "", "vertex": "_vtx"}
    muon_names = {
        "eta": f"eta{ends[layout.era.muon_eta]}",
        "phi": f"phi{ends[layout.era.muon_position]}",
    }
    rows = []
    for event in events.tolist():
        row = []
        for feature in layout.features:
            objects = event[feature.object]
            if feature.field == "zero" or feature.slot >= len(objects):
                row.append(0)
                continue
            is_muon = feature.object == "mu"
            field = muon_names.get(feature.field, feature.field) if is_muon else feature.field
            value = objects[feature.slot][field]
            if field == "pt":
                row.append(value * pt_factor if pt_factor else value // 2)
            else:
                row.append(value * factor)
        rows.append(row)
    return rows


@st.composite
def some_events(draw: st.DrawFn) -> ak.Array:
    rows = draw(st.integers(0, 4))
    counts = {}
    for name in REQUIRED_FIELDS:
        count = st.integers(0, SCALES.multiplicity(name))
        counts[name] = draw(st.lists(count, min_size=rows, max_size=rows))
    return events_of(counts, draw(st.integers(0, 2**32)))


LAYOUTS = st.builds(
    FeatureLayout,
    st.just("some"),
    st.lists(st.sampled_from(EVERY_FEATURE), min_size=1, max_size=60, unique=True).map(tuple),
    st.sampled_from(ERAS),
)


@settings(deadline=None)
@given(events=some_events(), layout=LAYOUTS)
def test_rows_equal_the_slow_loop(events: ak.Array, layout: FeatureLayout) -> None:
    rows = feature_rows(events, layout)
    assert rows.dtype == np.int16
    assert rows.flags.c_contiguous
    assert rows.shape == (len(events), len(layout))
    assert rows.tolist() == rows_slowly(events, layout)


@settings(deadline=None, max_examples=30)
@given(events=some_events(), era=st.sampled_from(ERAS), data=st.data())
def test_packaged_layout_on_any_selection(events: ak.Array, era: Era, data: st.DataObject) -> None:
    layout = FeatureLayout("axol1tl_57", load_layout("axol1tl_57").features, era)
    size = len(events)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    every = feature_rows(events, layout)
    assert every.tolist() == rows_slowly(events, layout)
    assert feature_rows(events[mask], layout).tolist() == every[mask].tolist()
    assert feature_rows(events[::-1], layout).tolist() == every[::-1].tolist()


@pytest.mark.parametrize("era", ERAS, ids=str)
def test_every_feature_for_every_number_of_muons_and_sums(era: Era) -> None:
    pairs = list(product(range(9), range(2)))
    counts: dict[str, list[int]] = {
        name: [min(mu, 12) if SCALES.multiplicity(name) > 1 else one for mu, one in pairs]
        for name in REQUIRED_FIELDS
    }
    events = events_of(counts, 7)
    layout = FeatureLayout("every", tuple(EVERY_FEATURE), era)
    assert feature_rows(events, layout).tolist() == rows_slowly(events, layout)


def test_halved_keeps_the_muons_offset_and_drops_the_last_bit() -> None:
    ids: dict[str, Any] = {name: np.zeros(512, int) for name in SCALARS}
    muon = {name: np.arange(512) % 200 for name in ("eta_vtx", "phi_vtx")} | {"pt": np.arange(512)}
    events = build_events(ids, {"mu": Columns(np.arange(513), muon)})
    features = (Feature("mu", 0, "pt"), Feature("mu", 0, "eta"))
    hardware = feature_rows(events, FeatureLayout("h", features))
    halved = feature_rows(events, FeatureLayout("h", features, Era(pt="halved")))
    assert hardware[:, 0].tolist() == list(range(512))
    assert halved[:, 0].tolist() == [pt // 2 for pt in range(512)]
    assert halved[:, 1].tolist() == hardware[:, 1].tolist()
    exact = feature_rows(events, FeatureLayout("h", features, Era(pt="exact_half")))
    assert exact[:, 0].tolist() == hardware[:, 0].tolist()
    assert exact[:, 1].tolist() == [2 * eta for eta in hardware[:, 1].tolist()]


def test_an_optional_field_that_the_events_lack_is_named() -> None:
    layout = FeatureLayout("raw", (Feature("mu", 0, "phi"),), Era(muon_position="measured"))
    with pytest.raises(
        MissingNameError, match=r"events for the layout 'raw': no field 'mu\.phi'; nearest"
    ):
        feature_rows(empty_events(), layout)


@pytest.mark.parametrize("era", ERAS)
def test_cast_rows_are_the_casts_of_rows(era: Era) -> None:
    rng = np.random.default_rng(8)
    chosen = [EVERY_FEATURE[k] for k in rng.permutation(len(EVERY_FEATURE))]
    muon_pt = Feature("mu", 3, "pt")
    features = [each for each in chosen if era.muon_position == "vertex" or each.field != "phi_vtx"]
    layout = FeatureLayout("many", tuple(dict.fromkeys((muon_pt, *features[:90]))), era)
    tables = [
        rng.integers(-128, 128, high - low + 1).astype(np.int8) for low, high in layout.ranges
    ]
    counts = {
        name: rng.integers(0, SCALES.multiplicity(name) + 1, 1_500).tolist()
        for name in REQUIRED_FIELDS
    }
    events = events_of(counts, seed=9)
    rows = feature_rows(events, layout)
    cast = feature_rows(events, layout, FeatureCasts.of(layout, tables))
    assert cast.dtype == np.int8
    for place, (low, high) in enumerate(layout.ranges):
        column = rows[:, place]
        assert low <= column.min() <= column.max() <= high
        np.testing.assert_array_equal(cast[:, place], tables[place][column.astype(int) - low])
