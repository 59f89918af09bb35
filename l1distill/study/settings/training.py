"""How one network is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from distill.training import TrainingSettings
from l1distill.settings_file import Section


class Training(Section):
    """How one network is trained; see `distill.training.TrainingSettings`."""

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 512
    learning_rate: PositiveFloat = 4e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    patience: PositiveInt = 5
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def settings(self, seed: int) -> TrainingSettings:
        """Return them as the training code takes them.

        Training uses one thread: for networks this small a second one gains little, loses much on a
        busy machine, and may change the last digits.
        """
        return TrainingSettings(**self.model_dump(), seed=seed)
