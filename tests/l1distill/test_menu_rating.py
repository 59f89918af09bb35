"""What a network gains on top of a menu with prescales, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.rates import PrescaleColumn, RateScenario
from l1distill.evaluation import Bootstrap
from l1distill.menu_rating import rate_menu
from l1distill.score_table import ScoreTable

# One bunch: 11.2456 kHz of crossings, so that each of ten stands for 1.12456 kHz.
ONE_BUNCH = RateScenario("one bunch", 13.6, 1, 60.0, 78.58, "test")
KHZ = 1.12456

#: A always accepts, B two of five times, C never.
COLUMN = PrescaleColumn.of({"A": 1, "B": 2.5, "C": 0})


def some_table(scores: list[int], fired: list[str], first: int) -> ScoreTable:
    decisions = np.array([[seed in seeds for seed in "ABC"] for seeds in fired])
    identity = {"event": np.arange(first, first + len(scores), dtype=np.uint64)}
    return ScoreTable(identity, {"m": np.array(scores)}, decisions, COLUMN.seeds)


SETTING = some_table(
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], ["A", "B", "C", "AB", "", "", "B", "", "", ""], 0
)
MEASURING = some_table([9, 9, 7, 7, 1, 1, 1, 1, 1, 1], ["", "B", "C", "A"] + 6 * [""], 10)
SIGNAL = some_table([9, 8, 7, 3], ["A", "BC", "C", ""], 20)


def test_gains_by_hand() -> None:
    found = rate_menu(
        COLUMN,
        SETTING,
        MEASURING,
        {"s": SIGNAL},
        scenario=ONE_BUNCH,
        targets_khz=[1.7 * KHZ],
        bootstrap=Bootstrap(100),
    )
    rates = {each.seed: each for each in found.seeds}
    # Measuring: A in one crossing, B in one (40 %), C is off.
    assert rates["A"].rate_khz == pytest.approx(KHZ)
    assert rates["B"].before_khz == pytest.approx(KHZ)
    assert rates["B"].rate_khz == rates["B"].pure_khz == pytest.approx(0.4 * KHZ, rel=1e-9)
    assert rates["C"].before_khz == pytest.approx(KHZ)
    assert rates["C"].rate_khz == 0
    assert rates["any seed"].rate_khz == pytest.approx(1.4 * KHZ, rel=1e-9)
    # The menu keeps the signal's first event, and 40 % of the second.
    (kept,) = found.signals
    assert kept.efficiency == pytest.approx(1.4 / 4, rel=1e-9)
    # Setting, pure from above: 0 (9), 0.6 (8), 1.6 (7), 1.6 (6), 2.6 (5). At 1.7 crossings: 7.
    assert found.pure is not None
    (point,) = found.pure.working_points
    assert point.threshold == 7
    assert point.setting_rate_khz == pytest.approx(1.6 * KHZ, rel=1e-9)
    # Measuring, at 7 and above: 1 + 0.6 + 1 + 0.
    assert point.rate_khz == pytest.approx(2.6 * KHZ, rel=1e-9)
    # Signal: the menu leaves 0 + 0.6 + 1 of what fires.
    (gain,) = found.pure.efficiencies
    assert gain.efficiency == pytest.approx(1.6 / 4, rel=1e-9)
    assert gain.low < gain.efficiency < gain.high
