"""Students: small networks described by data, in floats and with fixed-point types."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from distill.quantizers import EXACT_WIDTH, Cast, QuantDense, fake_quantize
from distill.scaling import DEFAULT_INPUT_FORMAT, InputScaling
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from distill.quantizers import LayerFormat

#: Types are at most this wide, so that training in float32 sees exact values.
MAX_BITS = EXACT_WIDTH[torch.float32]

DEFAULT_WEIGHT_FORMAT = FixedFormat(8, 2, rounding="RND", overflow="SAT")
DEFAULT_BIAS_FORMAT = FixedFormat(10, 4, rounding="RND", overflow="SAT")
DEFAULT_ACTIVATION_FORMAT = FixedFormat(10, 5, signed=False, rounding="RND", overflow="SAT")
#: Of ``hard_tanh``, whose range is -1 to 1 whatever its type.
DEFAULT_SIGNED_ACTIVATION_FORMAT = FixedFormat(10, 1, rounding="RND", overflow="SAT")
DEFAULT_SCORE_FORMAT = FixedFormat(16, 4, signed=False, rounding="RND", overflow="SAT")

RELU: Final = "relu"
HARD_TANH: Final = "hard_tanh"
#: What stands between two layers; both cost no table and no multiplier in the FPGA.
ACTIVATIONS = (RELU, HARD_TANH)


@dataclass(frozen=True, slots=True)
class StudentSpec:
    """A student as data: layers and the types of all that is stored or passed on.

    Parameters
    ----------
    widths
        Units of the hidden layers.
    input_format
        Type of the scaled inputs.
    weight_formats
        One for each hidden layer and one for the output; each a type, or one type for the weights of each
        unit (None: no bit is left, they are 0).
    bias_formats
        One for each hidden layer and one for the output.
    activation_formats
        One for each hidden layer; each a type, or one for each unit.
    score_format
        Type of the score; 14 bits or more keep the steps of the rate small.
    activation
        ``"relu"``, or ``"hard_tanh"``: a saturating cast to -1 to 1.
    inputs
        Places of the features that are used, rising; all if None.

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
    weight_formats: tuple[LayerFormat, ...]
    bias_formats: tuple[FixedFormat, ...]
    activation_formats: tuple[LayerFormat, ...]
    score_format: FixedFormat
    activation: str = RELU
    inputs: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            msg = f"a student needs hidden layers of at least one unit, got {self.widths}"
            raise SettingsError(msg)
        if self.activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            msg = f"activation {self.activation!r} of a student is unknown; known: {known}"
            raise SettingsError(msg)
        if self.inputs is not None:
            rising = all(first < second for first, second in pairwise(self.inputs))
            if not self.inputs or min(self.inputs) < 0 or not rising:
                msg = f"the inputs of a student must be places in rising order, got {self.inputs}"
                raise SettingsError(msg)
        n_hidden = len(self.widths)
        for what, formats, needed in (
            ("weight", self.weight_formats, (*self.widths, 1)),
            ("bias", self.bias_formats, (*self.widths, 1)),
            ("activation", self.activation_formats, self.widths),
            ("input", (self.input_format,), (1,)),
            ("score", (self.score_format,), (1,)),
        ):
            if len(formats) != len(needed):
                msg = (
                    f"a student of {n_hidden} hidden layers needs {len(needed)} {what} types, got "
                    f"{len(formats)}"
                )
                raise SettingsError(msg)
            for layer, n_units in zip(formats, needed, strict=True):
                _check_layer(layer, n_units, what)

    @classmethod
    def uniform(
        cls,
        widths: tuple[int, ...] = (32, 16),
        *,
        input_format: FixedFormat = DEFAULT_INPUT_FORMAT,
        weight_format: FixedFormat = DEFAULT_WEIGHT_FORMAT,
        bias_format: FixedFormat = DEFAULT_BIAS_FORMAT,
        activation_format: FixedFormat | None = None,
        score_format: FixedFormat = DEFAULT_SCORE_FORMAT,
        activation: str = RELU,
        inputs: tuple[int, ...] | None = None,
    ) -> StudentSpec:
        """Return a student that uses the same types in all layers; each has a measured default."""
        n_layers = len(widths) + 1
        usual = (
            DEFAULT_ACTIVATION_FORMAT if activation == RELU else DEFAULT_SIGNED_ACTIVATION_FORMAT
        )
        return cls(
            widths=tuple(widths),
            input_format=input_format,
            weight_formats=(weight_format,) * n_layers,
            bias_formats=(bias_format,) * n_layers,
            activation_formats=(activation_format or usual,) * len(widths),
            score_format=score_format,
            activation=activation,
            inputs=inputs,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON or a checkpoint."""
        return {
            "widths": list(self.widths),
            "input_format": str(self.input_format),
            "weight_formats": [_plain(item) for item in self.weight_formats],
            "bias_formats": [str(item) for item in self.bias_formats],
            "activation_formats": [_plain(item) for item in self.activation_formats],
            "score_format": str(self.score_format),
            "activation": self.activation,
            "inputs": None if self.inputs is None else list(self.inputs),
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
        inputs = plain["inputs"]
        return cls(
            widths=tuple(plain["widths"]),
            input_format=FixedFormat.parse(plain["input_format"]),
            weight_formats=tuple(_parse(item) for item in plain["weight_formats"]),
            bias_formats=tuple(FixedFormat.parse(item) for item in plain["bias_formats"]),
            activation_formats=tuple(_parse(item) for item in plain["activation_formats"]),
            score_format=FixedFormat.parse(plain["score_format"]),
            activation=plain["activation"],
            inputs=None if inputs is None else tuple(inputs),
        )


def _check_layer(layer: LayerFormat, n_units: int, what: str) -> None:
    if not isinstance(layer, FixedFormat):
        if len(layer) != n_units:
            msg = f"a layer of {n_units} units needs as many {what} types, got {len(layer)}"
            raise SettingsError(msg)
        if len({one.signed for one in layer if one is not None}) > 1:
            msg = f"the {what} types of one layer must all have a sign, or none"
            raise SettingsError(msg)
    for fixed in (layer,) if isinstance(layer, FixedFormat) else layer:
        if fixed is not None and fixed.width > MAX_BITS:
            msg = f"the {what} type {fixed} of a student is wider than {MAX_BITS} bits"
            raise SettingsError(msg)


def _plain(layer: LayerFormat) -> str | list[str | None]:
    if isinstance(layer, FixedFormat):
        return str(layer)
    return [None if one is None else str(one) for one in layer]


def _parse(plain: str | Sequence[str | None]) -> LayerFormat:
    if isinstance(plain, str):
        return FixedFormat.parse(plain)
    return tuple(None if one is None else FixedFormat.parse(one) for one in plain)


class _Student(nn.Module):
    """What the students have in common: which features they use, and the order of things.

    Inputs of the *network* are the scaled features that are used.
    """

    spec: StudentSpec
    scaling: InputScaling
    layers: nn.ModuleList

    def __init__(self, spec: StudentSpec, scaling: InputScaling, n_outputs: int = 1) -> None:
        super().__init__()
        if spec.inputs is not None and spec.inputs[-1] >= len(scaling):
            msg = f"the student uses input {spec.inputs[-1]}, but there are {len(scaling)}"
            raise SettingsError(msg)
        self.spec = spec
        self.scaling = scaling
        self.n_outputs = n_outputs

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of inputs, of units in each hidden layer, and of outputs."""
        n_inputs = len(self.scaling) if self.spec.inputs is None else len(self.spec.inputs)
        return (n_inputs, *self.spec.widths, self.n_outputs)

    def used(self, scaled: Tensor) -> Tensor:
        """Return the columns (crossings, inputs) that are used of all features."""
        return scaled if self.spec.inputs is None else scaled[:, list(self.spec.inputs)]

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        raise NotImplementedError

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return what the last hidden layer passes on (crossings, units)."""
        raise NotImplementedError

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return the sums of the last layer (crossings, outputs)."""
        sums: Tensor = self.layers[-1](self.hidden(inputs))
        return sums

    def regress(self, inputs: Tensor) -> Tensor:
        """Return what is trained to equal the target: the scores before the cast to their type.

        Training leaves that cast out: the fine grid of scores changes nothing, but a score that is cut
        off at 0 would stop learning.
        """
        return self.outputs(inputs)[:, 0]

    def network(self, inputs: Tensor) -> Tensor:
        """Return scores (crossings,) from scaled inputs."""
        return self.regress(inputs)

    def forward(self, rows: Tensor) -> Tensor:
        """Return scores (crossings,) from hardware integers as floats (crossings, features)."""
        return self.network(self.scale(rows))


class FloatStudent(_Student):
    """The student without types: what is left after quantization is judged against it.

    Parameters
    ----------
    spec
        Layers; the types are not used.
    scaling
        Offsets and shifts of the inputs, applied without rounding.
    n_outputs
        Sums of the last layer; a student that is to be exported has one, its score.
    """

    def __init__(self, spec: StudentSpec, scaling: InputScaling, n_outputs: int = 1) -> None:
        super().__init__(spec, scaling, n_outputs)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(self.sizes))

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        return self.used(self.scaling.float_values(rows))

    def activate(self, sums: Tensor) -> Tensor:
        """Return what a hidden layer passes on."""
        return torch.relu(sums) if self.spec.activation == RELU else torch.clamp(sums, -1.0, 1.0)

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return what the last hidden layer passes on (crossings, units)."""
        x = inputs
        for layer in self.layers[:-1]:
            x = self.activate(layer(x))
        return x


class QuantStudent(_Student):
    """The student as it will be in the FPGA; exact if its parameters are float64.

    Parameters
    ----------
    spec
        Layers and types.
    scaling
        Offsets and shifts of the inputs; its type must be that of the specification.
    n_outputs
        Sums of the last layer; a student that is to be exported has one, its score.

    Raises
    ------
    SettingsError
        If the input types of specification and scaling differ.
    """

    def __init__(self, spec: StudentSpec, scaling: InputScaling, n_outputs: int = 1) -> None:
        super().__init__(spec, scaling, n_outputs)
        if spec.input_format != scaling.format:
            msg = f"the student reads {spec.input_format}, its scaling gives {scaling.format}"
            raise SettingsError(msg)
        self.layers = nn.ModuleList(
            QuantDense(n_in, n_out, weight_format, bias_format)
            for (n_in, n_out), weight_format, bias_format in zip(
                pairwise(self.sizes), spec.weight_formats, spec.bias_formats, strict=True
            )
        )
        self.casts = nn.ModuleList(Cast(target) for target in spec.activation_formats)

    @classmethod
    def from_float(cls, student: FloatStudent, spec: StudentSpec | None = None) -> QuantStudent:
        """Return a quantized student with the parameters of a float one, rounded to their types.

        Parameters
        ----------
        student
            The float student.
        spec
            Types, if they are not those of the float student's own specification.
        """
        quantized = cls(spec or student.spec, student.scaling, student.n_outputs)
        state = {
            name.replace(".weight", ".linear.weight").replace(".bias", ".linear.bias"): value
            for name, value in student.state_dict().items()
        }
        quantized.load_state_dict(state)
        return quantized

    def scale(self, rows: Tensor) -> Tensor:
        """Return the inputs of the network from hardware integers (as floats)."""
        return self.used(self.scaling.values(rows))

    def activate(self, sums: Tensor, place: int) -> Tensor:
        """Return what hidden layer ``place`` passes on."""
        activated: Tensor = self.casts[place](
            torch.relu(sums) if self.spec.activation == RELU else sums
        )
        return activated

    def hidden(self, inputs: Tensor) -> Tensor:
        """Return what the last hidden layer passes on (crossings, units)."""
        x = inputs
        for place, layer in enumerate(self.layers[:-1]):
            x = self.activate(layer(x), place)
        return x

    def network(self, inputs: Tensor) -> Tensor:
        """Return scores (crossings,) from scaled inputs (crossings, inputs)."""
        return fake_quantize(self.regress(inputs), self.spec.score_format)
