"""Thresholds and efficiencies that can be worked out by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.errors import L1Error
from emulator.objects import OBJECTS, SUMS
from emulator.rates import RateScenario
from l1distill.baselines import BASELINES, baseline_scores
from l1distill.evaluation import Bootstrap, compare_models, evaluate
from l1distill.score_table import ScoreTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.l1distill.conftest import MakeEvents

# One bunch: 11.2 kHz of crossings.
SCENARIO = RateScenario("one bunch", 13.6, 1, 60.0, 80.0, "made up")
CROSSING_RATE = SCENARIO.crossing_rate_khz
FEW = Bootstrap(replicas=20, seed=1)


def table(
    scores: Sequence[int], weights: Sequence[int] | None = None, first: int = 0
) -> ScoreTable:
    identity: dict[str, NDArray[Any]] = {
        "event": np.arange(first, first + len(scores), dtype=np.uint64)
    }
    if weights is not None:
        identity["weight"] = np.array(weights, dtype=np.int64) << 32
    return ScoreTable(identity, {"model": np.array(scores, dtype=np.int64)})


def test_thresholds_and_efficiencies_by_hand() -> None:
    setting = table([4, 9, 1, 7, 7, 2, 3, 0, 5, 8])
    measuring = table([9, 8, 8, 1, 0, 0, 0, 7], first=100)
    signals = {"A": table([9, 8, 7, 1], first=200), "B": table([0, 0], first=300)}
    # Of 10 crossings: 2 may fire at a quarter of the crossing rate, 4 at a bit more than four tenths.
    targets = [0.25 * CROSSING_RATE, 0.41 * CROSSING_RATE]
    result = evaluate(
        setting,
        measuring,
        signals,
        scenario=SCENARIO,
        targets_khz=targets,
        bootstrap=FEW,
        denominators={"A": "four of them"},
    )
    tight, loose = result.working_points
    assert (tight.model, tight.threshold, tight.reached) == ("model", 8, True)
    assert tight.setting_rate_khz == pytest.approx(0.2 * CROSSING_RATE, rel=1e-12)
    assert tight.rate_khz == pytest.approx(3 / 8 * CROSSING_RATE, rel=1e-12)
    assert (tight.entries_passing, loose.entries_passing) == (3, 4)
    assert loose.threshold == 7
    found = {(each.signal, each.threshold): each.efficiency for each in result.efficiencies}
    assert found == {("A", 8): 0.5, ("A", 7): 0.75, ("B", 8): 0.0, ("B", 7): 0.0}
    kept = {each.signal: (each.n_total, each.denominator) for each in result.efficiencies}
    assert kept == {"A": (4, "four of them"), "B": (2, "all generated events")}
    assert set(result.rate_curves) == {"model"}
    assert set(result.efficiency_curves) == {("A", "model"), ("B", "model")}


def test_weights_count() -> None:
    # Total weight 10; the hardest crossing alone weighs 3.
    setting = table([9, 8, 7, 0], [3, 1, 1, 5])
    measuring = table([9, 0], [1, 3], first=100)
    signals = {"A": table([9, 8, 7], [1, 2, 5], first=200)}
    result = evaluate(
        setting,
        measuring,
        signals,
        scenario=SCENARIO,
        targets_khz=[0.45 * CROSSING_RATE, 0.1 * CROSSING_RATE],
        bootstrap=FEW,
    )
    reached, missed = result.working_points
    assert (reached.threshold, reached.reached) == (8, True)
    assert reached.rate_khz == pytest.approx(CROSSING_RATE / 4, rel=1e-12)
    assert (missed.threshold, missed.reached) == (10, False)
    assert [each.efficiency for each in result.efficiencies] == [3 / 8, 0.0]


def test_every_model_of_the_tables_is_rated() -> None:
    def two(scores: Sequence[int], first: int) -> ScoreTable:
        one = table(scores, first=first)
        return ScoreTable(one.identity, {**one.scores, "half": one.scores["model"] // 2})

    result = evaluate(
        two([1, 2, 3, 4], 0),
        two([1, 2, 3, 4], 10),
        {},
        scenario=SCENARIO,
        targets_khz=[0.51 * CROSSING_RATE],
        bootstrap=FEW,
    )
    # Halves are 0, 1, 1, 2: the ones tie, so that only the two fires.
    assert {each.model: each.threshold for each in result.working_points} == {"model": 3, "half": 2}
    assert result.efficiencies == ()


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(L1Error, match="too few to set a threshold on"):
        evaluate(table([]), table([1]), {}, scenario=SCENARIO, targets_khz=[1.0], bootstrap=FEW)


def test_identical_models_have_ratio_one() -> None:
    rng = np.random.default_rng(5)

    def twice(n: int, mean: float, first: int) -> ScoreTable:
        one = table(np.rint(rng.exponential(mean, n)).astype(int).tolist(), first=first)
        return ScoreTable(one.identity, {"a": one.scores["model"], "b": one.scores["model"]})

    results = compare_models(
        twice(2_000, 10.0, 0),
        {"A": twice(100, 30.0, 5_000)},
        model="a",
        reference="b",
        scenario=SCENARIO,
        targets_khz=[0.5, 1.0],
        bootstrap=FEW,
    )
    assert [(each.signal, each.target_khz) for each in results] == [("A", 0.5), ("A", 1.0)]
    for each in results:
        assert (each.model, each.reference) == ("a", "b")
        assert (each.ratio, each.difference) == (1.0, 0.0)
        assert (each.difference_low, each.difference_high) == (0.0, 0.0)


def test_baselines_equal_a_plain_loop(make_events: MakeEvents) -> None:
    events = make_events(200, 6)
    places = {
        "HTT": ("htt", 0),
        "leading jet": ("jet", 0),
        "MET": ("etm", 0),
        "leading e/gamma": ("eg", 0),
        "leading muon": ("mu", 0),
        "second muon": ("mu", 1),
        "third muon": ("mu", 2),
    }
    found = baseline_scores(events)
    assert set(found) == set(places) == set(BASELINES)
    rows = events.to_list()
    for name, (collection, slot) in places.items():
        assert collection in (*OBJECTS, *SUMS)
        expected = [
            row[collection][slot]["pt"] if slot < len(row[collection]) else 0 for row in rows
        ]
        assert found[name].dtype == np.int64
        assert found[name].tolist() == expected
        assert any(expected)
    assert 0 in found["third muon"].tolist()


def test_few_bunches_have_a_shorter_curve() -> None:
    rng = np.random.default_rng(7)
    setting, measuring = (
        table(rng.integers(0, 500, 300).tolist(), first=first) for first in (0, 300)
    )
    signals = {"A": table(rng.integers(200, 700, 50).tolist(), first=900)}
    result = evaluate(
        setting, measuring, signals, scenario=SCENARIO, targets_khz=[1.0], bootstrap=FEW
    )
    curve = result.efficiency_curves["A", "model"]
    assert len(curve) > 5
    assert curve["rate_khz"].between(0, CROSSING_RATE).all()
    assert curve["rate_khz"].is_monotonic_increasing
    assert curve["efficiency"].is_monotonic_increasing
