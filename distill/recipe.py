"""The recipe: teacher, float student that regresses it, and the student that is quantized."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import torch

from distill.foreign_teachers import scores_of
from distill.learned import Granularity, LearnedStudent
from distill.losses import RegressionLoss
from distill.scaling import InputScaling
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.targets import TARGET_OF_REFERENCE, LogTarget
from distill.teachers import TeacherSpec, make_teacher, teacher_loss
from distill.training import Epoch, History, TrainingSettings, fit, torch_seed, torch_threads
from distill.widths import BitWidths, calibrated_spec, quantize_after_training, widths_of
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from distill.data import TrainingData
    from distill.foreign_teachers import Teacher
    from distill.sampling import Drawn
    from distill.teachers import Autoencoder

    Progress = Callable[[str, Epoch], None]

# Initial parameters of teacher and student come from different streams of the same seed.
STUDENT_STREAM = 1 << 20
# Crossings on which types are calibrated and biases corrected.
_CALIBRATION_CROSSINGS = 20_000

Method = Literal["aware", "post", "learned"]


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a float student becomes one of integers.

    Parameters
    ----------
    method
        ``aware``: trained again with its types. ``post``: rounded, and its biases corrected, without
        training. ``learned``: trained with widths that are learned, then again with those found.
    bits
        Widths of the types, whose binary points are calibrated on the float student; with ``learned``
        those it starts with. None: the types of the specification.
    granularity
        For ``learned``: whether a layer shares its widths, or each unit has its own.
    ebops_penalty
        For ``learned``: how much one effective bit operation adds to the loss.
    correct_biases
        For ``post``: see `distill.widths.quantize_after_training`.

    Raises
    ------
    SettingsError
        If the method is unknown or the penalty negative.
    """

    method: Method = "aware"
    bits: BitWidths | None = None
    granularity: Granularity = "channel"
    ebops_penalty: float = 3e-6
    correct_biases: bool = True

    def __post_init__(self) -> None:
        for what, value, known in (
            ("method", self.method, get_args(Method)),
            ("granularity", self.granularity, get_args(Granularity)),
        ):
            if value not in known:
                msg = f"quantization: {what} must be one of {', '.join(known)}, got {value!r}"
                raise SettingsError(msg)
        if not self.ebops_penalty >= 0.0:
            msg = f"quantization: ebops_penalty cannot be negative, got {self.ebops_penalty}"
            raise SettingsError(msg)


@dataclass(frozen=True, slots=True)
class StudentRecipe:
    """All choices of a student.

    Parameters
    ----------
    spec
        Layers and types.
    loss
        What it makes small.
    quantization
        How it comes to integers.
    training
        Of the float student. None: there is none, and the quantized student starts from scratch with
        the types of ``spec`` (or, with widths, types that are calibrated on the parameters at the start).
    quantized_training
        Of the student with its types; not used with ``post``.
    width_training
        Of the widths, with ``learned``.
    seed
        Of the initial parameters.

    Raises
    ------
    SettingsError
        If there are widths for another number of layers, or nothing would be trained.
    """

    spec: StudentSpec
    loss: RegressionLoss = field(default_factory=RegressionLoss)
    quantization: Quantization = field(default_factory=Quantization)
    training: TrainingSettings | None = field(default_factory=lambda: TrainingSettings(epochs=20))
    quantized_training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(epochs=8, learning_rate=1e-3)
    )
    width_training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(epochs=12, learning_rate=2e-3)
    )
    seed: int = 0

    def __post_init__(self) -> None:
        bits = self.quantization.bits
        if bits is not None and len(bits.activations) != len(self.spec.widths):
            msg = (
                f"there are widths for {len(bits.activations)} hidden layers, the student has "
                f"{len(self.spec.widths)}"
            )
            raise SettingsError(msg)
        if self.training is None and self.quantization.method == "post":
            msg = "quantization after training needs a float student that is trained"
            raise SettingsError(msg)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All choices of a distillation.

    Parameters
    ----------
    student
        What to train and how.
    teacher
        Shape of the teacher.
    teacher_training
        How to train it.
    seed
        Of its initial parameters.
    """

    student: StudentRecipe
    teacher: TeacherSpec = field(default_factory=TeacherSpec)
    teacher_training: TrainingSettings = field(default_factory=TrainingSettings)
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """Trained networks and how they got there."""

    teacher: Teacher
    target: LogTarget
    float_student: FloatStudent
    student: QuantStudent
    histories: tuple[History, ...]


class TrainedStudent(NamedTuple):
    """The float student, the quantized one, and how they got there."""

    float_student: FloatStudent
    student: QuantStudent
    histories: tuple[History, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What students learn: crossings and the targets that a teacher gives them.

    Parameters
    ----------
    common
        Naturally distributed background, from which inputs are scaled.
    rows, targets
        To train on: hardware integers as floats (crossings, features), and targets (crossings,).
    check_rows, check_targets
        To validate on.
    """

    common: TrainingData
    rows: Tensor
    targets: Tensor
    check_rows: Tensor
    check_targets: Tensor

    @classmethod
    def by(
        cls, teacher: Teacher, background: Drawn, seen: Drawn, *, threads: int = 1
    ) -> tuple[LogTarget, Lesson]:
        """Let a teacher score crossings.

        Parameters
        ----------
        teacher
            Trained teacher, or one that was not trained here, see `distill.foreign_teachers`.
        background
            Naturally distributed: the target's reference is a common crossing.
        seen
            Crossings that the student will learn and validate on.
        threads
            Of torch.
        """
        rows, checks = row_tensor(seen.training), row_tensor(seen.validation)
        with torch.no_grad(), torch_threads(threads):
            target = LogTarget.fit(scores_of(teacher, background.training))
            goals = target(scores_of(teacher, seen.training))
            check_goals = target(scores_of(teacher, seen.validation))
        return target, cls(background.training, rows, goals, checks, check_goals)


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the stages of a training leave their checkpoints, and whom they tell.

    Parameters
    ----------
    checkpoints
        Folder for one checkpoint per stage, written after each epoch; None for none.
    resume
        Go on from these checkpoints; the result is that of an uninterrupted run.
    progress
        Called after each epoch with the stage and its losses.
    """

    checkpoints: Path | None = None
    resume: bool = False
    progress: Progress | None = None

    def checkpoint(self, name: str) -> Path | None:
        """Return the checkpoint of a stage."""
        return None if self.checkpoints is None else self.checkpoints / f"{name}.pt"

    def fit(self, name: str, network: nn.Module, *arguments: Any) -> History:
        """Train a network as one stage; see `distill.training.fit`."""
        return fit(
            network,
            *arguments,
            stage=name,
            checkpoint=self.checkpoint(name),
            resume=self.resume,
            progress=self.progress,
        )


def distill(
    background: Drawn,
    recipe: Recipe,
    *,
    for_student: Drawn | None = None,
    stages: Stages | None = None,
    teacher: Teacher | None = None,
) -> Distilled:
    """Train a teacher, a float student on its log-score, and make it a student of integers.

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
    stages
        Checkpoints, one for each stage, and progress.
    teacher
        Something that scores crossings already (see `distill.foreign_teachers`): no teacher is trained.

    Raises
    ------
    L1Error
        If the data are constant, a loss is not finite, or a checkpoint does not fit.
    """
    steps = stages or Stages()
    histories: tuple[History, ...] = ()
    if teacher is None:
        teacher, history = train_teacher(background, recipe, steps)
        histories = (history,)
    threads = recipe.student.quantized_training.threads
    target, lesson = Lesson.by(teacher, background, for_student or background, threads=threads)
    trained = train_student(lesson, recipe.student, steps)
    return Distilled(
        teacher,
        target,
        trained.float_student,
        trained.student,
        (*histories, *trained.histories),
    )


def train_teacher(background: Drawn, recipe: Recipe, stages: Stages) -> tuple[Autoencoder, History]:
    """Train the teacher on naturally distributed background."""
    teacher = new_teacher(background.training, recipe)
    history = stages.fit(
        "teacher",
        teacher,
        teacher_loss,
        [row_tensor(background.training)],
        [row_tensor(background.validation)],
        recipe.teacher_training,
    )
    return teacher, history


def new_teacher(common: TrainingData, recipe: Recipe) -> Autoencoder:
    """Return a teacher at its start, its scaling fitted on natural background."""
    with torch_seed(recipe.seed):
        teacher = make_teacher(len(common.layout), recipe.teacher)
    teacher.scaling.fit(common, recipe.teacher.field_weights)
    return teacher


def new_student(common: TrainingData, recipe: StudentRecipe) -> FloatStudent:
    """Return a float student at its start, its scaling fitted on natural background."""
    scaling = InputScaling.fit(common, recipe.spec.input_format)
    with torch_seed(recipe.seed + STUDENT_STREAM):
        return FloatStudent(recipe.spec, scaling)


def train_student(lesson: Lesson, recipe: StudentRecipe, stages: Stages) -> TrainedStudent:
    """Train a student on what a teacher says, and quantize it."""
    floating = new_student(lesson.common, recipe)
    histories: tuple[History, ...] = ()
    if recipe.training is not None:
        history = fit_student("float-student", floating, lesson, recipe, recipe.training, stages)
        histories = (history,)
    student, quantizing = quantize_student(floating, lesson, recipe, stages)
    return TrainedStudent(floating, student, (*histories, *quantizing))


def quantize_student(
    floating: FloatStudent, lesson: Lesson, recipe: StudentRecipe, stages: Stages
) -> tuple[QuantStudent, tuple[History, ...]]:
    """Make a float student one of integers, as the recipe says; its own parameters stay."""
    chosen = recipe.quantization
    rows = lesson.rows[:_CALIBRATION_CROSSINGS]
    with torch_threads(recipe.quantized_training.threads):
        if chosen.method == "post":
            student = quantize_after_training(
                floating, chosen.bits, rows, correct_biases=chosen.correct_biases
            )
            return student, ()
        if chosen.method == "learned":
            return _learn_widths(floating, lesson, recipe, stages)
        spec = floating.spec
        if chosen.bits is not None:
            spec = calibrated_spec(floating, chosen.bits, floating.scale(rows))
    student = QuantStudent.from_float(floating, spec)
    history = fit_student("student", student, lesson, recipe, recipe.quantized_training, stages)
    return student, (history,)


def _learn_widths(
    floating: FloatStudent, lesson: Lesson, recipe: StudentRecipe, stages: Stages
) -> tuple[QuantStudent, tuple[History, ...]]:
    """Find the widths, then train once more with what was found."""
    chosen = recipe.quantization
    bits = chosen.bits or widths_of(floating.spec)
    learning = LearnedStudent(floating, bits, floating.scale(lesson.rows), chosen.granularity)
    regression = recipe.loss.on_batches(TARGET_OF_REFERENCE)

    def loss(student: LearnedStudent, batch: list[Tensor]) -> Tensor:
        return regression(student, batch) + chosen.ebops_penalty * student.ebops()

    widths = stages.fit(
        "student-widths", learning, loss, *_scaled(learning, lesson), recipe.width_training
    )
    student = learning.freeze(learning.scale(lesson.rows))
    history = fit_student("student", student, lesson, recipe, recipe.quantized_training, stages)
    return student, (widths, history)


def fit_student(
    name: str,
    student: FloatStudent | QuantStudent,
    lesson: Lesson,
    recipe: StudentRecipe,
    settings: TrainingSettings,
    stages: Stages,
) -> History:
    """Train a student, of floats or of integers, on a lesson as one stage."""
    loss = recipe.loss.on_batches(TARGET_OF_REFERENCE)
    return stages.fit(name, student, loss, *_scaled(student, lesson), settings)


def _scaled(
    student: FloatStudent | QuantStudent | LearnedStudent, lesson: Lesson
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the tensors to train and to validate a student on."""
    return (
        [student.scale(lesson.rows), lesson.targets],
        [student.scale(lesson.check_rows), lesson.check_targets],
    )


def row_tensor(data: TrainingData) -> Tensor:
    """Return hardware integers as float32 (crossings, features)."""
    return torch.from_numpy(data.rows.astype("float32"))
