"""The calibration: what it predicts for networks it has not seen, and the page that shows it."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

from firmware.cost.fit import LEAST_FACTOR, Fit, Point, fits
from firmware.cost.page import cost_page
from firmware.cost.published import published_networks

PAGE = Path(__file__).parents[3] / "docs" / "cost.md"


def test_published_networks_have_their_published_sizes() -> None:
    sizes = {one.name: (one.multiplications, one.nonzero) for one in published_networks()}
    assert sizes["AXOL1TL v3"] == (2464, 1526)
    assert sizes["AXOL1TL v4"] == (2136, 1241)
    assert sizes["AXOL1TL v5"] == (2279, 1630)
    assert sizes["AXOL1TL v1"] == (57 * 32 + 32 * 16 + 16 * 13, None)


def test_bit_products_are_counted_by_hand() -> None:
    v3 = next(one for one in published_networks() if one.name == "AXOL1TL v3")
    dense = 57 * 32 * 8 * 6 + 32 * 16 * 10 * 6 + 16 * 8 * 10 * 6
    assert v3.bit_products == pytest.approx(dense * 1526 / 2464)


def test_factor_is_a_geometric_mean_and_flows_are_kept_apart() -> None:
    by_stage = {(fit.flow, fit.stage): fit for fit in fits()}
    assert len(by_stage) == 4
    for fit in fits():
        product = prod(point.luts / point.bit_products for point in fit.points)
        assert fit.luts_per_bit_product == pytest.approx(product ** (1 / len(fit.points)))
    latency = by_stage["latency", "HLS report"]
    shifts = by_stage["distributed arithmetic", "HLS report"]
    assert latency.luts_per_bit_product > 2 * shifts.luts_per_bit_product


def test_every_published_figure_is_predicted_within_the_promise() -> None:
    tested = 0
    for fit in fits():
        for point in fit.points:
            predicted = fit.left_out(point)
            if predicted is None:
                continue
            tested += 1
            assert 1 / fit.uncertainty_factor <= predicted / point.luts <= fit.uncertainty_factor
            # Much better than promised, and still not to be promised.
            assert 0.8 <= predicted / point.luts <= 1.25
    assert tested == 7


def test_leaving_out_never_uses_the_point_nor_its_like() -> None:
    points = (
        Point("a", "a", 100.0, 100),
        Point("b", "pair", 100.0, 400),
        Point("c", "pair", 100.0, 900),
    )
    fit = Fit("latency", "routed", 1.0, points)
    assert fit.left_out(points[0]) == pytest.approx(600.0)
    assert fit.left_out(points[1]) == fit.left_out(points[2]) == 100.0
    assert fit.uncertainty_factor == pytest.approx(9.0)
    alone = Fit("latency", "routed", 1.0, points[1:])
    assert alone.left_out(points[1]) is None
    assert alone.uncertainty_factor == LEAST_FACTOR
    assert "not tested on another network" in alone.source


def test_the_page_in_the_docs_is_the_one_that_is_written() -> None:
    assert PAGE.read_text(encoding="utf-8") == cost_page(), (
        "run: python -m firmware.cost docs/cost.md"
    )
