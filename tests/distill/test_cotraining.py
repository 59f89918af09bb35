"""Teacher and student at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from distill.cotraining import CoTraining, cotrain
from distill.errors import CheckpointError
from distill.export import export_graph, prove_export
from distill.recipe import Recipe, Stages, StudentRecipe, distill
from distill.sampling import Drawn, natural_sample, split
from distill.scores import float_student_scores, teacher_scores
from distill.students import StudentSpec
from distill.teachers import TeacherSpec
from distill.training import Epoch, TrainingSettings
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from distill.data import TrainingData
    from distill.recipe import Distilled

FAST = TrainingSettings(epochs=5, batch_size=256, learning_rate=8e-3)
RECIPE = Recipe(
    StudentRecipe(
        StudentSpec.uniform((16, 8)),
        training=FAST,
        quantized_training=replace(FAST, epochs=1, learning_rate=1e-3),
    ),
    teacher=TeacherSpec((32, 6, 32)),
    teacher_training=FAST,
)
MODES = {
    "joint": CoTraining("joint"),
    "alternating": CoTraining("alternating", student_epochs=2),
    "feedback": CoTraining("joint", feedback=0.5, head_start=0),
}


@pytest.fixture(scope="module")
def halves(background: TrainingData) -> Drawn:
    training, validation = split(background, 0.25, seed=1)
    return Drawn(natural_sample(training, 4_000, seed=1), natural_sample(validation, 1_000, seed=2))


@pytest.fixture(scope="module")
def trained(halves: Drawn) -> dict[str, Distilled]:
    return {name: cotrain(halves, RECIPE, settings) for name, settings in MODES.items()}


def follows(distilled: Distilled, halves: Drawn) -> float:
    rows = halves.validation.rows
    pair = (
        teacher_scores(cast("nn.Module", distilled.teacher), rows),
        float_student_scores(distilled.float_student, rows),
    )
    ranks = [np.argsort(np.argsort(scores)) for scores in pair]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


@pytest.mark.parametrize("name", MODES)
def test_students_follow_and_export(
    name: str, trained: dict[str, Distilled], halves: Drawn
) -> None:
    found = trained[name]
    assert follows(found, halves) > 0.65
    assert [history.stage for history in found.histories] == ["teacher", "float-student", "student"]
    graph = export_graph(found.student)
    assert prove_export(found.student, graph, halves.training.rows).n_mismatch == 0


def test_epochs_are_those_of_the_schedule(trained: dict[str, Distilled]) -> None:
    epochs = {
        name: [len(history.epochs) for history in one.histories] for name, one in trained.items()
    }
    assert epochs == {"joint": [5, 4, 1], "alternating": [5, 8, 1], "feedback": [5, 5, 1]}


def test_a_stopped_gradient_leaves_the_teacher_alone(
    trained: dict[str, Distilled], halves: Drawn
) -> None:
    offline = distill(halves, RECIPE)
    for name in MODES:
        same = trained[name].histories[0] == offline.histories[0]
        assert same == (name != "feedback"), name


@pytest.mark.parametrize("name", ["joint", "alternating"])
def test_resume_equals_an_uninterrupted_run(
    name: str, trained: dict[str, Distilled], halves: Drawn, tmp_path: Path
) -> None:
    def interrupt(stage: str, epoch: Epoch) -> None:
        if (stage, epoch.epoch) == ("float-student", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cotrain(halves, RECIPE, MODES[name], stages=Stages(tmp_path, progress=interrupt))
    resumed = cotrain(halves, RECIPE, MODES[name], stages=Stages(tmp_path, resume=True))
    assert resumed.histories == trained[name].histories
    assert export_graph(resumed.student) == export_graph(trained[name].student)
    with pytest.raises(CheckpointError, match="of another co-training; delete it"):
        cotrain(halves, RECIPE, MODES["feedback"], stages=Stages(tmp_path, resume=True))


def test_a_teacher_that_stops_early_leaves_the_student_its_epochs(halves: Drawn) -> None:
    # Nothing is learned at this rate, so that the first epoch stays the best.
    hasty = replace(FAST, learning_rate=1e-30, patience=1)
    found = cotrain(halves, replace(RECIPE, teacher_training=hasty), MODES["alternating"])
    assert found.histories[0].stopped_early
    assert len(found.histories[1].epochs) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "mutual"}, "mode must be one of joint, alternating, got 'mutual'"),
        ({"head_start": -1}, "head_start and feedback cannot be negative"),
        ({"student_epochs": 0}, "student_epochs not below 1"),
        ({"mode": "alternating", "feedback": 0.1}, "only joint training can let"),
    ],
)
def test_refuses_impossible_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        CoTraining(**options)


def test_needs_a_float_student(halves: Drawn) -> None:
    recipe = replace(RECIPE, student=replace(RECIPE.student, training=None))
    with pytest.raises(SettingsError, match="co-training needs the settings of a float student"):
        cotrain(halves, recipe, MODES["joint"])
