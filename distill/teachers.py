"""Teachers: large autoencoders, dense or variational, and the scores that can be read off them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import nn

from distill.scaling import FloatScaling
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

TeacherKind = Literal["autoencoder", "variational"]
TeacherScore = Literal["mse", "kl", "mu2", "rz", "feature"]

#: Scores that each kind of teacher has.
SCORES: dict[TeacherKind, tuple[TeacherScore, ...]] = {
    "autoencoder": ("mse", "feature"),
    "variational": ("mse", "kl", "mu2", "rz", "feature"),
}

# Beyond, a standard deviation is 0.007 or 150: nothing is gained, and exponentials stay finite.
_LOG_VARIANCE = 10.0


def _default_field_weights() -> dict[str, float]:
    # Angles are uniform in the detector and cannot be predicted: they would drown the energies.
    return {"pt": 1.0, "eta": 0.3, "phi": 0.3}


@dataclass(frozen=True, slots=True)
class TeacherSpec:
    """Shape, loss and score of an autoencoder.

    Parameters
    ----------
    widths
        Hidden layers from first to last; the narrowest is the latent space and has no ReLU.
    field_weights
        Weight of each field in the reconstruction error.
    robust_width
        Residual, in units of the spread, beyond which the training loss grows linearly: a rare hard
        crossing must not dominate a batch. The score stays quadratic.
    kind
        ``autoencoder``, or ``variational``: the latent space holds means and variances, trained towards
        a unit Gaussian (Kingma and Welling, arXiv:1312.6114).
    score
        What is anomalous. ``mse``: the weighted mean squared error of the reconstruction, absent objects
        masked. ``feature``: squared distance of a crossing and its reconstruction in the layers of the
        encoder (Kim et al., RaPP, ICLR 2020). Of a variational one also, with latent means mu and
        deviations sigma: ``kl``, the divergence from a unit Gaussian; ``mu2``, the sum of mu² (AXOL1TL v1 to
        v4); ``rz``, the sum of mu²/sigma².
    beta
        Weight of the divergence in the loss of a variational one; 1 is the evidence bound of features
        with unit Gaussian noise.

    Raises
    ------
    SettingsError
        If a width is below 1, no layer is given, a weight is negative, or this kind has no such score.
    """

    widths: tuple[int, ...] = (128, 64, 12, 64, 128)
    field_weights: Mapping[str, float] = field(default_factory=_default_field_weights)
    robust_width: float = 3.0
    kind: TeacherKind = "autoencoder"
    score: TeacherScore = "mse"
    beta: float = 0.5

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            msg = f"a teacher needs hidden layers of at least one unit, got {self.widths}"
            raise SettingsError(msg)
        if any(weight < 0.0 for weight in self.field_weights.values()):
            msg = f"field weights of a teacher cannot be negative: {dict(self.field_weights)}"
            raise SettingsError(msg)
        if not self.robust_width > 0.0 or not self.beta >= 0.0:
            msg = (
                "the robust width of a teacher must be positive and its beta not negative, got "
                f"{self.robust_width} and {self.beta}"
            )
            raise SettingsError(msg)
        if self.kind not in get_args(TeacherKind):
            msg = f"a teacher of kind {self.kind!r} is unknown; known: {', '.join(SCORES)}"
            raise SettingsError(msg)
        if self.score not in SCORES[self.kind]:
            known = ", ".join(SCORES[self.kind])
            msg = f"a teacher of kind {self.kind!r} has no score {self.score!r}; it has {known}"
            raise SettingsError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "widths": list(self.widths),
            "field_weights": dict(self.field_weights),
            "robust_width": self.robust_width,
            "kind": self.kind,
            "score": self.score,
            "beta": self.beta,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TeacherSpec:
        """Build the specification that `as_dict` wrote."""
        return cls(
            tuple(plain["widths"]),
            dict(plain["field_weights"]),
            float(plain["robust_width"]),
            plain["kind"],
            plain["score"],
            float(plain["beta"]),
        )


class Autoencoder(nn.Module):
    """Dense autoencoder of scaled features.

    Parameters
    ----------
    n_features
        Number of inputs and outputs.
    spec
        Hidden layers, loss and score.
    """

    #: Numbers of the encoder for each latent dimension.
    latent_numbers = 1

    def __init__(self, n_features: int, spec: TeacherSpec) -> None:
        super().__init__()
        self.spec = spec
        self.scaling = FloatScaling(n_features)
        latent = spec.widths.index(min(spec.widths))
        layers: list[nn.Module] = []
        n_inputs = n_features
        for place, width in enumerate(spec.widths):
            n_outputs = width * (self.latent_numbers if place == latent else 1)
            layers.append(nn.Linear(n_inputs, n_outputs))
            if place != latent:
                layers.append(nn.ReLU())
            n_inputs = width
        layers.append(nn.Linear(n_inputs, n_features))
        self.network = nn.Sequential(*layers)
        self.n_encoding = 2 * latent + 1

    @property
    def n_multiplications(self) -> int:
        """Multiplications for one crossing."""
        return sum(layer.weight.numel() for layer in self.network if isinstance(layer, nn.Linear))

    def encoded(self, scaled: Tensor) -> list[Tensor]:
        """Return what each layer of the encoder passes on, the latent means last."""
        found, x = [], scaled
        for layer in list(self.network)[: self.n_encoding]:
            x = layer(x)
            if not isinstance(layer, nn.Linear):
                found.append(x)
        return [*found, self.means(x)]

    def means(self, code: Tensor) -> Tensor:
        """Return the latent means of what the encoder gives."""
        return code

    def reconstructed(self, scaled: Tensor) -> Tensor:
        """Return the features as the network sees them, without noise."""
        found: Tensor = self.network(scaled)
        return found

    def residuals(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the errors of the reconstruction in units of the spread, and their weights."""
        scaled, weights = self.scaling(rows)
        return self.reconstructed(scaled) - scaled, weights

    def robust_error(self, error: Tensor, weights: Tensor) -> Tensor:
        """Return the robust reconstruction error, mean over crossings (scalar)."""
        width = self.spec.robust_width
        size = error.abs()
        robust = torch.where(size < width, size**2, width * (2 * size - width))
        return (weights * robust).sum(dim=1).mean() / self.scaling.weight.sum()

    def training_loss(self, rows: Tensor) -> Tensor:
        """Return what training makes small (scalar): the robust reconstruction error."""
        return self.robust_error(*self.residuals(rows))

    def score_of(self, kind: TeacherScore, rows: Tensor) -> Tensor:
        """Return one of the scores, whichever the specification names; see `TeacherSpec`."""
        if kind == "feature":
            return self._feature_distance(rows)
        if kind != "mse":
            msg = f"a dense autoencoder has no score {kind!r}"
            raise SettingsError(msg)
        error, weights = self.residuals(rows)
        return (weights * error**2).sum(dim=1) / self.scaling.weight.sum()

    def _feature_distance(self, rows: Tensor) -> Tensor:
        scaled, _ = self.scaling(rows)
        # What is reconstructed of an absent object is not seen, as it is not in the crossing.
        again = self.reconstructed(scaled) * self.scaling.shown(rows)
        pairs = zip(self.encoded(scaled), self.encoded(again), strict=True)
        distances = [((first - second) ** 2).sum(dim=1) for first, second in pairs]
        return torch.stack(distances).sum(dim=0) / len(distances)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the anomaly score that the specification names, by default the mean squared error.

        Absent objects add nothing to the squared error; its divisor is the same for all crossings (the
        sum of all weights), so that more objects can only raise the score.

        Parameters
        ----------
        rows
            Hardware integers as floats, (crossings, features).

        Returns
        -------
        Scores (crossings,), at least 0.
        """
        return self.score_of(self.spec.score, rows)


class VariationalAutoencoder(Autoencoder):
    """Autoencoder with a latent Gaussian for each crossing.

    Its noise follows from a counter in its state, so that a training that is resumed draws what an
    uninterrupted one does. Where no gradient is asked for, the noise is always the same.

    Parameters
    ----------
    n_features
        Number of inputs and outputs.
    spec
        Hidden layers, loss and score.
    """

    latent_numbers = 2
    drawn: Tensor

    def __init__(self, n_features: int, spec: TeacherSpec) -> None:
        super().__init__(n_features, spec)
        self.register_buffer("drawn", torch.zeros(1, dtype=torch.int64))

    def means(self, code: Tensor) -> Tensor:
        """Return the latent means of what the encoder gives."""
        return code.chunk(2, dim=1)[0]

    def latent(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Return latent means and logarithms of variances, both (crossings, dimensions)."""
        code = self.network[: self.n_encoding](scaled)
        means, log_variances = code.chunk(2, dim=1)
        return means, log_variances.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)

    def reconstructed(self, scaled: Tensor) -> Tensor:
        """Return the features as decoded from the latent means."""
        found: Tensor = self.network[self.n_encoding :](self.latent(scaled)[0])
        return found

    def training_loss(self, rows: Tensor) -> Tensor:
        """Return the robust reconstruction error of noisy latents plus the divergence (scalar)."""
        scaled, weights = self.scaling(rows)
        means, log_variances = self.latent(scaled)
        noisy = means + self._noise(means) * torch.exp(log_variances / 2)
        error = self.network[self.n_encoding :](noisy) - scaled
        weight = self.spec.beta * 2.0 / self.scaling.weight.sum()
        apart = divergence(means, log_variances).mean()
        return self.robust_error(error, weights) + weight * apart

    def _noise(self, like: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            self.drawn += 1
        seed = int(self.drawn) if torch.is_grad_enabled() else 0
        # On the CPU, so that every device sees the same.
        noise = torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))
        return noise.to(like)

    def score_of(self, kind: TeacherScore, rows: Tensor) -> Tensor:
        """Return one of the scores, whichever the specification names; see `TeacherSpec`."""
        if kind in {"mse", "feature"}:
            return super().score_of(kind, rows)
        means, log_variances = self.latent(self.scaling(rows)[0])
        if kind == "kl":
            return divergence(means, log_variances)
        squares = means**2
        return (squares if kind == "mu2" else squares * torch.exp(-log_variances)).sum(dim=1)


def divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    """Return the divergence of each crossing's Gaussian from a unit one."""
    terms = means**2 + torch.exp(log_variances) - 1.0 - log_variances
    return 0.5 * terms.sum(dim=1)


def make_teacher(n_features: int, spec: TeacherSpec) -> Autoencoder:
    """Return a teacher with new parameters; its scaling is to be fitted."""
    kinds: dict[TeacherKind, type[Autoencoder]] = {
        "autoencoder": Autoencoder,
        "variational": VariationalAutoencoder,
    }
    return kinds[spec.kind](n_features, spec)


def teacher_loss(teacher: Autoencoder, batch: Sequence[Tensor]) -> Tensor:
    """Return the teacher's loss on a batch of rows."""
    return teacher.training_loss(batch[0])
