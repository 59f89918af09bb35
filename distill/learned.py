"""Students that learn how many bits they need, as HGQ does (Sun et al., arXiv:2405.00645)."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from torch import nn

from distill.quantizers import EXACT_WIDTH, QuantDense, fake_quantize, round_to_whole
from distill.students import RELU, QuantStudent
from distill.widths import calibrated_spec
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from torch import Tensor

    from distill.quantizers import LayerFormat
    from distill.students import FloatStudent
    from distill.widths import BitWidths

Granularity = Literal["layer", "channel"]

# A step of the optimizer is about the learning rate, whatever the gradient; a bit should not need
# thousands of steps.
_BITS_PER_UNIT = 8.0
_MAX_BITS = EXACT_WIDTH[torch.float32]


class _LearnedRounding(torch.autograd.Function):
    """Round to ``2**-fraction``, where the number of fraction bits has a gradient too.

    A rounding error shrinks with ``2**-fraction``, so that the rounded value changes by
    ``ln 2 * error`` for each bit (eq. 9 of arXiv:2405.00645).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, fraction: Tensor) -> Tensor:
        step = torch.exp2(-fraction)
        rounded = round_to_whole(x / step, "RND") * step
        ctx.save_for_backward(x - rounded, fraction)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        error, fraction = ctx.saved_tensors
        slope = gradients[0] * error * math.log(2.0)
        return gradients[0], slope.sum_to_size(fraction.shape)


class _RoundThrough(torch.autograd.Function):
    """Round to whole numbers; the gradient passes."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class LearnedCast(nn.Module):
    """A rounding whose number of fraction bits is a parameter; nothing overflows.

    Parameters
    ----------
    fraction
        Fraction bits at the start, float32; its shape says which values share them.
    """

    largest: Tensor

    def __init__(self, fraction: Tensor) -> None:
        super().__init__()
        self.units = nn.Parameter(fraction / _BITS_PER_UNIT)
        self.register_buffer("largest", torch.zeros_like(fraction))

    def fraction(self) -> Tensor:
        """Return the whole numbers of fraction bits, with gradients."""
        rounded: Tensor = _RoundThrough.apply(self.units * _BITS_PER_UNIT)  # type: ignore[no-untyped-call]
        return rounded.clamp(max=float(_MAX_BITS))

    def forward(self, x: Tensor) -> Tensor:
        """Return rounded values, and note the largest of each group."""
        rounded: Tensor = _LearnedRounding.apply(x, self.fraction())  # type: ignore[no-untyped-call]
        if not torch.is_grad_enabled():
            return rounded
        with torch.no_grad():
            shape = (*((1,) * (x.ndim - self.largest.ndim)), *self.largest.shape)
            shared = [axis for axis, size in enumerate(shape) if size == 1]
            now = x.abs().amax(dim=shared, keepdim=True).reshape(self.largest.shape)
            # What the largest was some steps ago is forgotten slowly.
            self.largest.copy_(torch.maximum(now, self.largest * 0.99))
        return rounded

    def bits(self) -> Tensor:
        """Return how many bits the largest value needs, its sign not counted, with gradients."""
        fraction = self.fraction()
        with torch.no_grad():
            raw = torch.round(self.largest * torch.exp2(fraction))
            # The exponent is exact where a logarithm may round.
            needed = torch.frexp(raw).exponent.to(raw.dtype)
            alive = needed > 0.0
        # One bit of fraction more is one bit more, unless none is left.
        return needed + torch.where(alive, fraction - fraction.detach(), 0.0)


class LearnedStudent(nn.Module):
    """A student on its way to a `QuantStudent` whose widths it finds itself.

    Weights and activations learn their bits; biases have given ones. `freeze` turns what was found into
    a specification: values that no bit is left for are 0, and so are units behind them.

    Parameters
    ----------
    student
        Trained float student, where learning starts.
    bits
        Widths at the start.
    inputs
        Scaled inputs (crossings, inputs) of background, with which the first types are calibrated.
    granularity
        Whether a layer shares its widths, or each unit has its own: one for its weights and one for what
        it passes on.

    Raises
    ------
    SettingsError
        If the activation is not ``relu``.
    """

    def __init__(
        self, student: FloatStudent, bits: BitWidths, inputs: Tensor, granularity: Granularity
    ) -> None:
        super().__init__()
        if student.spec.activation != RELU:
            msg = f"widths cannot be learned behind the activation {student.spec.activation!r}"
            raise SettingsError(msg)
        start = calibrated_spec(student, replace(bits, per_channel=False), inputs)
        self.scaling = student.scaling
        self.granularity = granularity
        self.start = QuantStudent.from_float(student, start)
        self.input_bits = start.input_format.width - start.input_format.signed
        layers = [layer for layer in self.start.layers if isinstance(layer, QuantDense)]
        shared = granularity == "layer"
        sizes = self.start.sizes[1:]
        self.weight_casts = nn.ModuleList(
            LearnedCast(torch.full((1 if shared else n_units, 1), _fraction(target)))
            for n_units, target in zip(sizes, start.weight_formats, strict=True)
        )
        self.activation_casts = nn.ModuleList(
            LearnedCast(torch.full((1 if shared else n_units,), _fraction(target)))
            for n_units, target in zip(sizes[:-1], start.activation_formats, strict=True)
        )
        self.layers = nn.ModuleList(layer.linear for layer in layers)
        self.bias_formats = start.bias_formats

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        return self.start.scale(rows)

    def regress(self, inputs: Tensor) -> Tensor:
        """Return the scores before the cast to their type."""
        x = inputs
        last = len(self.layers) - 1
        for place, layer in enumerate(self.layers):
            weight = self.weight_casts[place](layer.weight)
            bias = fake_quantize(cast("Tensor", layer.bias), self.bias_formats[place])
            x = nn.functional.linear(x, weight, bias)
            if place < last:
                x = self.activation_casts[place](torch.relu(x))
        scores: Tensor = x[:, 0]
        return scores

    def ebops(self) -> Tensor:
        """Return bits times bits of all multiplications (scalar, with gradients).

        More than `emulator.graph.graph_cost` finds, which counts the bits of each single weight.
        """
        device = next(self.parameters()).device
        total = torch.zeros((), device=device)
        inputs: Tensor = torch.full((self.start.sizes[0],), float(self.input_bits), device=device)
        for place, (n_in, n_out) in enumerate(pairwise(self.start.sizes)):
            weights = cast("LearnedCast", self.weight_casts[place]).bits()[:, 0].expand(n_out)
            total = total + inputs.expand(n_in).sum() * weights.sum()
            if place < len(self.activation_casts):
                after = cast("LearnedCast", self.activation_casts[place])
                inputs = after.bits().expand(n_out)
        return total

    def freeze(self, inputs: Tensor) -> QuantStudent:
        """Return the student with the types that were found; its scores on the inputs are the same.

        Parameters
        ----------
        inputs
            Scaled inputs (crossings, inputs) of background; the types hold the largest values on them.
        """
        weights: list[LayerFormat] = []
        activations: list[LayerFormat] = []
        x = inputs
        with torch.no_grad():
            for place, layer in enumerate(self.layers):
                before = cast("LearnedCast", self.weight_casts[place])
                rounded = before(layer.weight)
                weights.append(
                    self._found(before.fraction()[:, 0], rounded.abs().amax(dim=1), signed=True)
                )
                x = nn.functional.linear(
                    x, rounded, fake_quantize(cast("Tensor", layer.bias), self.bias_formats[place])
                )
                if place < len(self.activation_casts):
                    after = cast("LearnedCast", self.activation_casts[place])
                    x = after(torch.relu(x))
                    activations.append(self._found(after.fraction(), x.amax(dim=0), signed=False))
        spec = replace(
            self.start.spec, weight_formats=tuple(weights), activation_formats=tuple(activations)
        )
        frozen = QuantStudent(spec, self.scaling)
        frozen.load_state_dict(self.start.state_dict())
        return frozen

    def _found(self, fraction: Tensor, largest: Tensor, *, signed: bool) -> LayerFormat:
        """Return the narrowest types that hold the largest values."""
        if self.granularity == "layer":
            found = _narrowest(round(float(fraction[0])), float(largest.max()), signed=signed)
            # A layer of nothing but zeros keeps one bit for them.
            empty = FixedFormat(1, 1, signed=signed, rounding="RND", overflow="SAT")
            return found or empty
        pairs = zip(fraction.expand(len(largest)).tolist(), largest.tolist(), strict=True)
        return tuple(_narrowest(round(f), top, signed=signed) for f, top in pairs)


def _narrowest(fraction: int, largest: float, *, signed: bool) -> FixedFormat | None:
    raw = round(math.ldexp(largest, fraction))
    if raw == 0:
        return None
    width = min(raw.bit_length() + signed, _MAX_BITS)
    return FixedFormat(width, width - fraction, signed=signed, rounding="RND", overflow="SAT")


def _fraction(target: LayerFormat) -> float:
    assert isinstance(target, FixedFormat)  # noqa: S101 - calibrated per layer
    return float(target.fraction)
