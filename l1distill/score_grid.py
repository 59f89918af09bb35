"""How much one step of the integer score moves the rate at a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.rates import RateScenario
    from l1distill.score_table import ScoreTable

#: A step may move the rate by so much; beyond, a threshold cannot be set where it is wanted.
MAX_STEP = 0.05
# The step is a mean over the scores between which the rate changes from 4/5 to 5/4 of the target: single
# steps are dominated by which crossings happen to be in the sample.
_WINDOW = 1.25


@dataclass(frozen=True, slots=True)
class GridStep(Record):
    """The grid of a score at a working point.

    Parameters
    ----------
    model, target_khz
        Whose score, and where.
    step
        Relative change of the rate for one step of the score, near the target.
    fine
        Whether it is at most 5 %.
    """

    model: str
    target_khz: float
    step: float
    fine: bool


def grid_steps(
    table: ScoreTable,
    models: Sequence[str],
    targets_khz: Sequence[float],
    scenario: RateScenario,
) -> tuple[GridStep, ...]:
    """Return the step of each score at each target rate that its crossings resolve.

    Parameters
    ----------
    table
        Zero-bias crossings that set the thresholds.
    models
        Scores to look at.
    targets_khz
        Target rates.
    scenario
        Turns fractions of crossings into rates.
    """
    weights = table.weights if table.weights is not None else np.ones(len(table), dtype=np.int64)
    found = []
    for model in models:
        for target in targets_khz:
            share = target / scenario.crossing_rate_khz
            step = rate_step(table.scores[model], weights, share)
            if step is not None:
                found.append(GridStep(model, target, step, step <= MAX_STEP))
    return tuple(found)


def rate_step(scores: NDArray[np.int64], weights: NDArray[np.int64], share: float) -> float | None:
    """Return the relative change of the passing weight for one step of the score, near a share of all.

    Parameters
    ----------
    scores, weights
        Both (crossings,).
    share
        Part of the weight that passes.

    Returns
    -------
    The change; None if the highest score alone passes more than the share.

    Examples
    --------
    >>> scores = np.repeat(np.arange(200), 2 ** np.arange(200)[::-1].clip(max=12))
    >>> round(rate_step(scores, np.ones(len(scores), dtype=np.int64), 1e-3), 2)  # doubles at each step
    0.69
    """
    distinct, place = np.unique(scores, return_inverse=True)
    sums = np.zeros(len(distinct))
    np.add.at(sums, place, weights.astype(np.float64))
    passing = sums[::-1].cumsum() / sums.sum()
    falling = distinct[::-1]
    low = int(np.searchsorted(passing, share / _WINDOW, side="right")) - 1
    if low < 0 and passing[0] > share:
        return None
    low = max(low, 0)
    high = int(np.searchsorted(passing, share * _WINDOW, side="right")) - 1
    # At least one step, however coarse.
    high = min(max(high, low + 1), len(falling) - 1)
    if high == low:
        return None
    return math.log(passing[high] / passing[low]) / int(falling[low] - falling[high])


def step_words(steps: Sequence[GridStep]) -> list[str]:
    """Return a sentence for each score whose grid is too coarse at its lowest rate."""
    lowest: Mapping[str, GridStep] = {
        one.model: one for one in sorted(steps, key=lambda one: -one.target_khz)
    }
    return [
        f"one step of the score of {one.model} moves the rate by {100 * one.step:.2g} % at "
        f"{one.target_khz:g} kHz, more than {100 * MAX_STEP:g} %; more fraction bits of its score would "
        "set thresholds finer"
        for one in lowest.values()
        if not one.fine
    ]
