"""Facts of decisions, against sums by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from emulator.graph import total_ebops
from emulator.model import NamedThreshold
from emulator.rates import ScoreCounts, load_scenario, threshold_at
from firmware.cost import analytic_figures
from l1distill.gates import network_facts, passing_facts, rate_facts, scores_sha256

if TYPE_CHECKING:
    from emulator.model import Model

RUN3 = load_scenario("run3")


def test_hash_sees_value_order_and_length() -> None:
    scores = np.array([5, 0, -3])
    hashes = {
        scores_sha256(each)
        for each in (scores, scores[::-1], scores[:2], scores + 1, np.append(scores, 0))
    }
    assert len(hashes) == 5
    assert scores_sha256(scores.astype(np.int16)) == scores_sha256(scores)
    assert scores_sha256(scores.astype(">i8")) == scores_sha256(scores)


def test_network(small_model: Model) -> None:
    assert network_facts(small_model) == {
        "sha256": small_model.network_sha256,
        "ebops": total_ebops(small_model.graph),
        "weights": 4,
        "multiplications": 4,
        "luts": {
            f"{each.flow}, {each.stage}": round(each.value)
            for each in analytic_figures(small_model.graph)
            if each.quantity == "luts"
        },
    }


def test_fires_at_the_threshold_itself() -> None:
    scores = np.array([199, 200, 201, 900])
    thresholds = [NamedThreshold("loose", 200), NamedThreshold("none", 901)]
    facts = passing_facts(scores, None, thresholds)
    assert (facts["score_min"], facts["score_max"]) == (199, 900)
    assert facts["at loose"] == {"threshold": 200, "fires": 3, "fraction": 0.75}
    assert facts["at none"] == {"threshold": 901, "fires": 0, "fraction": 0.0}


def test_weights_are_added_exactly() -> None:
    # Three weights whose sum has more bits than a float keeps.
    weights = np.array([1, 1 << 60, 3])
    scores = np.array([10, 0, 10])
    facts = passing_facts(scores, weights, [NamedThreshold("t", 10)], RUN3)
    exact = Fraction(RUN3.crossing_rate_khz) * Fraction(4, (1 << 60) + 4)
    assert facts["at t"] == {"threshold": 10, "fires": 2, "rate_khz": float(exact)}


def test_rates_and_efficiencies() -> None:
    scores = np.random.default_rng(1).geometric(0.02, size=60_000)
    counts = {
        "setting": ScoreCounts.from_scores(scores[:30_000], stream="a", replicas=5),
        "measuring": ScoreCounts.from_scores(scores[30_000:], stream="b", replicas=5),
        "signal": ScoreCounts.from_scores(scores[:500] * 3, stream="c", replicas=5),
    }
    facts = rate_facts(counts, scenario=RUN3, targets_khz=(10.0,))["10 kHz"]
    threshold = threshold_at(counts["setting"], 10.0, RUN3).threshold
    assert facts["threshold"] == threshold
    fires = int((scores[30_000:] >= threshold).sum())
    assert facts["fires"] == fires
    assert facts["rate_khz"] == RUN3.rate_khz(fires, 30_000)
    assert facts["efficiency signal"] == int((scores[:500] * 3 >= threshold).sum()) / 500
