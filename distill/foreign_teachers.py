"""Teachers that were not trained here: any torch module, or scores that somebody else has computed.

Nothing that a user hands in as a file is run: a file can bring a column of numbers. A module comes as an object
of the caller's own program; its parameters come from a state dict, see `distill.checkpoints`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import nn

from distill.errors import TrainingDataError
from distill.scores import teacher_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from distill.data import TrainingData


class ModuleTeacher(nn.Module):
    """Any module as a teacher, its parameters frozen.

    Parameters
    ----------
    module
        Takes hardware integers as floats (crossings, features) and returns scores (crossings,) or
        (crossings, 1), higher for what is more anomalous. It is switched to evaluation.

    Examples
    --------
    >>> teacher = ModuleTeacher(nn.Linear(2, 1, bias=False))
    >>> teacher(torch.zeros(3, 2)).tolist()
    [0.0, 0.0, 0.0]
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.requires_grad_(requires_grad=False)
        self.train(mode=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return scores (crossings,) of hardware integers as floats (crossings, features).

        Raises
        ------
        TrainingDataError
            If the module returns anything but one finite number for each crossing.
        """
        # A module in single precision is asked in single precision, one on a GPU there.
        own = next(self.module.parameters(), rows)
        found = self.module(rows.to(own.device, own.dtype))
        if not isinstance(found, torch.Tensor) or found.numel() != len(rows):
            shape = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            msg = f"a teacher must return one score for each crossing, got {shape} for {len(rows)} crossings"
            raise TrainingDataError(msg)
        scores = found.reshape(len(rows)).to(rows)
        if not bool(torch.isfinite(scores).all()):
            bad = int((~torch.isfinite(scores)).nonzero()[0, 0])
            msg = f"the teacher's score of crossing {bad} of {len(rows)} is {float(scores[bad])}"
            raise TrainingDataError(msg)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class GivenScores:
    """Scores of every crossing of a sample as the teacher.

    Parameters
    ----------
    values
        float64, axis (crossing), in the order of the sample; `TrainingData.places` finds a crossing's own.

    Raises
    ------
    TrainingDataError
        If a score is not finite.
    """

    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not np.isfinite(self.values).all():
            bad = int(np.flatnonzero(~np.isfinite(self.values))[0])
            msg = f"the teacher's score of crossing {bad} is {self.values[bad]}"
            raise TrainingDataError(msg)

    def of(self, data: TrainingData) -> NDArray[np.float64]:
        """Return the scores of crossings that were drawn from the sample.

        Raises
        ------
        TrainingDataError
            If a crossing was made up (outlier exposure), so that nobody has scored it, or is of a larger
            sample.
        """
        if data.places.min() < 0:
            msg = "outliers that are made up have no score in a file; set outlier_fraction to 0"
            raise TrainingDataError(msg)
        if data.places.max() >= len(self.values):
            msg = f"there are scores for {len(self.values)} crossings, the sample has more"
            raise TrainingDataError(msg)
        return self.values[data.places]


#: Whatever gives crossings a score.
Teacher: TypeAlias = nn.Module | GivenScores


def scores_of(teacher: Teacher, data: TrainingData) -> Tensor:
    """Return a teacher's scores of crossings, float32 (crossings,)."""
    if isinstance(teacher, GivenScores):
        return torch.from_numpy(teacher.of(data).astype(np.float32))
    with torch.no_grad():
        found: Tensor = teacher(torch.from_numpy(data.rows.astype(np.float32)))
    return found


def exact_scores_of(teacher: Teacher, data: TrainingData) -> NDArray[np.float64]:
    """Return the same in doubles, as they are put on a grid; see `distill.scores.teacher_scores`."""
    if isinstance(teacher, GivenScores):
        return teacher.of(data)
    return teacher_scores(teacher, data.rows)
