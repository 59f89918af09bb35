"""Losses of students: their gradients tell them apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from distill.losses import RegressionLoss
from emulator.errors import SettingsError


@pytest.mark.parametrize(
    ("kind", "slopes"), [("mse", [0.4, 8.0]), ("mae", [1.0, 1.0]), ("huber", [0.4, 1.0])]
)
def test_slope_of_small_and_large_errors(kind: Any, slopes: list[float]) -> None:
    scores = torch.tensor([0.2, 4.0], requires_grad=True)
    loss = RegressionLoss(kind, tail_weight=0.0, huber_width=0.5)
    loss.of(scores, torch.zeros(2), 1.0).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert (2 * scores.grad).tolist() == pytest.approx(slopes)


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_tail_weight_counts_rare_crossings_more(kind: Any) -> None:
    targets = torch.tensor([0.5, 3.0])
    plain, tail = (
        RegressionLoss(kind, tail_weight=weight).of(targets + error, targets, 1.0)
        for weight in (0.0, 0.5)
        for error in (torch.tensor([0.0, 0.25]),)
    )
    assert float(tail) == 2 * float(plain)  # 1 + 0.5 * (3 - 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "l2"}, "'l2' is unknown; known: mse, mae, huber"),
        ({"tail_weight": -1.0}, "tail_weight cannot be negative"),
        ({"huber_width": 0.0}, "huber_width must be positive"),
    ],
)
def test_refuses_impossible_losses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RegressionLoss(**options)
