"""Learning curves for TensorBoard, beside those of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from pathlib import Path

    from distill.training import Epoch


class LossLog:
    """Writes the losses of each stage where ``tensorboard --logdir`` finds them.

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
        if stage not in self._writers:
            self._writers[stage] = self._make(str(self._folder / stage))
        writer = self._writers[stage]
        writer.add_scalar("loss/training", epoch.training_loss, epoch.epoch)
        writer.add_scalar("loss/validation", epoch.validation_loss, epoch.epoch)
        writer.flush()
