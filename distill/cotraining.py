"""Teacher and student trained at the same time: joint, or alternating as in CICADA."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import torch

from distill.checkpoints import load_checkpoint, save_checkpoint
from distill.errors import CheckpointError
from distill.recipe import (
    Distilled,
    Lesson,
    Stages,
    new_student,
    new_teacher,
    quantize_student,
    row_tensor,
)
from distill.targets import TARGET_OF_REFERENCE, LogTarget
from distill.teachers import Autoencoder, teacher_loss
from distill.training import Trainer, chosen_device, torch_threads
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from distill.losses import RegressionLoss
    from distill.recipe import Recipe
    from distill.sampling import Drawn
    from distill.students import FloatStudent
    from distill.training import Epoch

CoMode = Literal["joint", "alternating"]

_TEACHER, _STUDENT = "teacher", "float-student"
# Enough for the median score of a common crossing.
_REFERENCE_CROSSINGS = 50_000


@dataclass(frozen=True, slots=True)
class CoTraining:
    """How teacher and student are trained together.

    Parameters
    ----------
    mode
        ``joint``: one loop; in each step the student learns the score that the teacher gives at that
        moment, whose gradient is stopped. ``alternating``: one epoch of the teacher, then
        ``student_epochs`` of the student on the scores of the best teacher so far.
    head_start
        Epochs of the teacher before the student begins.
    student_epochs
        Of ``alternating``: epochs of the student for one of the teacher; CICADA has ten.
    feedback
        Of ``joint``: weight with which the student's loss reaches the teacher too. At 0, the default, the
        gradient is stopped and the teacher learns as it would alone.

    Raises
    ------
    SettingsError
        If the mode is unknown or a number impossible.
    """

    mode: CoMode = "joint"
    head_start: int = 1
    student_epochs: int = 10
    feedback: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in get_args(CoMode):
            known = ", ".join(get_args(CoMode))
            msg = f"co-training: mode must be one of {known}, got {self.mode!r}"
            raise SettingsError(msg)
        if self.head_start < 0 or self.student_epochs < 1 or not self.feedback >= 0.0:
            msg = "co-training: head_start and feedback cannot be negative, student_epochs not below 1"
            raise SettingsError(msg)
        if self.feedback and self.mode != "joint":
            msg = "co-training: only joint training can let the student's loss reach the teacher"
            raise SettingsError(msg)


def cotrain(
    background: Drawn,
    recipe: Recipe,
    settings: CoTraining,
    *,
    for_student: Drawn | None = None,
    stages: Stages | None = None,
) -> Distilled:
    """Train a teacher and its float student together, then quantize the student as ever.

    The epochs of the teacher are those of ``recipe.teacher_training``; the student has so many times more as
    the mode gives it (``joint``: as many), and ``recipe.student.training`` says the rest. Quantization
    learns from the teacher that is kept.

    Parameters
    ----------
    background
        Naturally distributed background; the teacher learns from it.
    recipe
        Shapes, types and settings.
    settings
        How they are trained together.
    for_student
        Background on which the student learns; by default the same.
    stages
        Checkpoints and progress. One checkpoint, ``cotraining.pt``, holds both networks.

    Returns
    -------
    As `distill.recipe.distill`; the first history follows the teacher's own loss, whether co-training
    hurts it can be seen there.

    Raises
    ------
    SettingsError
        If the recipe trains no float student, or the two on different devices.
    """
    steps = stages or Stages()
    if recipe.student.training is None:
        msg = "co-training needs the settings of a float student"
        raise SettingsError(msg)
    if chosen_device(recipe.teacher_training.device) != chosen_device(
        recipe.student.training.device
    ):
        msg = "co-training: teacher and student must be trained on the same device"
        raise SettingsError(msg)
    seen = for_student or background
    with torch_threads(recipe.teacher_training.threads):
        pair = _Pair(background, seen, recipe, settings)
        checkpoint = steps.checkpoint("cotraining")
        if steps.resume and checkpoint is not None and checkpoint.exists():
            pair.load(checkpoint)
        while not pair.teacher.finished:
            for stage, epoch in pair.run_round():
                if steps.progress is not None:
                    steps.progress(stage, epoch)
            if checkpoint is not None:
                save_checkpoint(checkpoint, pair.state())
        histories = (pair.teacher.finish(), pair.student.finish())
    teacher = cast("Autoencoder", pair.teacher.network)
    floating = cast("FloatStudent", pair.student.network)
    threads = recipe.teacher_training.threads
    target, lesson = Lesson.by(teacher, background, seen, threads=threads)
    student, quantizing = quantize_student(floating, lesson, recipe.student, steps)
    return Distilled(teacher, target, floating, student, (*histories, *quantizing))


class _Pair:
    """Both trainings between two rounds; a round is one epoch of the teacher and what belongs to it."""

    def __init__(
        self, background: Drawn, seen: Drawn, recipe: Recipe, settings: CoTraining
    ) -> None:
        training = recipe.student.training
        assert training is not None  # noqa: S101 - checked by `cotrain`
        self.settings = settings
        self.loss: RegressionLoss = recipe.student.loss
        n_rounds = recipe.teacher_training.epochs
        teacher = new_teacher(background.training, recipe)
        floating = new_student(background.training, recipe.student)
        self.rows, self.checks = row_tensor(seen.training), row_tensor(seen.validation)
        self.common = row_tensor(background.training)[:_REFERENCE_CROSSINGS]
        self.teacher = Trainer(
            teacher,
            teacher_loss,
            [row_tensor(background.training)],
            [row_tensor(background.validation)],
            recipe.teacher_training,
            stage=_TEACHER,
        )
        per_round = 1 if settings.mode == "joint" else settings.student_epochs
        n_epochs = max(n_rounds - settings.head_start, 1) * per_round
        self.student = Trainer(
            floating,
            self.loss.on_batches(TARGET_OF_REFERENCE),
            [floating.scale(self.rows), torch.zeros(len(self.rows))],
            [floating.scale(self.checks), torch.zeros(len(self.checks))],
            # Losses on changing targets cannot say when to stop.
            replace(training, epochs=n_epochs, patience=n_epochs),
            stage=_STUDENT,
        )

    def run_round(self) -> list[tuple[str, Epoch]]:
        """Train one epoch of the teacher and the student's share; return the epochs that were done."""
        waiting = len(self.teacher.epochs) < self.settings.head_start
        if waiting:
            done = [(_TEACHER, self.teacher.run_epoch())]
        elif self.settings.mode == "joint":
            done = self._joint()
        else:
            done = [(_TEACHER, self.teacher.run_epoch())]
            done += self._student_epochs(self.settings.student_epochs)
        if self.teacher.finished:
            # A teacher that stops early leaves the student its whole schedule.
            done += self._student_epochs(self.student.settings.epochs)
        return done

    def _student_epochs(self, most: int) -> list[tuple[str, Epoch]]:
        """Train the student on the scores of the best teacher so far."""
        left = min(most, self.student.settings.epochs - len(self.student.epochs))
        if not left:
            return []
        goals, checks = self._scores(self.teacher.best_state, self.rows, self.checks)
        self.student.learn_from(
            [self.student.training[0], goals], [self.student.validation[0], checks]
        )
        return [(_STUDENT, self.student.run_epoch()) for _ in range(left)]

    def _scores(self, state: Mapping[str, Tensor], *several: Tensor) -> list[Tensor]:
        """Return the targets that a state of the teacher gives; its own state stays."""
        network = cast("Autoencoder", self.teacher.network)
        current = deepcopy(network.state_dict())
        network.load_state_dict(state)
        device = self.teacher.device
        with torch.no_grad():
            target = LogTarget.fit(network(self.common.to(device)))
            found = [target(network(rows.to(device))) for rows in several]
        network.load_state_dict(current)
        return found

    def _joint(self) -> list[tuple[str, Epoch]]:
        """Train both in one loop: each on its own crossings, the student on the teacher of the moment."""
        network = cast("Autoencoder", self.teacher.network)
        epoch, own = len(self.teacher.epochs), len(self.student.epochs)
        totals = {_TEACHER: 0.0, _STUDENT: 0.0}
        # Rows go along with the student's inputs, for the teacher to score.
        inputs_only = self.student.training[0]
        self.student.training = [inputs_only, self.rows.to(self.student.device)]
        batches = zip(self.teacher.batches_of(epoch), self.student.batches_of(own), strict=False)
        for number, ((rows,), (inputs, seen)) in enumerate(batches):
            with torch.no_grad():
                target = LogTarget.fit(network(rows))
                goals = target(network(seen))
            step = epoch * self.teacher.batches + number
            totals[_TEACHER] += self._teacher_step(rows, inputs, seen, target, step) * len(rows)
            step = own * self.student.batches + number
            totals[_STUDENT] += self.student.step([inputs, goals], step) * len(inputs)
        (checks,) = self._scores(network.state_dict(), self.checks)
        self.student.learn_from([inputs_only], [self.student.validation[0], checks])
        return [
            (_TEACHER, self.teacher.close_epoch(totals[_TEACHER] / self.teacher.n_crossings)),
            (_STUDENT, self.student.close_epoch(totals[_STUDENT] / self.student.n_crossings)),
        ]

    def _teacher_step(
        self, rows: Tensor, inputs: Tensor, seen: Tensor, target: LogTarget, step: int
    ) -> float:
        weight = self.settings.feedback
        if not weight:
            return self.teacher.step([rows], step)
        student = cast("FloatStudent", self.student.network)
        scores = student.regress(inputs).detach()

        def loss(network: Autoencoder, batch: Sequence[Tensor]) -> Tensor:
            goals = target(network(seen))
            return network.training_loss(batch[0]) + weight * self.loss.of(
                scores, goals, TARGET_OF_REFERENCE
            )

        own, self.teacher.loss = self.teacher.loss, loss
        try:
            return self.teacher.step([rows], step)
        finally:
            self.teacher.loss = own

    def state(self) -> dict[str, Any]:
        return {
            "settings": asdict(self.settings),
            _TEACHER: self.teacher.state(),
            _STUDENT: self.student.state(),
        }

    def load(self, path: Path) -> None:
        content = load_checkpoint(path)
        if content.get("settings") != asdict(self.settings):
            msg = (
                f"{path}: a checkpoint of another co-training; delete it or start without resuming"
            )
            raise CheckpointError(msg)
        self.teacher.load_state(content[_TEACHER], path)
        self.student.load_state(content[_STUDENT], path)
