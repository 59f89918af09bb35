"""Histograms of crossings, by hand and against plain loops; an injected hot tower."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from small_samples import draw_events

from emulator.objects import Columns, build_events, sort_by_pt
from l1distill.anatomy import ACCEPTED, ALL, PURE, Anatomy, find_hot_spots, read_histograms
from l1distill.anatomy.histograms import crossing_values, leading_place

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak
    import pandas as pd

ONE = 1 << 32


def scalars(n: int) -> dict[str, np.ndarray]:
    names = ("run", "lumi", "event", "orbit", "crossing")
    return {name: np.zeros(n, dtype=np.int64) for name in names}


def three_crossings() -> ak.Array:
    """Two back-to-back jets and muons; one jet; nothing."""
    jets = Columns(
        np.array([0, 2, 3, 3]),
        {"pt": np.array([200, 100, 60]), "eta": np.array([0, 0, 20]), "phi": np.array([0, 72, 10])},
    )
    muons = Columns(
        np.array([0, 2, 2, 2]),
        {"pt": np.array([21, 41]), "eta_vtx": np.array([0, 100]), "phi_vtx": np.array([0, 0])},
    )
    htt = Columns(np.array([0, 1, 2, 3]), {"pt": np.array([700, 60, 0])})
    return build_events(scalars(3), {"jet": jets, "mu": muons, "htt": htt})


def test_values_by_hand() -> None:
    values = crossing_values(sort_by_pt(three_crossings()))
    assert values["n_jet"].tolist() == [2, 1, 0]
    assert values["n_jet30"].tolist() == [2, 1, 0], "60 counts are 30 GeV"
    assert values["pt_jet"].tolist()[:2] == [100.0, 30.0]
    assert math.isnan(values["pt_jet"][2])
    assert values["pt_mu"][0] == 20.0, "41 counts of 0.5 GeV, code 0 is nothing"
    assert values["htt"].tolist() == [350.0, 30.0, 0.0]
    # Back to back at eta 0: m = 2 sqrt(pt1 pt2).
    assert values["m_jj"][0] == pytest.approx(2 * math.sqrt(100 * 50))
    assert np.isnan(values["m_jj"][1:]).all()
    separation = 100 * 0.010875
    assert values["m_mumu"][0] == pytest.approx(
        math.sqrt(2 * 20 * 10 * (math.cosh(separation) - 1))
    )


def rates(frame: pd.DataFrame, quantity: str, selection: str) -> dict[float, float]:
    chosen = frame[(frame["quantity"] == quantity) & (frame["selection"] == selection)]
    filled = chosen[chosen["rate_khz"] > 0]
    return dict(zip(filled["low_edge"], filled["rate_khz"], strict=True))


def test_bins_weights_and_selections_by_hand(tmp_path: Path) -> None:
    anatomy = Anatomy.empty()
    weights = np.array([ONE, 2 * ONE, ONE // 2])
    chosen = {ALL: np.ones(3), ACCEPTED: np.array([1.0, 1.0, 0.0]), PURE: np.array([0.0, 0.25, 1])}
    anatomy.fill(sort_by_pt(three_crossings()), weights, chosen)
    frame = anatomy.table(rate_per_weight_khz=10.0)
    assert rates(frame, "n_jet", ALL) == {1.5: 10.0, 0.5: 20.0, -0.5: 5.0}
    assert rates(frame, "n_jet", ACCEPTED) == {1.5: 10.0, 0.5: 20.0}
    assert rates(frame, "n_jet", PURE) == {0.5: 5.0, -0.5: 5.0}
    assert rates(frame, "pt_jet", ALL) == {100.0: 10.0, 30.0: 20.0}
    errors = frame[(frame["quantity"] == "n_jet") & (frame["low_edge"] == 0.5)]["error_khz"]
    assert errors.tolist() == [20.0, 20.0, 5.0]
    frame.to_parquet(tmp_path / "anatomy.parquet")
    again = read_histograms(tmp_path / "anatomy.parquet")
    assert list(again) == list(anatomy.histograms)
    assert again["n_jet"][{"selection": "pure"}].values().sum() == 10.0
    assert again["n_jet"][{"selection": "all"}].variances().max() == 400.0
    maps = anatomy.map_table(rate_per_weight_khz=10.0)
    jets = maps[(maps["collection"] == "jet") & (maps["selection"] == ALL)]
    assert jets["entries"].tolist() == [1, 1]
    assert sorted(jets["rate_khz"]) == [10.0, 20.0]


def test_what_lies_beyond_is_in_the_last_bin() -> None:
    jets = Columns(
        np.array([0, 1]), {"pt": np.array([2047]), "eta": np.array([0]), "phi": np.array([0])}
    )
    anatomy = Anatomy.empty()
    anatomy.fill(build_events(scalars(1), {"jet": jets}), None, {ALL: np.ones(1)})
    assert rates(anatomy.table(rate_per_weight_khz=1.0), "pt_jet", ALL) == {290.0: 1.0}


def test_chunks_add() -> None:
    events = draw_events(300, 4)
    weights = np.asarray(events["weight"])
    whole, first, second = Anatomy.empty(), Anatomy.empty(), Anatomy.empty()
    for anatomy, rows in (
        (whole, slice(None)),
        (first, slice(0, 120)),
        (second, slice(120, None)),
    ):
        part = events[rows]
        anatomy.fill(part, weights[rows], {ALL: np.ones(len(part)), ACCEPTED: np.ones(len(part))})
    ours, theirs = (
        (first + second).table(rate_per_weight_khz=1.0),
        whole.table(rate_per_weight_khz=1.0),
    )
    assert np.allclose(ours["rate_khz"], theirs["rate_khz"], rtol=1e-12)
    assert ours["rate_khz"].sum() > 0
    for name, entries in whole.entries.items():
        assert ((first + second).entries[name].view() == entries.view()).all()


def test_every_place_is_inside_of_its_map() -> None:
    events = draw_events(500, 9)
    anatomy = Anatomy.empty()
    anatomy.fill(events, None, {ALL: np.ones(500)})
    for name in ("jet", "eg", "mu"):
        eta, _ = leading_place(events, name)
        assert anatomy.entries[name].view().sum() == np.isfinite(eta).sum() > 100


def test_an_injected_hot_tower_is_flagged() -> None:
    # One in a hundred crossings gets an e/gamma of 60 GeV in always the same tower, and fires for it.
    n, n_hot = 3_000, 30
    rng = np.random.default_rng(12)
    hot = np.zeros(n, dtype=bool)
    hot[rng.choice(n, n_hot, replace=False)] = True
    pt = np.where(hot, 120, rng.integers(10, 60, n))
    eg = Columns(
        np.arange(n + 1),
        {
            "pt": pt,
            "eta": np.where(hot, 13, rng.integers(-50, 50, n)),
            "phi": np.where(hot, 77, rng.integers(0, 144, n)),
        },
    )
    events = build_events(scalars(n), {"eg": eg})
    fires = (pt >= 50).astype(float)
    assert fires.sum() > 10 * n_hot
    anatomy = Anatomy.empty()
    anatomy.fill(events, None, {ALL: np.ones(n), ACCEPTED: fires, PURE: fires * ~hot})
    (spot,) = find_hot_spots(anatomy.tower_maps((ACCEPTED, PURE)))
    assert (spot.collection, spot.selection) == ("eg", ACCEPTED)
    assert spot.eta_low <= 13.5 * 0.0435 < spot.eta_high
    assert spot.phi_low <= 77.5 * 2 * math.pi / 144 < spot.phi_high
    assert spot.entries >= n_hot
    assert spot.p_global < 1e-9
