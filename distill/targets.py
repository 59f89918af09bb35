"""What a student learns of its teacher's score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

#: `LogTarget` of its reference score.
TARGET_OF_REFERENCE = math.log(2.0)


@dataclass(frozen=True, slots=True)
class LogTarget:
    """What a student learns: ``log(1 + score / reference)``, monotone in the teacher's score.

    Teacher scores span many decades; CICADA regresses their logarithm for the same reason. The one
    makes the target 0 for a perfect reconstruction, so that it fits an unsigned type.

    Parameters
    ----------
    reference
        Score of a typical crossing above the floor, the median on background.
    floor
        Score that becomes 0, as anything below it; 0 unless a foreign teacher has negative scores.

    Examples
    --------
    >>> LogTarget(2.0)(torch.tensor([0.0, 2.0]))
    tensor([0.0000, 0.6931])
    """

    reference: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not self.reference > 0.0:
            msg = f"the reference score of the target must be positive, got {self.reference}"
            raise SettingsError(msg)

    @classmethod
    def fit(cls, scores: Tensor) -> LogTarget:
        """Take the median of background scores as the reference, and the lowest negative one as floor.

        Raises
        ------
        SettingsError
            If the median is 0: the teacher reconstructs half of all crossings perfectly.
        """
        floor = min(float(scores.min()), 0.0)
        return cls(float(scores.median()) - floor, floor)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the targets of scores, same shape."""
        above = scores - self.floor if self.floor else scores
        return torch.log1p(above.clamp(min=0.0) / self.reference)
