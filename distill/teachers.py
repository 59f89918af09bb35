"""Teachers: large autoencoders whose reconstruction error is the anomaly score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distill.scaling import FloatScaling
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


#: `LogTarget` of its reference score.
TARGET_OF_REFERENCE = math.log(2.0)


def _default_field_weights() -> dict[str, float]:
    # Angles are uniform in the detector and cannot be predicted: they would drown the energies.
    return {"pt": 1.0, "eta": 0.3, "phi": 0.3}


@dataclass(frozen=True, slots=True)
class TeacherSpec:
    """Shape of a dense autoencoder.

    Parameters
    ----------
    widths
        Hidden layers from first to last; the narrowest is the latent space and has no ReLU.
    field_weights
        Weight of each field in the reconstruction error.
    robust_width
        Residual, in units of the spread, beyond which the training loss grows linearly: a rare hard
        crossing must not dominate a batch. The score stays quadratic.

    Raises
    ------
    SettingsError
        If a width is below 1, no layer is given, or a weight is negative.
    """

    widths: tuple[int, ...] = (128, 64, 12, 64, 128)
    field_weights: Mapping[str, float] = field(default_factory=_default_field_weights)
    robust_width: float = 3.0

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            msg = f"a teacher needs hidden layers of at least one unit, got {self.widths}"
            raise SettingsError(msg)
        if any(weight < 0.0 for weight in self.field_weights.values()):
            msg = f"field weights of a teacher cannot be negative: {dict(self.field_weights)}"
            raise SettingsError(msg)
        if not self.robust_width > 0.0:
            msg = f"the robust width of a teacher must be positive, got {self.robust_width}"
            raise SettingsError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "widths": list(self.widths),
            "field_weights": dict(self.field_weights),
            "robust_width": self.robust_width,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TeacherSpec:
        """Build the specification that `as_dict` wrote."""
        return cls(
            tuple(plain["widths"]), dict(plain["field_weights"]), float(plain["robust_width"])
        )


class Autoencoder(nn.Module):
    """Dense autoencoder of scaled features.

    Parameters
    ----------
    n_features
        Number of inputs and outputs.
    spec
        Hidden layers and loss.
    """

    def __init__(self, n_features: int, spec: TeacherSpec) -> None:
        super().__init__()
        self.spec = spec
        self.scaling = FloatScaling(n_features)
        latent = spec.widths.index(min(spec.widths))
        layers: list[nn.Module] = []
        n_inputs = n_features
        for place, width in enumerate(spec.widths):
            layers.append(nn.Linear(n_inputs, width))
            if place != latent:
                layers.append(nn.ReLU())
            n_inputs = width
        layers.append(nn.Linear(n_inputs, n_features))
        self.network = nn.Sequential(*layers)

    def residuals(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the errors of the reconstruction in units of the spread, and their weights."""
        scaled, weights = self.scaling(rows)
        return self.network(scaled) - scaled, weights

    def training_loss(self, rows: Tensor) -> Tensor:
        """Return the robust reconstruction error, mean over crossings (scalar)."""
        error, weights = self.residuals(rows)
        width = self.spec.robust_width
        size = error.abs()
        robust = torch.where(size < width, size**2, width * (2 * size - width))
        return (weights * robust).sum(dim=1).mean() / self.scaling.weight.sum()

    def forward(self, rows: Tensor) -> Tensor:
        """Return the anomaly score: the weighted mean squared error.

        Absent objects add nothing; the divisor is the same for all crossings (the sum of all
        weights), so that more objects can only raise the score.

        Parameters
        ----------
        rows
            Hardware integers as floats, (crossings, features).

        Returns
        -------
        Scores (crossings,), at least 0.
        """
        error, weights = self.residuals(rows)
        return (weights * error**2).sum(dim=1) / self.scaling.weight.sum()


@dataclass(frozen=True, slots=True)
class LogTarget:
    """What a student learns: ``log(1 + score / reference)``, monotone in the teacher's score.

    Teacher scores span many decades; CICADA regresses their logarithm for the same reason. The one
    makes the target 0 for a perfect reconstruction, so that it fits an unsigned type.

    Parameters
    ----------
    reference
        Score of a typical crossing, the median on background.

    Examples
    --------
    >>> LogTarget(2.0)(torch.tensor([0.0, 2.0]))
    tensor([0.0000, 0.6931])
    """

    reference: float

    def __post_init__(self) -> None:
        if not self.reference > 0.0:
            msg = f"the reference score of the target must be positive, got {self.reference}"
            raise SettingsError(msg)

    @classmethod
    def fit(cls, scores: Tensor) -> LogTarget:
        """Take the median of background scores as the reference.

        Raises
        ------
        SettingsError
            If the median is 0: the teacher reconstructs half of all crossings perfectly.
        """
        return cls(float(scores.median()))

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the targets of scores, same shape."""
        return torch.log1p(scores / self.reference)
