"""Teachers that were not trained here: any module, or a column of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distill.errors import TrainingDataError
from distill.foreign_teachers import GivenScores, ModuleTeacher, exact_scores_of, scores_of
from distill.recipe import Lesson, Recipe, StudentRecipe, distill
from distill.sampling import Drawn, flattened_sample, mixed_outliers, natural_sample, split
from distill.students import StudentSpec
from distill.targets import LogTarget
from distill.training import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from distill.data import TrainingData


class HardestSum(nn.Module):
    """Sum of all pT, as somebody else's model may be."""

    def forward(self, rows: Tensor) -> Tensor:
        """Return one column."""
        return rows[:, ::3].sum(dim=1, keepdim=True)


class Wrong(nn.Module):
    """Returns whatever a function makes of the rows."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, rows: Tensor) -> object:
        """Return anything."""
        return self.function(rows)


def test_places_follow_crossings_through_every_draw(background: TrainingData) -> None:
    parts = split(background, 0.25, seed=1)
    drawn = natural_sample(parts[0], 500, seed=2).joined(
        flattened_sample(parts[1], 300, power=0.5, seed=3)
    )
    assert np.array_equal(background.rows[drawn.places], drawn.rows)
    assert (mixed_outliers(background, 10, seed=1).places == -1).all()


def test_a_student_learns_from_any_module_and_from_its_scores_alike(
    background: TrainingData,
) -> None:
    module = ModuleTeacher(HardestSum())
    given = GivenScores(exact_scores_of(module, background))
    halves = Drawn(*split(background, 0.25, seed=1))
    lessons = [Lesson.by(teacher, halves, halves)[1] for teacher in (module, given)]
    assert torch.equal(lessons[0].targets, lessons[1].targets)
    assert torch.equal(lessons[0].check_targets, lessons[1].check_targets)
    training = TrainingSettings(epochs=4, batch_size=128, learning_rate=1e-2)
    recipe = Recipe(
        StudentRecipe(StudentSpec.uniform((8,)), training=training, quantized_training=training)
    )
    trained = distill(halves, recipe, teacher=module)
    assert [history.stage for history in trained.histories] == ["float-student", "student"]
    assert trained.teacher is module
    rows = torch.from_numpy(halves.validation.rows.astype(np.float32))
    with torch.no_grad():
        student, teacher = trained.student(rows), module(rows)
    assert np.corrcoef(student.argsort().argsort(), teacher.argsort().argsort())[0, 1] > 0.9


def test_a_module_is_frozen_and_evaluated() -> None:
    teacher = ModuleTeacher(nn.Sequential(nn.Linear(57, 4), nn.Dropout(0.5), nn.Linear(4, 1)))
    rows = torch.ones(5, 57)
    assert not any(each.requires_grad for each in teacher.parameters())
    assert torch.equal(teacher(rows), teacher(rows))
    assert teacher(rows.double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda rows: rows, r"one score for each crossing, got \(6, 57\) for 6"),
        (lambda rows: rows.tolist(), "one score for each crossing, got list"),
        (lambda rows: rows[:, 0] / 0.0, "score of crossing 0 of 6 is nan"),
    ],
)
def test_refuses_modules_that_give_no_scores(
    function: Callable[[Tensor], object], message: str
) -> None:
    with pytest.raises(TrainingDataError, match=message):
        ModuleTeacher(Wrong(function))(torch.zeros(6, 57))


def test_refuses_scores_that_are_not_there(background: TrainingData) -> None:
    scores = np.ones(len(background))
    with pytest.raises(TrainingDataError, match="made up have no score in a file"):
        GivenScores(scores).of(mixed_outliers(background, 5, seed=1))
    with pytest.raises(TrainingDataError, match="scores for 10 crossings, the sample has more"):
        GivenScores(scores[:10]).of(background)
    scores[7] = np.inf
    with pytest.raises(TrainingDataError, match="score of crossing 7 is inf"):
        GivenScores(scores)


def test_negative_scores_have_a_floor(background: TrainingData) -> None:
    scores = torch.tensor([-5.0, -3.0, -1.0, 9.0, 4.0])
    target = LogTarget.fit(scores)
    assert (target.reference, target.floor) == (4.0, -5.0)
    torch.testing.assert_close(target(scores), torch.log1p((scores + 5.0) / 4.0))
    assert float(target(torch.tensor([-7.0]))) == 0.0
    assert LogTarget.fit(scores.abs()).floor == 0.0
    assert scores_of(GivenScores(np.arange(6_000.0)), background)[3] == 3.0
