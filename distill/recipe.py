"""The recipe: teacher, float student that regresses it, quantization-aware fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from distill.scaling import InputScaling
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.teachers import TARGET_OF_REFERENCE, Autoencoder, LogTarget, TeacherSpec
from distill.training import Epoch, History, TrainingSettings, fit, torch_seed, torch_threads
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from distill.data import TrainingData
    from distill.sampling import Drawn

    Progress = Callable[[str, Epoch], None]

# Initial parameters of teacher and student come from different streams of the same seed.
_STUDENT_STREAM = 1 << 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """All choices of a distillation.

    Parameters
    ----------
    teacher, student
        What to train.
    teacher_training, student_training, quantized_training
        How to train each stage.
    tail_weight
        0: every crossing counts the same in the student's loss. Above: those with a target beyond
        that of a median crossing count ``1 + tail_weight * (target - usual)``, which favours the
        rare crossings that a trigger selects.
    seed
        Of the initial parameters.

    Raises
    ------
    SettingsError
        If ``tail_weight`` is negative.
    """

    student: StudentSpec
    teacher: TeacherSpec = field(default_factory=TeacherSpec)
    teacher_training: TrainingSettings = field(default_factory=TrainingSettings)
    student_training: TrainingSettings = field(default_factory=lambda: TrainingSettings(epochs=20))
    quantized_training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(epochs=8, learning_rate=1e-3)
    )
    tail_weight: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tail_weight < 0.0:
            msg = f"recipe: tail_weight cannot be negative, got {self.tail_weight}"
            raise SettingsError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """Trained networks and how they got there."""

    teacher: Autoencoder
    target: LogTarget
    float_student: FloatStudent
    student: QuantStudent
    histories: tuple[History, ...]


def distill(
    background: Drawn,
    recipe: Recipe,
    *,
    for_student: Drawn | None = None,
    checkpoints: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Distilled:
    """Train a teacher, a float student on its log-score, and fine-tune the quantized student.

    Nothing but background is seen: neither training nor early stopping knows a signal.

    Parameters
    ----------
    background
        Naturally distributed; the teacher learns from it what is common, and all scaling comes
        from it. See `distill.sampling.natural_sample`.
    recipe
        Shapes, types and settings.
    for_student
        Other background on which the student learns the teacher's score, with more of the rare
        crossings that a trigger selects; see `distill.sampling.flattened_sample`. By default the
        same.
    checkpoints
        Folder for one checkpoint per stage, written after each epoch.
    resume
        Go on from these checkpoints; the result is that of an uninterrupted run.
    progress
        Called after each epoch with the stage and its losses.

    Raises
    ------
    L1Error
        If the data are constant, a loss is not finite, or a checkpoint does not fit.
    """
    options: dict[str, Any] = {"resume": resume, "progress": progress}
    seen = for_student or background

    def stage(name: str) -> dict[str, Any]:
        path = None if checkpoints is None else checkpoints / f"{name}.pt"
        return {**options, "stage": name, "checkpoint": path}

    with torch_seed(recipe.seed):
        teacher = Autoencoder(len(background.training.layout), recipe.teacher)
    teacher.scaling.fit(background.training, recipe.teacher.field_weights)
    teacher_history = fit(
        teacher,
        lambda network, batch: network.training_loss(batch[0]),
        [_tensor(background.training)],
        [_tensor(background.validation)],
        recipe.teacher_training,
        **stage("teacher"),
    )
    rows, checks = _tensor(seen.training), _tensor(seen.validation)
    target, goals, check_goals = _targets(
        teacher, background.training, rows, checks, recipe.student_training.threads
    )
    loss = regression_loss(recipe.tail_weight, TARGET_OF_REFERENCE)

    scaling = InputScaling.fit(background.training, recipe.student.input_format)
    with torch_seed(recipe.seed + _STUDENT_STREAM):
        float_student = FloatStudent(recipe.student, scaling)
    float_history = fit(
        float_student,
        loss,
        [float_student.scale(rows), goals],
        [float_student.scale(checks), check_goals],
        recipe.student_training,
        **stage("float-student"),
    )
    student = QuantStudent.from_float(float_student)
    quantized_history = fit(
        student,
        loss,
        [student.scale(rows), goals],
        [student.scale(checks), check_goals],
        recipe.quantized_training,
        **stage("student"),
    )
    histories = (teacher_history, float_history, quantized_history)
    return Distilled(teacher, target, float_student, student, histories)


def regression_loss(
    tail_weight: float, usual: float
) -> Callable[[FloatStudent | QuantStudent, Sequence[Tensor]], Tensor]:
    """Return the student's loss on batches of (scaled inputs, targets); see `Recipe.tail_weight`."""

    def loss(student: FloatStudent | QuantStudent, batch: Sequence[Tensor]) -> Tensor:
        inputs, goals = batch
        squared = (student.regress(inputs) - goals) ** 2
        if tail_weight:
            squared = squared * (1.0 + tail_weight * (goals - usual).clamp(min=0.0))
        return squared.mean()

    return loss


def _tensor(data: TrainingData) -> Tensor:
    return torch.from_numpy(data.rows.astype("float32"))


def _targets(
    teacher: Autoencoder, common: TrainingData, rows: Tensor, checks: Tensor, threads: int
) -> tuple[LogTarget, Tensor, Tensor]:
    """Return the target, whose reference is a common crossing, and what the student learns."""
    with torch.no_grad(), torch_threads(threads):
        target = LogTarget.fit(teacher(_tensor(common)))
        return target, target(teacher(rows)), target(teacher(checks))
