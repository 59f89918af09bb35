"""Students: small networks described by data, in floats and with fixed-point types."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from distill.quantizers import EXACT_WIDTH, QuantDense, fake_quantize
from distill.scaling import DEFAULT_INPUT_FORMAT, InputScaling
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

#: Types are at most this wide, so that training in float32 sees exact values.
MAX_BITS = EXACT_WIDTH[torch.float32]

DEFAULT_WEIGHT_FORMAT = FixedFormat(8, 2, rounding="RND", overflow="SAT")
DEFAULT_BIAS_FORMAT = FixedFormat(10, 4, rounding="RND", overflow="SAT")
DEFAULT_ACTIVATION_FORMAT = FixedFormat(10, 5, signed=False, rounding="RND", overflow="SAT")
DEFAULT_SCORE_FORMAT = FixedFormat(16, 4, signed=False, rounding="RND", overflow="SAT")


@dataclass(frozen=True, slots=True)
class StudentSpec:
    """A student as data: layers and the types of all that is stored or passed on.

    Parameters
    ----------
    widths
        Units of the hidden layers.
    input_format
        Type of the scaled inputs.
    weight_formats, bias_formats
        One for each hidden layer and one for the output.
    activation_formats
        One for each hidden layer.
    score_format
        Type of the score; 14 bits or more keep the steps of the rate small.
    activation
        Only ``"relu"``.

    Raises
    ------
    SettingsError
        If the student is impossible: no units, wrong number of types, a type wider than 24 bits.

    Examples
    --------
    >>> spec = StudentSpec.uniform((32, 16), weight_format=FixedFormat.parse("fixed<6,1,RND,SAT>"))
    >>> spec.weight_formats
    (fixed<6,1,RND,SAT>, fixed<6,1,RND,SAT>, fixed<6,1,RND,SAT>)
    """

    widths: tuple[int, ...]
    input_format: FixedFormat
    weight_formats: tuple[FixedFormat, ...]
    bias_formats: tuple[FixedFormat, ...]
    activation_formats: tuple[FixedFormat, ...]
    score_format: FixedFormat
    activation: str = "relu"

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            msg = f"a student needs hidden layers of at least one unit, got {self.widths}"
            raise SettingsError(msg)
        if self.activation != "relu":
            msg = f"activation {self.activation!r} of a student is unknown; known: relu"
            raise SettingsError(msg)
        n_hidden = len(self.widths)
        for what, formats, needed in (
            ("weight", self.weight_formats, n_hidden + 1),
            ("bias", self.bias_formats, n_hidden + 1),
            ("activation", self.activation_formats, n_hidden),
            ("input", (self.input_format,), 1),
            ("score", (self.score_format,), 1),
        ):
            if len(formats) != needed:
                msg = f"a student of {n_hidden} hidden layers needs {needed} {what} types, got {len(formats)}"
                raise SettingsError(msg)
            for fixed in formats:
                if fixed.width > MAX_BITS:
                    msg = f"the {what} type {fixed} of a student is wider than {MAX_BITS} bits"
                    raise SettingsError(msg)

    @classmethod
    def uniform(
        cls,
        widths: tuple[int, ...] = (32, 16),
        *,
        input_format: FixedFormat = DEFAULT_INPUT_FORMAT,
        weight_format: FixedFormat = DEFAULT_WEIGHT_FORMAT,
        bias_format: FixedFormat = DEFAULT_BIAS_FORMAT,
        activation_format: FixedFormat = DEFAULT_ACTIVATION_FORMAT,
        score_format: FixedFormat = DEFAULT_SCORE_FORMAT,
    ) -> StudentSpec:
        """Return a student that uses the same types in all layers; each has a measured default."""
        n_layers = len(widths) + 1
        return cls(
            widths=tuple(widths),
            input_format=input_format,
            weight_formats=(weight_format,) * n_layers,
            bias_formats=(bias_format,) * n_layers,
            activation_formats=(activation_format,) * len(widths),
            score_format=score_format,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "widths": list(self.widths),
            "input_format": str(self.input_format),
            "weight_formats": [str(item) for item in self.weight_formats],
            "bias_formats": [str(item) for item in self.bias_formats],
            "activation_formats": [str(item) for item in self.activation_formats],
            "score_format": str(self.score_format),
            "activation": self.activation,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> StudentSpec:
        """Build the specification that `as_dict` wrote.

        Raises
        ------
        SettingsError, FormatError
            If a key is missing or unknown, or a type cannot be read.
        """
        expected = set(cls.__dataclass_fields__)
        if set(plain) != expected:
            wrong = ", ".join(sorted(set(plain) ^ expected))
            msg = f"student: keys missing or unknown: {wrong}"
            raise SettingsError(msg)
        return cls(
            widths=tuple(plain["widths"]),
            input_format=FixedFormat.parse(plain["input_format"]),
            weight_formats=_parse(plain["weight_formats"]),
            bias_formats=_parse(plain["bias_formats"]),
            activation_formats=_parse(plain["activation_formats"]),
            score_format=FixedFormat.parse(plain["score_format"]),
            activation=plain["activation"],
        )


def _parse(texts: list[str]) -> tuple[FixedFormat, ...]:
    return tuple(FixedFormat.parse(text) for text in texts)


class FloatStudent(nn.Module):
    """The student without types: what is left after quantization is judged against it.

    Parameters
    ----------
    spec
        Layers; the types are not used.
    scaling
        Offsets and shifts of the inputs, applied without rounding.
    """

    def __init__(self, spec: StudentSpec, scaling: InputScaling) -> None:
        super().__init__()
        self.spec = spec
        self.scaling = scaling
        sizes = (len(scaling), *spec.widths, 1)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        return self.scaling.float_values(rows)

    def network(self, inputs: Tensor) -> Tensor:
        """Return scores (crossings,) from scaled inputs."""
        x = inputs
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        scores: Tensor = self.layers[-1](x)[:, 0]
        return scores

    def regress(self, inputs: Tensor) -> Tensor:
        """Return what is trained to equal the target: the scores."""
        return self.network(inputs)

    def forward(self, rows: Tensor) -> Tensor:
        """Return scores (crossings,) from hardware integers as floats (crossings, features)."""
        return self.network(self.scale(rows))


class QuantStudent(nn.Module):
    """The student as it will be in the FPGA; exact if its parameters are float64.

    Parameters
    ----------
    spec
        Layers and types.
    scaling
        Offsets and shifts of the inputs; its type must be that of the specification.

    Raises
    ------
    SettingsError
        If the input types of specification and scaling differ.
    """

    def __init__(self, spec: StudentSpec, scaling: InputScaling) -> None:
        super().__init__()
        if spec.input_format != scaling.format:
            msg = f"the student reads {spec.input_format}, its scaling gives {scaling.format}"
            raise SettingsError(msg)
        self.spec = spec
        self.scaling = scaling
        sizes = (len(scaling), *spec.widths, 1)
        self.layers = nn.ModuleList(
            QuantDense(sizes[place], sizes[place + 1], weight_format, bias_format)
            for place, (weight_format, bias_format) in enumerate(
                zip(spec.weight_formats, spec.bias_formats, strict=True)
            )
        )

    @classmethod
    def from_float(cls, student: FloatStudent) -> QuantStudent:
        """Return a quantized student with the parameters of a float one (post-training)."""
        quantized = cls(student.spec, student.scaling)
        state = {
            name.replace(".weight", ".linear.weight").replace(".bias", ".linear.bias"): value
            for name, value in student.state_dict().items()
        }
        quantized.load_state_dict(state)
        return quantized

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        return self.scaling.values(rows)

    def regress(self, inputs: Tensor) -> Tensor:
        """Return the scores before the cast to their type, which training leaves out.

        The fine grid of scores changes nothing, but a score that is cut off at 0 would stop
        learning.
        """
        x = inputs
        for layer, target in zip(self.layers[:-1], self.spec.activation_formats, strict=True):
            x = fake_quantize(torch.relu(layer(x)), target)
        scores: Tensor = self.layers[-1](x)[:, 0]
        return scores

    def network(self, inputs: Tensor) -> Tensor:
        """Return scores (crossings,) from scaled inputs (crossings, features)."""
        return fake_quantize(self.regress(inputs), self.spec.score_format)

    def forward(self, rows: Tensor) -> Tensor:
        """Return scores (crossings,) from hardware integers as floats (crossings, features)."""
        return self.network(self.scale(rows))
