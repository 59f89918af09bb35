"""Numbers of bits instead of types: where the binary point stands follows from what a student holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch

from distill.quantizers import EXACT_WIDTH, fake_quantize
from distill.students import RELU, FloatStudent, QuantStudent
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from distill.quantizers import LayerFormat, QuantDense
    from distill.students import StudentSpec

#: Weights may be cut off at a fourth of the largest, if the error of all others falls by it.
_TRIED_CUTS = 3
_MAX_BITS = EXACT_WIDTH[torch.float32]


@dataclass(frozen=True, slots=True)
class BitWidths:
    """How many bits the numbers of each layer have, signs included.

    Parameters
    ----------
    weights, biases
        One number for each hidden layer and one for the output.
    activations
        One number for each hidden layer.
    per_channel
        Whether each unit has a binary point of its own for its weights.

    Raises
    ------
    SettingsError
        If a width is not between 1 and 24, or 2 where a sign is needed.

    Examples
    --------
    >>> BitWidths.uniform(1, weights=6, biases=8, activations=7)
    BitWidths(weights=(6, 6), biases=(8, 8), activations=(7,), per_channel=False)
    """

    weights: tuple[int, ...]
    biases: tuple[int, ...]
    activations: tuple[int, ...]
    per_channel: bool = False

    def __post_init__(self) -> None:
        for what, widths, least in (
            ("weight", self.weights, 2),
            ("bias", self.biases, 2),
            ("activation", self.activations, 1),
        ):
            for width in widths:
                if not least <= width <= _MAX_BITS:
                    msg = (
                        f"{what} widths must lie between {least} and {_MAX_BITS} bits, got {width}"
                    )
                    raise SettingsError(msg)
        n_hidden = len(self.activations)
        if not len(self.weights) == len(self.biases) == n_hidden + 1:
            msg = (
                f"{n_hidden} widths of activations need {n_hidden + 1} of weights and of biases, got "
                f"{len(self.weights)} and {len(self.biases)}"
            )
            raise SettingsError(msg)

    @classmethod
    def uniform(
        cls,
        n_hidden: int,
        *,
        weights: int,
        biases: int,
        activations: int,
        per_channel: bool = False,
    ) -> BitWidths:
        """Return the same widths for all layers."""
        n_layers = n_hidden + 1
        return cls(
            (weights,) * n_layers, (biases,) * n_layers, (activations,) * n_hidden, per_channel
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "weights": list(self.weights),
            "biases": list(self.biases),
            "activations": list(self.activations),
            "per_channel": self.per_channel,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> BitWidths:
        """Build the widths that `as_dict` wrote."""
        return cls(
            tuple(plain["weights"]),
            tuple(plain["biases"]),
            tuple(plain["activations"]),
            bool(plain["per_channel"]),
        )


def calibrated_spec(student: FloatStudent, bits: BitWidths, inputs: Tensor) -> StudentSpec:
    """Return the student's specification with types of given widths.

    Weights: the binary point with the smallest mean squared error, for the layer or for each unit. Biases:
    the first one that holds the largest of them twice over, since they are corrected and trained on.
    Activations: the first one that holds the largest value on the crossings given. Nothing is cut off
    there: what a trigger selects are the largest.

    Parameters
    ----------
    student
        Trained student.
    bits
        Widths.
    inputs
        Scaled inputs (crossings, inputs) of background that holds rare crossings too.

    Raises
    ------
    SettingsError
        If there are widths for another number of layers.
    """
    spec = student.spec
    if len(bits.activations) != len(spec.widths):
        msg = (
            f"there are widths for {len(bits.activations)} hidden layers, the student has "
            f"{len(spec.widths)}"
        )
        raise SettingsError(msg)
    weights, biases = [], []
    for place, layer in enumerate(student.layers):
        linear = cast("nn.Linear", layer)
        values = linear.weight.detach().double()
        width = bits.weights[place]
        weights.append(
            tuple(_weight_format(row, width) for row in values)
            if bits.per_channel
            else _weight_format(values, width)
        )
        largest = 2.0 * float(linear.bias.detach().abs().max())
        biases.append(_holding(largest, bits.biases[place], signed=True))
    activations = [
        _holding(largest, width, signed=False)
        if spec.activation == RELU
        else FixedFormat(width, 1, rounding="RND", overflow="SAT")
        for largest, width in zip(_largest(student, inputs), bits.activations, strict=True)
    ]
    return replace(
        spec,
        weight_formats=tuple(weights),
        bias_formats=tuple(biases),
        activation_formats=tuple(activations),
    )


def _largest(student: FloatStudent, inputs: Tensor) -> list[float]:
    """Return the largest value that each hidden layer passes on."""
    found = []
    x = inputs
    with torch.no_grad():
        for layer in student.layers[:-1]:
            x = student.activate(layer(x))
            found.append(float(x.max()))
    return found


def _holding(largest: float, width: int, *, signed: bool) -> FixedFormat:
    """Return the type of a width with the finest step that holds values up to ``largest``."""
    integer = (math.frexp(largest)[1] if largest > 0.0 else 1 - width) + signed
    return FixedFormat(width, integer, signed=signed, rounding="RND", overflow="SAT")


def _weight_format(values: Tensor, width: int) -> FixedFormat:
    """Return the type with the smallest mean squared error on the values."""
    widest = _holding(float(values.abs().max()), width, signed=True)
    tried = [replace(widest, integer=widest.integer - cut) for cut in range(_TRIED_CUTS)]
    errors = [float(((fake_quantize(values, one) - values) ** 2).mean()) for one in tried]
    return tried[errors.index(min(errors))]


def quantize_after_training(
    student: FloatStudent,
    bits: BitWidths | None,
    rows: Tensor,
    *,
    correct_biases: bool = True,
) -> QuantStudent:
    """Quantize a trained student without training it again.

    Parameters
    ----------
    student
        Trained student.
    bits
        Widths, whose types are calibrated; the student's own types if None.
    rows
        Hardware integers as floats (crossings, features) of background, to calibrate with.
    correct_biases
        Whether each bias takes up the mean change of its sum that the rounding of weights and of
        earlier layers makes on these crossings (Nagel et al., arXiv:1906.04721, section 4.2).
    """
    spec = student.spec
    if bits is not None:
        spec = calibrated_spec(student, bits, student.scale(rows))
    quantized = QuantStudent.from_float(student, spec)
    if correct_biases:
        _correct_biases(student, quantized, rows)
    return quantized


def _correct_biases(student: FloatStudent, quantized: QuantStudent, rows: Tensor) -> None:
    """Shift the biases, layer by layer, each with what the corrected ones before it leave."""
    x, y = student.scale(rows), quantized.scale(rows)
    last = len(student.layers) - 1
    with torch.no_grad():
        for place, (floating, layer) in enumerate(
            zip(student.layers, quantized.layers, strict=True)
        ):
            wanted = floating(x)
            cast("QuantDense", layer).linear.bias.add_((wanted - layer(y)).mean(dim=0))
            if place < last:
                x, y = student.activate(wanted), quantized.activate(layer(y), place)


def widths_of(spec: StudentSpec) -> BitWidths:
    """Return the widths of a specification; of channels, those of the widest."""

    def widest(layer: LayerFormat) -> int:
        if isinstance(layer, FixedFormat):
            return layer.width
        return max((one.width for one in layer if one is not None), default=1)

    return BitWidths(
        weights=tuple(max(widest(layer), 2) for layer in spec.weight_formats),
        biases=tuple(one.width for one in spec.bias_formats),
        activations=tuple(widest(layer) for layer in spec.activation_formats),
        per_channel=any(not isinstance(layer, FixedFormat) for layer in spec.weight_formats),
    )
