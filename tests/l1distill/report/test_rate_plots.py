"""Thinning of rate curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from l1distill.report.rate_plots import thinned


def curve(n: int) -> pd.DataFrame:
    rate = 26_000.0 * np.exp(-np.linspace(0.0, 15.0, n))
    return pd.DataFrame({"threshold": np.arange(n), "rate_khz": rate, "error_khz": rate / 10})


def test_short_curve_is_kept_whole() -> None:
    pd.testing.assert_frame_equal(thinned(curve(300)), curve(300))


def test_long_curve_keeps_its_ends_and_steps_little() -> None:
    whole = curve(50_000)
    rows = thinned(whole)
    assert 300 < len(rows) <= 400
    assert rows["threshold"].iloc[[0, -1]].tolist() == [0, 49_999]
    falling = rows["rate_khz"].to_numpy()
    assert (falling[:-1] / falling[1:]).max() < 1.05
    pd.testing.assert_frame_equal(rows, whole.loc[rows.index])


def test_rows_without_rate_are_left_out() -> None:
    frame = curve(10)
    frame.loc[7:, "rate_khz"] = 0.0
    assert thinned(frame)["threshold"].tolist() == list(range(7))
