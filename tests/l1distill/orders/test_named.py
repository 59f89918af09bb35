"""Named students: what they keep against what they are asked to, and how surely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from l1distill.orders.differences import Results
from l1distill.orders.named import asked_of_students, asked_plot, asked_statement, asked_table
from l1distill.orders.settings import Orders


def _orders(**students: dict[str, Any]) -> Orders:
    return Orders.model_validate(
        {
            "schema": "l1distill-orders/1",
            "name": "figures",
            "study": "study.yaml",
            "seeds": [1, 2, 3],
            "orders": [],
            "controls": {"kinds": []},
            "students": students,
            "targets_khz": [1, 10],
        }
    )


def _results(ratios: dict[str, float], *, shares: float = 0.2, n_seeds: int = 3) -> Results:
    """Arms that keep so much of 20 %, in the mean over seeds that differ by 3 %."""
    units = []
    for seed in range(n_seeds):
        for arm, ratio in {"teacher": 1.0, "reference": 1.0, **ratios}.items():
            level = 0.2 * ratio
            own = 0.0 if arm in {"teacher", "reference"} or n_seeds == 1 else 0.03 * (seed - 1)
            moved = float(np.exp(own))
            kept = [
                {
                    "signal": "A",
                    "target_khz": target,
                    "efficiency": level * moved,
                    "n_accepted": 500,
                    "replicas": [level] * 20,
                }
                for target in (1.0, 10.0)
            ]
            chosen = {
                "limit": "only",
                "value": None,
                "name": "57-8-1",
                "luts": 1000.0,
                "share": shares,
                "efficiencies": kept,
            }
            units.append(
                {
                    "seed": seed,
                    "arm": arm,
                    "choices": [] if arm == "teacher" else [chosen],
                    "teacher": kept if arm == "teacher" else None,
                }
            )
    return Results(units)


@pytest.mark.parametrize(
    ("keeps", "ratio", "shares", "n_seeds", "verdict"),
    [
        (0.75, 0.95, 0.2, 3, "reached, also by 95 %"),
        (0.94, 0.95, 0.2, 3, "reached"),
        (0.96, 0.95, 0.2, 3, "missed, within the errors"),
        (1.5, 0.95, 0.2, 3, "missed"),
        (0.75, 0.95, 0.3, 3, "too large"),
        (0.75, 0.95, 0.2, 1, "reached, one seed"),
        (1.5, 0.95, 0.2, 1, "missed, one seed"),
    ],
)
def test_verdicts(keeps: float, ratio: float, shares: float, n_seeds: int, verdict: str) -> None:
    orders = _orders(small={"keeps": keeps, "within": 0.25})
    results = _results({"student small": ratio}, shares=shares, n_seeds=n_seeds)
    (found,) = asked_of_students(results, orders)
    assert found.kept.ratio == pytest.approx(ratio)
    assert found.verdict == verdict
    assert found.reached == verdict.startswith("reached")


def test_statement_table_and_plot_say_the_same() -> None:
    orders = _orders(small={"keeps": 0.75, "within": 0.25}, large={"keeps": 0.5, "of": "teacher"})
    results = _results({"student small": 0.9, "student large": 0.4})
    statement = asked_statement(results, orders)
    assert statement is not None
    assert statement.mood == "open"
    assert "20 % of the LUTs" in statement.lines[0]
    assert "asked for is at least 0.75: reached, also by 95 %" in statement.lines[0]
    assert "of what its teacher does at 10 kHz" in statement.lines[1]
    table = asked_table(results, orders)
    assert table is not None
    assert [row[-1].look for row in table.rows] == ["good", "open"]
    plot = asked_plot(results, orders)
    assert plot is not None
    # Only what is held against 57-32-16-1 is in the picture.
    assert [len(one["ratio"]) for one in plot.points["series"]] == [1, 1]


def test_nothing_is_said_of_students_that_are_not_there() -> None:
    orders = _orders(small={"keeps": 0.75})
    results = _results({})
    assert asked_statement(results, orders) is None
    assert asked_table(results, orders) is None
    assert asked_plot(results, orders) is None
