"""The teacher: an autoencoder, or scores that somebody else has computed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from distill.teachers import TeacherKind, TeacherScore, TeacherSpec
from emulator.errors import L1Error
from l1distill.settings_file import Section
from l1distill.study.roles import MEASURING, SETTING, TRAINING
from l1distill.study.settings.training import Training
from l1distill.study.settings.values import SignalName, Widths

ScoreFiles = Annotated[list[str], Field(min_length=1)]


class GivenScores(Section):
    """Scores of somebody else's teacher in Parquet files: nothing of it is run, and none is trained.

    Each file holds ``run``, ``lumi``, ``event``, ``crossing`` and the column, as ``l1distill emulate``
    writes them; every crossing of the samples must be there.
    """

    column: str = "score"
    training: ScoreFiles
    setting: ScoreFiles
    measuring: ScoreFiles
    signals: dict[SignalName, ScoreFiles]

    def files(self) -> dict[str, list[str]]:
        """Return the files by sample."""
        roles = {TRAINING: self.training, SETTING: self.setting, MEASURING: self.measuring}
        return {**roles, **self.signals}


class Teacher(Section):
    """The autoencoder that defines what is anomalous; see `distill.teachers.TeacherSpec`."""

    given: GivenScores | None = None

    kind: TeacherKind = "autoencoder"
    score: TeacherScore = "mse"
    beta: Annotated[float, Field(ge=0)] = 0.5
    widths: Widths = (128, 64, 12, 64, 128)
    training: Training = Training()

    @model_validator(mode="after")
    def _possible(self) -> Teacher:
        try:
            self.spec()
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def spec(self) -> TeacherSpec:
        """Return the teacher as the training code takes it."""
        return TeacherSpec(self.widths, kind=self.kind, score=self.score, beta=self.beta)
