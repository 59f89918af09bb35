"""Learning curves and trials for TensorBoard, beside those of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from distill.training import Epoch


class LossLog:
    """Writes the losses of each stage, and the trials of a search, where ``tensorboard --logdir`` finds them.

    Parameters
    ----------
    folder
        Gets a folder for each stage.

    Raises
    ------
    MissingToolError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            msg = "--tensorboard needs TensorBoard; install l1distill[tensorboard]"
            raise MissingToolError(msg) from error
        self._make = SummaryWriter
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def __call__(self, stage: str, epoch: Epoch) -> None:
        """Write the losses of an epoch; they are on disk when this returns."""
        losses = {"loss/training": epoch.training_loss, "loss/validation": epoch.validation_loss}
        self._write(stage, epoch.epoch, losses)

    def trial(self, number: int, values: Mapping[str, float]) -> None:
        """Write what a trial of a search is worth; several processes may write."""
        self._write("search", number, {f"search/{name}": value for name, value in values.items()})

    def _write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        if stage not in self._writers:
            self._writers[stage] = self._make(str(self._folder / stage))
        for name, value in values.items():
            self._writers[stage].add_scalar(name, value, step)
        self._writers[stage].flush()
