"""What a student is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import torch

from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


LossKind = Literal["mse", "mae", "huber"]


class Regressor(Protocol):
    """A student that can be trained."""

    def regress(self, inputs: Tensor) -> Tensor:
        """Return scores (crossings,) from scaled inputs."""


@dataclass(frozen=True, slots=True)
class RegressionLoss:
    """How far scores are from their targets.

    Parameters
    ----------
    kind
        ``mse``: squared errors; ``mae``: absolute errors, as CICADA; ``huber``: squared up to
        ``huber_width`` and straight beyond.
    tail_weight
        0: every crossing counts the same. Above: those with a target beyond that of a median crossing
        count ``1 + tail_weight * (target - usual)``, which favours the rare crossings that a trigger
        selects.
    huber_width
        In units of the target, a natural logarithm.

    Raises
    ------
    SettingsError
        If the kind is unknown, the weight negative or the width not positive.
    """

    kind: LossKind = "mse"
    tail_weight: float = 1.0
    huber_width: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in get_args(LossKind):
            msg = f"a loss of kind {self.kind!r} is unknown; known: {', '.join(get_args(LossKind))}"
            raise SettingsError(msg)
        if self.tail_weight < 0.0:
            msg = f"loss: tail_weight cannot be negative, got {self.tail_weight}"
            raise SettingsError(msg)
        if not self.huber_width > 0.0:
            msg = f"loss: huber_width must be positive, got {self.huber_width}"
            raise SettingsError(msg)

    def of(self, scores: Tensor, targets: Tensor, usual: float) -> Tensor:
        """Return the mean loss (scalar).

        Parameters
        ----------
        scores, targets
            Both (crossings,).
        usual
            Target of a median crossing.

        Examples
        --------
        >>> scores, targets = torch.zeros(2), torch.tensor([1.0, 3.0])
        >>> [
        ...     float(RegressionLoss(kind, tail_weight=0.0).of(scores, targets, 1.0))
        ...     for kind in ("mse", "mae", "huber")
        ... ]
        [5.0, 2.0, 1.75]
        >>> float(RegressionLoss("mse", tail_weight=0.5).of(scores, targets, 1.0))
        9.5
        """
        each = self._measure(scores - targets)
        if self.tail_weight:
            each = each * (1.0 + self.tail_weight * (targets - usual).clamp(min=0.0))
        return each.mean()

    def _measure(self, error: Tensor) -> Tensor:
        if self.kind == "mse":
            return error**2
        size = error.abs()
        if self.kind == "mae":
            return size
        width = self.huber_width
        return torch.where(size < width, error**2, width * (2 * size - width))

    def on_batches(self, usual: float) -> Callable[[Regressor, Sequence[Tensor]], Tensor]:
        """Return the loss of a student on batches of (scaled inputs, targets)."""

        def loss(student: Regressor, batch: Sequence[Tensor]) -> Tensor:
            inputs, targets = batch
            return self.of(student.regress(inputs), targets, usual)

        return loss
