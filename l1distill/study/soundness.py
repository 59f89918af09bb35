"""What a reader must know of a training: whether the teacher is large enough, and whether it had learned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.recipe import Distilled
    from distill.training import History

#: A teacher has so many times the multiplications of its student, or there is little to distil.
LEAST_RATIO = 10.0
#: A teacher has converged if its loss has fallen by no more than this over the last epochs ...
SETTLED = 0.01
#: ... so many of them, and if the losses of several seeds spread by no more than `ALIKE`.
LAST_EPOCHS = 2
ALIKE = 0.05


@dataclass(frozen=True, slots=True)
class Convergence(Record):
    """Whether teachers of several seeds end alike.

    Parameters
    ----------
    kind
        Of the teachers.
    losses
        Best loss of each seed on the validation background.
    still_falling
        Largest relative fall of a seed's loss over the last two epochs.
    spread
        Relative standard deviation of the losses.
    converged
        Whether both are small, with at least three seeds.
    """

    kind: str
    losses: tuple[float, ...]
    still_falling: float
    spread: float
    converged: bool


def convergence(kind: str, histories: Sequence[History]) -> Convergence:
    """Judge the trainings of one kind of teacher with several seeds."""
    losses = tuple(history.best_loss for history in histories)
    falls = []
    for history in histories:
        values = np.minimum.accumulate([epoch.validation_loss for epoch in history.epochs])
        before = values[max(len(values) - 1 - LAST_EPOCHS, 0)]
        falls.append(float((before - values[-1]) / abs(before)) if before else 0.0)
    mean = float(np.mean(losses))
    spread = float(np.std(losses, ddof=1) / abs(mean)) if len(losses) > 1 and mean else 0.0
    settled = max(falls) <= SETTLED and spread <= ALIKE and len(losses) >= 3
    return Convergence(kind, losses, max(falls), spread, settled)


def training_notes(trained: Distilled) -> list[str]:
    """Return a sentence for each doubt about a training; nothing if there is none."""
    notes = []
    ratio = multiplication_ratio(trained)
    if ratio is not None and ratio < LEAST_RATIO:
        notes.append(
            f"the teacher has only {ratio:.3g} times the multiplications of the student, less than "
            f"{LEAST_RATIO:g}: there is little to distil"
        )
    first = trained.histories[0]
    if first.stage == "teacher":
        falling = convergence("teacher", [first]).still_falling
        if falling > SETTLED:
            notes.append(
                f"the teacher's loss on the validation background still fell by {100 * falling:.2g} % over its "
                f"last {LAST_EPOCHS} epochs: it had not converged"
            )
    return notes


def multiplication_ratio(trained: Distilled) -> float | None:
    """Return how many times more multiplications the teacher has; None if it is not known here."""
    if not isinstance(trained.teacher, nn.Module):
        return None
    large = sum(
        layer.weight.numel() for layer in trained.teacher.modules() if isinstance(layer, nn.Linear)
    )
    small = sum(n_in * n_out for n_in, n_out in pairwise(trained.student.sizes))
    return large / small if large else None
