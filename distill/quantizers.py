"""Fake quantization: what `emulator.fixed` does to raws, on torch floats with gradients.

A fake-quantized tensor holds floats that are values of a fixed-point type. They are the very numbers
that the emulator has as raws, not an approximation: every step below is exact in the tensor's type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn

from distill.cast_kernels import can_cast, cast
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    # (floor is odd, half, sticky, negative), booleans -> whether to add one to the floor
    Rule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

#: One type, or one for each channel; None where no bit is left and the channel is 0.
LayerFormat: TypeAlias = FixedFormat | tuple[FixedFormat | None, ...]

#: Widest type whose raws are exact in each float type (and, for doubles, `emulator.fixed` quantizes).
EXACT_WIDTH = {torch.float32: 24, torch.float64: 50}

# Written independently of emulator.fixed.rounding; the tests hold the two against each other.
_ROUND_UP: dict[str, Rule] = {
    "TRN_ZERO": lambda _odd, half, sticky, negative: negative & (half | sticky),
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
        if can_cast(x, target):
            values, fits = cast(x, target)
            ctx.save_for_backward(fits)
            return values
        rounded = round_to_whole(x * math.ldexp(1.0, target.fraction), target.rounding)
        raw, inside = _overflow(rounded, target)
        ctx.save_for_backward(inside)
        return raw.mul_(math.ldexp(1.0, -target.fraction))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] if inside is None else gradients[0] * inside, None


def round_to_whole(scaled: Tensor, mode: str) -> Tensor:
    """Round to whole numbers, as a new tensor; adding 0.5 first would be wrong just below a tie."""
    floor = torch.floor(scaled)
    if mode == "TRN":
        return floor
    if mode == "RND_CONV":
        return torch.round(scaled)  # half to even
    if mode == "RND":
        # The rest is exact, or so near to 1 that its rounding does not matter.
        return floor.add_(scaled - floor >= 0.5)
    halves = scaled * 2
    half_floor = torch.floor(halves)
    half = half_floor != floor * 2
    odd = torch.remainder(floor, 2) != 0
    up = _ROUND_UP[mode](odd, half, half_floor != halves, scaled < 0)
    return floor + up


def _overflow(raw: Tensor, target: FixedFormat) -> tuple[Tensor, Tensor | None]:
    """Bring whole numbers into the range; also return where they pass their gradient (None: everywhere).

    The tensor with the result may be written on.
    """
    low, high = target.lowest, target.raw_max
    if target.overflow == "WRAP":
        modulus = float(1 << target.width)
        rest = torch.fmod(raw, modulus)  # exact, keeps the sign
        rest = torch.where(rest > high, rest - modulus, rest)
        return torch.where(rest < low, rest + modulus, rest), None
    limited = torch.clamp(raw, low, high)
    inside = limited == raw
    return (limited.mul_(inside) if target.overflow == "SAT_ZERO" else limited), inside


class _FakeQuantizeEach(torch.autograd.Function):
    """The cast of `_FakeQuantize` with a step and limits for each channel; saturating, ``RND``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, steps: Tensor, low: Tensor, high: Tensor) -> Tensor:
        rounded = round_to_whole(x / steps, "RND")  # exact: steps are powers of two
        limited = torch.minimum(torch.maximum(rounded, low), high)
        ctx.save_for_backward(limited == rounded)
        return limited.mul_(steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None


class Cast(nn.Module):
    """A cast to one type, or to a type of its own for each channel; see `fake_quantize`.

    Parameters
    ----------
    target
        A type; or one for each channel, all ``RND`` and ``SAT``, None where no bit is left: the channel is
        0 and learns nothing.
    axis
        The axis of the channels, 0 for weights (outputs, inputs), -1 for activations.

    Raises
    ------
    SettingsError
        If the channels do not round to nearest and saturate.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> coarse = FixedFormat(4, 3, rounding="RND", overflow="SAT")
    >>> Cast((coarse, None))(torch.tensor([[1.3, 1.3], [9.0, 9.0]])).tolist()
    [[1.5, 0.0], [3.5, 0.0]]
    """

    steps: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, target: LayerFormat, *, axis: int = -1) -> None:
        super().__init__()
        self.target = target
        if isinstance(target, FixedFormat):
            return
        for one in target:
            if one is not None and (one.rounding, one.overflow) != ("RND", "SAT"):
                msg = f"the type of a channel must round by RND and saturate by SAT, got {one}"
                raise SettingsError(msg)
        shape = (-1, 1) if axis == 0 else (-1,)
        for name, values in (
            ("steps", [1.0 if one is None else math.ldexp(1.0, -one.fraction) for one in target]),
            ("low", [0.0 if one is None else float(one.lowest) for one in target]),
            ("high", [0.0 if one is None else float(one.raw_max) for one in target]),
        ):
            # They follow from the types, so that no state needs to hold them.
            self.register_buffer(name, torch.tensor(values).reshape(shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the values of the type, same shape and float type."""
        if isinstance(self.target, FixedFormat):
            return fake_quantize(x, self.target)
        quantized: Tensor = _FakeQuantizeEach.apply(x, self.steps, self.low, self.high)  # type: ignore[no-untyped-call]
        return quantized


def channel_formats(target: LayerFormat, n_channels: int) -> tuple[FixedFormat | None, ...]:
    """Return the type of each channel."""
    return (target,) * n_channels if isinstance(target, FixedFormat) else target


def cover(target: LayerFormat, *, signed: bool = True) -> FixedFormat:
    """Return the narrowest type that holds every value of every channel.

    Parameters
    ----------
    target
        A type (which is returned as it is), or one for each channel.
    signed
        Sign of the result where no channel has a bit left.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> cover((FixedFormat(4, 3), None, FixedFormat(4, 0)))
    fixed<7,3,RND,SAT>
    """
    if isinstance(target, FixedFormat):
        return target
    left = [one for one in target if one is not None]
    if not left:
        return FixedFormat(1, 1, signed=signed, rounding="RND", overflow="SAT")
    integer, fraction = max(one.integer for one in left), max(one.fraction for one in left)
    return FixedFormat(
        integer + fraction, integer, signed=left[0].signed, rounding="RND", overflow="SAT"
    )


class QuantDense(nn.Module):
    """A dense layer whose weights and biases are fake-quantized; the sum itself is not.

    Parameters
    ----------
    n_inputs, n_outputs
        Sizes.
    weight_format
        Type of the weights, or one for those of each output.
    bias_format
        Type of the biases.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, weight_format: LayerFormat, bias_format: FixedFormat
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs)
        self.weight_format = weight_format
        self.bias_format = bias_format
        self.weight_cast = Cast(weight_format, axis=0)

    def quantized(self) -> tuple[Tensor, Tensor]:
        """Return the weights (outputs, inputs) and biases (outputs) as they act."""
        return (
            self.weight_cast(self.linear.weight),
            fake_quantize(self.linear.bias, self.bias_format),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x @ weights.T + bias`` with quantized weights and biases."""
        weight, bias = self.quantized()
        return nn.functional.linear(x, weight, bias)
