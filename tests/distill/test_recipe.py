"""The whole recipe on a small scale: teacher, float student, quantized student."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch

from distill.data import TrainingData
from distill.export import export_graph, prove_export
from distill.recipe import (
    Lesson,
    Quantization,
    Recipe,
    Stages,
    StudentRecipe,
    distill,
    quantize_student,
    train_student,
)
from distill.sampling import Drawn, flattened_sample, natural_sample, split
from distill.scores import float_student_scores, quantized_scores, teacher_scores
from distill.students import StudentSpec
from distill.teachers import TeacherSpec
from distill.training import Epoch, TrainingSettings
from distill.widths import BitWidths, widths_of
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from distill.recipe import Distilled

STAGES = ["teacher", "float-student", "student"]
FINE_TUNING = TrainingSettings(epochs=3, batch_size=256, learning_rate=1e-3, threads=1)
STUDENT = StudentRecipe(
    StudentSpec.uniform((16, 8)),
    training=TrainingSettings(epochs=12, batch_size=256, learning_rate=1e-2, threads=1),
    quantized_training=FINE_TUNING,
    width_training=replace(FINE_TUNING, learning_rate=1e-2),
)
RECIPE = Recipe(
    STUDENT,
    teacher=TeacherSpec((32, 6, 32)),
    teacher_training=TrainingSettings(epochs=6, batch_size=256, threads=1),
)


@pytest.fixture(scope="module")
def halves(background: TrainingData) -> Drawn:
    training, validation = split(background, 0.25, seed=1)
    return Drawn(natural_sample(training, 4_000, seed=1), natural_sample(validation, 1_000, seed=2))


@pytest.fixture(scope="module")
def distilled(halves: Drawn) -> Distilled:
    return distill(halves, RECIPE)


def ranks(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.argsort(np.argsort(scores, kind="stable"))


def test_students_follow_the_teacher(distilled: Distilled, halves: Drawn) -> None:
    rows = halves[1].rows
    teacher = teacher_scores(cast("nn.Module", distilled.teacher), rows)
    floating = float_student_scores(distilled.float_student, rows)
    quantized = quantized_scores(distilled.student, rows)
    assert np.corrcoef(ranks(floating), ranks(teacher))[0, 1] > 0.8
    assert np.corrcoef(ranks(quantized), ranks(floating))[0, 1] > 0.97
    # What is learned is the logarithm of the score.
    goals = distilled.target(torch.from_numpy(teacher)).numpy()
    assert np.sqrt(np.mean((floating - goals) ** 2)) < 0.5 * goals.std()


def test_histories_tell_each_stage(distilled: Distilled) -> None:
    assert [history.stage for history in distilled.histories] == STAGES
    for history in distilled.histories[:2]:
        assert history.best_loss < history.epochs[0].validation_loss
    assert distilled.histories[0].as_dict()["epochs"][0]["epoch"] == 0


def test_result_is_exported_exactly(distilled: Distilled, halves: Drawn) -> None:
    graph = export_graph(distilled.student)
    assert prove_export(distilled.student, graph, halves[0].rows).n_mismatch == 0


def test_interrupted_recipe_resumes_to_the_same_graph(
    distilled: Distilled, halves: Drawn, tmp_path: Path
) -> None:
    def interrupt(stage: str, epoch: Epoch) -> None:
        if (stage, epoch.epoch) == ("float-student", 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(halves, RECIPE, stages=Stages(tmp_path, progress=interrupt))
    seen: list[str] = []
    resumed = distill(
        halves,
        RECIPE,
        stages=Stages(tmp_path, resume=True, progress=lambda stage, _: seen.append(stage)),
    )
    assert seen == ["float-student"] * 7 + ["student"] * 3
    assert resumed.histories == distilled.histories
    assert export_graph(resumed.student) == export_graph(distilled.student)
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(STAGES)


def test_student_may_learn_on_other_crossings_than_the_teacher(
    distilled: Distilled, halves: Drawn, background: TrainingData
) -> None:
    weights = np.where(background.rows[:, 0] > 120, 1, 1000)
    weighted = TrainingData.from_arrays(background.rows, background.layout, weights=weights)
    flat = [
        flattened_sample(part, n, power=0.0, seed=3)
        for part, n in zip(split(weighted, 0.25, seed=1), (4_000, 1_000), strict=True)
    ]
    found = distill(halves, RECIPE, for_student=Drawn(*flat))
    # The teacher and all scaling are those of the natural sample.
    rows = halves.validation.rows
    np.testing.assert_array_equal(
        teacher_scores(cast("nn.Module", found.teacher), rows),
        teacher_scores(cast("nn.Module", distilled.teacher), rows),
    )
    assert found.target == distilled.target
    assert found.student.scaling == distilled.student.scaling
    assert found.histories[0] == distilled.histories[0]
    assert found.histories[1] != distilled.histories[1]


@pytest.fixture(scope="module")
def lesson(distilled: Distilled, halves: Drawn) -> Lesson:
    _, lesson = Lesson.by(distilled.teacher, halves, halves)
    return lesson


WIDTHS = BitWidths.uniform(2, weights=5, biases=7, activations=6)


@pytest.mark.parametrize(
    ("quantization", "stages"),
    [
        (Quantization("aware", WIDTHS), ["student"]),
        (Quantization("post", replace(WIDTHS, per_channel=True)), []),
        (
            Quantization("learned", granularity="layer", ebops_penalty=1e-4),
            ["student-widths", "student"],
        ),
        (Quantization("learned", WIDTHS, ebops_penalty=1e-4), ["student-widths", "student"]),
    ],
)
def test_every_way_to_integers_is_exported_exactly(
    quantization: Quantization,
    stages: list[str],
    lesson: Lesson,
    distilled: Distilled,
    halves: Drawn,
) -> None:
    recipe = replace(STUDENT, quantization=quantization)
    student, histories = quantize_student(distilled.float_student, lesson, recipe, Stages())
    assert [history.stage for history in histories] == stages
    graph = export_graph(student)
    rows = halves.training.rows
    assert prove_export(student, graph, rows).n_mismatch == 0
    found, floating = (
        quantized_scores(student, rows),
        float_student_scores(distilled.float_student, rows),
    )
    assert np.corrcoef(ranks(found), ranks(floating))[0, 1] > 0.9
    fixed = quantization.method != "learned"
    assert (widths_of(student.spec).weights == WIDTHS.weights) == fixed


def test_a_student_may_start_from_scratch_with_its_types(lesson: Lesson) -> None:
    recipe = replace(STUDENT, training=None, quantized_training=STUDENT.training or FINE_TUNING)
    trained = train_student(lesson, recipe, Stages())
    assert [history.stage for history in trained.histories] == ["student"]
    assert trained.histories[0].best_loss < trained.histories[0].epochs[0].validation_loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "before"}, "method must be one of aware, post, learned, got 'before'"),
        ({"granularity": "weight"}, "granularity must be one of layer, channel"),
        ({"ebops_penalty": -1.0}, "ebops_penalty cannot be negative"),
    ],
)
def test_refuses_impossible_quantization(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Quantization(**options)


def test_refuses_recipes_that_do_not_fit() -> None:
    bits = BitWidths.uniform(1, weights=5, biases=5, activations=5)
    with pytest.raises(SettingsError, match="widths for 1 hidden layers, the student has 2"):
        replace(STUDENT, quantization=Quantization(bits=bits))
    with pytest.raises(SettingsError, match="needs a float student that is trained"):
        replace(STUDENT, quantization=Quantization("post"), training=None)
