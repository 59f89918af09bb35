"""How much a step of the score moves the rate."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.rates import load_scenario
from l1distill.score_grid import grid_steps, rate_step, step_words
from l1distill.score_table import ScoreTable


@pytest.mark.parametrize("per_step", [0.01, 0.05, 0.3])
def test_step_of_an_exponential_score(per_step: float) -> None:
    rng = np.random.default_rng(1)
    scores = np.floor(rng.exponential(1.0, 400_000) / per_step).astype(np.int64)
    found = rate_step(scores, np.ones(len(scores), dtype=np.int64), 1e-3)
    assert found == pytest.approx(per_step, rel=0.25)


def test_weights_count() -> None:
    rng = np.random.default_rng(2)
    scores = np.floor(rng.exponential(1.0, 200_000) / 0.05).astype(np.int64)
    # The same spectrum, twice as hard, by weights.
    weights = np.round(2**32 * np.exp(scores * 0.05 * 0.5 - 6)).astype(np.int64)
    assert rate_step(scores, weights, 0.05) == pytest.approx(0.025, rel=0.2)


def test_what_cannot_be_told() -> None:
    same = np.full(100, 3)
    ones = np.ones(100, dtype=np.int64)
    assert rate_step(same, ones, 0.1) is None
    assert rate_step(np.arange(100) // 50, ones, 0.1) is None


def test_a_coarse_score_is_named_at_its_lowest_rate() -> None:
    rng = np.random.default_rng(3)
    fine = np.floor(rng.exponential(1.0, 200_000) / 0.001).astype(np.int64)
    identity = {"event": np.arange(len(fine))}
    table = ScoreTable(identity, {"teacher": fine, "emulator": fine // 200})
    scenario = load_scenario("run3")
    rates = [scenario.crossing_rate_khz * share for share in (1e-3, 1e-2)]
    steps = grid_steps(table, ["teacher", "emulator"], rates, scenario)
    assert [one.fine for one in steps] == [True, True, False, False]
    (sentence,) = step_words(steps)
    assert sentence.startswith("one step of the score of emulator moves the rate by ")
    assert f"at {rates[0]:g} kHz" in sentence
