"""Fake quantization: what `emulator.fixed` does to raws, on torch floats with gradients.

A fake-quantized tensor holds floats that are values of a fixed-point type. They are the very numbers
that the emulator has as raws, not an approximation: every step below is exact in the tensor's type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from emulator.fixed import FixedFormat

    # (floor is odd, half, sticky, negative), booleans -> whether to add one to the floor
    Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

#: Widest type whose raws are exact in each float type (and, for doubles, `emulator.fixed` quantizes).
EXACT_WIDTH = {torch.float32: 24, torch.float64: 50}

# Written independently of emulator.fixed.rounding; the tests hold the two against each other.
_ROUND_UP: dict[str, Rule] = {
    "TRN_ZERO": lambda _odd, half, sticky, negative: negative & (half | sticky),
    "RND": lambda _odd, half, _sticky, _negative: half,
    "RND_ZERO": lambda _odd, half, sticky, negative: half & (negative | sticky),
    "RND_INF": lambda _odd, half, sticky, negative: half & (~negative | sticky),
    "RND_MIN_INF": lambda _odd, half, sticky, _negative: half & sticky,
}


def fake_quantize(x: Tensor, target: FixedFormat) -> Tensor:
    """Round and limit floats to a fixed-point type, with straight-through gradients.

    Parameters
    ----------
    x
        Finite float32 or float64, any shape.
    target
        The type; its rounding and overflow apply as in `emulator.fixed.quantize`. At most 24 bits
        wide for float32 and 50 for float64, so that the result is exact.

    Returns
    -------
    Values of the type, same shape and float type. The gradient is that of the identity where the
    number fits, zero where it overflows a saturating type; a wrapping type passes it everywhere.

    Raises
    ------
    ValueError
        If the type is too wide for the tensor's float type, or the tensor holds no floats.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> x = torch.tensor([0.3, -0.3, 2.0], requires_grad=True)
    >>> y = fake_quantize(x, FixedFormat(4, 1, rounding="RND", overflow="SAT"))
    >>> y.tolist()
    [0.25, -0.25, 0.875]
    >>> y.sum().backward()
    >>> x.grad.tolist()
    [1.0, 1.0, 0.0]
    """
    widest = EXACT_WIDTH.get(x.dtype)
    if widest is None or target.width > widest:
        msg = f"{target} cannot be held exactly in {x.dtype}"
        raise ValueError(msg)
    quantized: Tensor = _FakeQuantize.apply(x, target)  # type: ignore[no-untyped-call]
    return quantized


class _FakeQuantize(torch.autograd.Function):
    """Forward: the cast. Backward: the gradient where nothing saturated."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, target: FixedFormat) -> Tensor:
        rounded = _round(x * math.ldexp(1.0, target.fraction), target.rounding)
        raw, inside = _overflow(rounded, target)
        ctx.save_for_backward(inside)
        return raw * math.ldexp(1.0, -target.fraction)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None


def _round(scaled: Tensor, mode: str) -> Tensor:
    """Round to whole numbers; adding 0.5 first would be wrong just below a tie."""
    if mode == "TRN":
        return torch.floor(scaled)
    if mode == "RND_CONV":
        return torch.round(scaled)  # half to even
    halves = scaled * 2
    half_floor = torch.floor(halves)
    floor = torch.floor(scaled)
    half = half_floor != floor * 2
    odd = torch.remainder(floor, 2) != 0
    up = _ROUND_UP[mode](odd, half, half_floor != halves, scaled < 0)
    return floor + up


def _overflow(raw: Tensor, target: FixedFormat) -> tuple[Tensor, Tensor]:
    """Bring whole numbers into the range; also return where they pass their gradient."""
    low, high = target.lowest, target.raw_max
    if target.overflow == "WRAP":
        modulus = float(1 << target.width)
        rest = torch.fmod(raw, modulus)  # exact, keeps the sign
        rest = torch.where(rest > high, rest - modulus, rest)
        return torch.where(rest < low, rest + modulus, rest), torch.ones_like(raw, dtype=torch.bool)
    inside = (raw >= low) & (raw <= high)
    if target.overflow == "SAT_ZERO":
        return torch.where(inside, raw, torch.zeros_like(raw)), inside
    return torch.clamp(raw, low, high), inside


class QuantDense(nn.Module):
    """A dense layer whose weights and biases are fake-quantized; the sum itself is not.

    Parameters
    ----------
    n_inputs, n_outputs
        Sizes.
    weight_format, bias_format
        Types of the weights and biases.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, weight_format: FixedFormat, bias_format: FixedFormat
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs)
        self.weight_format = weight_format
        self.bias_format = bias_format

    def quantized(self) -> tuple[Tensor, Tensor]:
        """Return the weights (outputs, inputs) and biases (outputs) as they act."""
        return (
            fake_quantize(self.linear.weight, self.weight_format),
            fake_quantize(self.linear.bias, self.bias_format),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x @ weights.T + bias`` with quantized weights and biases."""
        weight, bias = self.quantized()
        return nn.functional.linear(x, weight, bias)
