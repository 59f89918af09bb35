"""Accept sets by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from distill.data import TrainingData
from distill.errors import TrainingDataError
from distill.search.judge import Judge, estimated_cost, overlap
from emulator.fixed import FixedFormat
from emulator.graph import Graph, Input, Square
from emulator.rates import RateScenario, load_scenario

if TYPE_CHECKING:
    from torch import Tensor

    from emulator.features import FeatureLayout


class First(torch.nn.Module):
    """Scores with one column, or the falling order of it."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column

    def forward(self, rows: Tensor) -> Tensor:
        """Return the column."""
        return rows[:, self.column]


def judged(layout: FeatureLayout, first: list[int], second: list[int], weights: list[int]) -> float:
    rows = np.zeros((len(first), len(layout)), dtype=np.int16)
    rows[:, 0], rows[:, 2] = first, second
    data = TrainingData.from_arrays(rows, layout, weights=weights)
    teacher: Any = First(0)
    scenario: RateScenario = load_scenario("run3")
    judge = Judge(teacher, data, target_khz=scenario.crossing_rate_khz / 4, scenario=scenario)
    student: Any = First(2)
    student.spec = type("Spec", (), {"score_format": FixedFormat(16, 16)})
    return judge.agreement(student)


@pytest.mark.parametrize(
    ("first", "second", "agreement"),
    [
        ([4, 3, 2, 1], [9, 8, 7, 6], 1.0),
        ([4, 3, 2, 1], [8, 9, 7, 6], 0.0),
        # Each accepts a fourth of the weight; a tie would exceed it, so nothing is accepted.
        ([4, 3, 2, 1], [9, 9, 7, 6], 0.0),
    ],
)
def test_accept_sets_of_equal_weights(
    layout: FeatureLayout, first: list[int], second: list[int], agreement: float
) -> None:
    assert judged(layout, first, second, [1, 1, 1, 1]) == agreement


def test_weights_count(layout: FeatureLayout) -> None:
    # A fourth of 16 is 4: the teacher takes 3 + 1, the student 3 and then 1 of another.
    teacher, student = [9, 8, 7, 1, 0], [9, 7, 8, 1, 0]
    assert judged(layout, teacher, student, [3, 1, 1, 1, 10]) == 3 / 5


def test_nothing_accepted_is_no_agreement() -> None:
    none = np.zeros(3, dtype=np.bool_)
    assert overlap(none, none, weights=np.ones(3, dtype=np.int64)) == 0.0


def test_an_estimate_that_is_not_calibrated_is_refused() -> None:
    x = Input("x", (), FixedFormat(8, 8), size=2)
    graph = Graph((x, Square("y", ("x",), FixedFormat(16, 16))), ("y",))
    with pytest.raises(
        TrainingDataError, match="no luts estimate for latency, routed; there are: dis"
    ):
        estimated_cost(graph, flow="latency", stage="routed")
