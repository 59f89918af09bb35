"""Learning curves and trials for TensorBoard, beside those of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optuna.trial import FrozenTrial

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

    def trial(self, trial: FrozenTrial) -> None:
        """Write what a trial of a search is worth, if it has a result; several processes may write."""
        names = ("search/agreement", "search/luts", "search/latency_ns")
        if trial.values:
            self._write("search", trial.number, dict(zip(names, trial.values, strict=True)))

    def close(self) -> None:
        """Close the files; a stage that is told once more opens another one."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        if stage not in self._writers:
            self._writers[stage] = self._make(str(self._folder / stage))
        for name, value in values.items():
            self._writers[stage].add_scalar(name, value, step)
        self._writers[stage].flush()
