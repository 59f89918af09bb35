"""Errors of training and export that a user can cause."""

from __future__ import annotations

from emulator.errors import L1Error


class TrainingDataError(L1Error):
    """The crossings to train on are empty, not finite, or do not fit what was asked of them."""


class TrainingError(L1Error):
    """A training cannot go on; the message names the stage, the epoch and the batch.

    Attributes
    ----------
    stage
        Which training; empty if no batch is to blame.
    crossings
        Places of the batch among what the stage trains on.
    """

    def __init__(self, message: str, *, stage: str = "", crossings: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.stage = stage
        self.crossings = crossings


class CheckpointError(L1Error):
    """A checkpoint is damaged, holds more than tensors and plain values, or is of other settings."""


class ExportError(L1Error):
    """A student cannot be written as a graph, or its graph does not decide as the student does."""
