"""Teacher and student together, and the crossings they are trained on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from distill.cotraining import CoTraining
from emulator.errors import L1Error
from l1distill.settings_file import Section
from l1distill.study.settings.student import Student
from l1distill.study.settings.teacher import Teacher


class Cotraining(Section):
    """Teacher and student at the same time; see `distill.cotraining.CoTraining`."""

    mode: Literal["none", "joint", "alternating"] = "none"
    head_start: Annotated[int, Field(ge=0)] = 1
    student_epochs: PositiveInt = 10
    feedback: Annotated[float, Field(ge=0)] = 0.0

    def settings(self) -> CoTraining | None:
        """Return them as the training code takes them; None if the teacher is trained first."""
        if self.mode == "none":
            return None
        return CoTraining(self.mode, self.head_start, self.student_epochs, self.feedback)

    @model_validator(mode="after")
    def _possible(self) -> Cotraining:
        try:
            self.settings()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self


class Distillation(Section):
    """Teacher, student, and the crossings they are trained on."""

    teacher: Teacher = Teacher()
    student: Student = Student()
    cotraining: Cotraining = Cotraining()
    n_crossings: PositiveInt = 200_000
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _given_scores_are_fixed(self) -> Distillation:
        if self.teacher.given is None:
            return self
        if self.cotraining.mode != "none":
            msg = "a teacher whose scores are given in files cannot be trained together with a student"
            raise ValueError(msg)
        if self.student.outlier_fraction:
            msg = "outliers that are made up have no given score; set student.outlier_fraction to 0"
            raise ValueError(msg)
        return self
