"""One pass gives what torch's operations give, to the last bit, forwards and backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from distill.cast_kernels import can_cast, cast
from distill.quantizers import fake_quantize
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS

if TYPE_CHECKING:
    from emulator.fixed.format import Rounding

#: Ties and what is just beside them, zeros of both signs, what is far beyond, and what is no number.
TIES = torch.arange(-80, 81, dtype=torch.float64) / 16.0
STRANGE = torch.tensor([-0.0, 0.0, 1e30, -1e30, float("inf"), -float("inf"), float("nan")])


def numbers(dtype: torch.dtype) -> torch.Tensor:
    ties = TIES.to(dtype)
    up, down = torch.full_like(ties, 9.0), torch.full_like(ties, -9.0)
    return torch.cat(
        [ties, torch.nextafter(ties, up), torch.nextafter(ties, down), STRANGE.to(dtype)]
    )


def bits(x: torch.Tensor) -> list[int]:
    whole = torch.int32 if x.dtype == torch.float32 else torch.int64
    return x.detach().contiguous().view(whole).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rounding", ["TRN", "RND", "RND_CONV"])
def test_is_what_torch_computes(rounding: Rounding, dtype: torch.dtype) -> None:
    for width, integer, signed in ((4, 2, True), (6, 3, False), (24, 12, True), (3, 6, True)):
        target = FixedFormat(width, integer, signed, rounding, "SAT")
        x = numbers(dtype)
        # A tensor with holes is left to torch.
        with_holes = torch.stack([x, x], dim=1)[:, 0]
        assert can_cast(x, target)
        assert not can_cast(with_holes, target)
        results = []
        for given in (x, with_holes):
            given.requires_grad_()
            found = fake_quantize(given, target)
            (gradient,) = torch.autograd.grad(found, given, torch.full_like(found, -3.0))
            results.append((bits(found), bits(gradient)))
        assert results[0] == results[1], target


def test_shapes_stay_and_nothing_is_shared() -> None:
    x = torch.zeros(3, 0, 2)
    target = FixedFormat(4, 2, overflow="SAT")
    values, fits = cast(x, target)
    assert values.shape == fits.shape == x.shape
    x = torch.tensor([[0.3], [5.0]])
    values, fits = cast(x, target)
    assert values.tolist() == [[0.25], [1.75]]
    assert fits.tolist() == [[1.0], [0.0]]
    assert x.tolist() == [[pytest.approx(0.3)], [5.0]]


def test_other_types_are_left_to_torch() -> None:
    x = torch.zeros(2)
    known = {
        (rounding, overflow)
        for rounding in ROUNDINGS
        for overflow in OVERFLOWS
        if can_cast(x, FixedFormat(4, 2, True, rounding, overflow))
    }
    assert known == {("TRN", "SAT"), ("RND", "SAT"), ("RND_CONV", "SAT")}
