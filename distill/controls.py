"""Controls: small quantized networks that are trained without a teacher, for a student to be held against.

A distilled student earns its name only against what the same LUTs and the same training would have
given directly: an autoencoder with its squared error, or the encoder of a variational one with Σµ², as
AXOL1TL is. Both learn from background alone and come out as a `Graph`, score included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast, get_args

import torch
from torch import nn

from distill.export import SCORE, network_nodes
from distill.quantizers import fake_quantize
from distill.recipe import Stages, row_tensor
from distill.scaling import FloatScaling, InputScaling
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.teachers import divergence
from distill.training import torch_seed, torch_threads
from distill.widths import BitWidths, calibrated_spec
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Node, Square, Subtract, Sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from distill.data import TrainingData
    from distill.sampling import Drawn
    from distill.training import History, TrainingSettings
    from emulator.features import FeatureLayout

ControlKind = Literal["autoencoder", "encoder"]

#: What is squared: as wide as the inputs in range, four steps per standard deviation.
_ERROR_FORMAT = FixedFormat(9, 7, rounding="RND", overflow="SAT")
_MEAN_BITS = 10
_FIELD_WEIGHTS = {"pt": 1.0, "eta": 0.3, "phi": 0.3}
_DECODER_UNITS = 32
# See `distill.teachers.TeacherSpec.robust_width`.
_ROBUST_WIDTH = 3.0
_CALIBRATION_CROSSINGS = 20_000


@dataclass(frozen=True, slots=True)
class ControlSpec:
    """A control as data.

    Parameters
    ----------
    kind
        ``autoencoder``: features → hidden layers → every pT again, score the sum of their squared errors. Angles are
        uniform and cannot be predicted, so no LUT is spent on them. ``encoder``: features → hidden layers
        → latent means, score Σµ²; the variances and the decoder exist in training only.
    widths
        Units of the hidden layers.
    bits
        Widths of weights, biases and activations; types are calibrated.
    latent
        Dimensions of the latent space, of ``encoder``.
    beta
        Weight of the divergence in its loss, see `distill.teachers.TeacherSpec`.
    seed
        Of the initial parameters.

    Raises
    ------
    SettingsError
        If the kind is unknown or a number impossible.
    """

    kind: ControlKind
    widths: tuple[int, ...]
    bits: BitWidths
    latent: int = 4
    beta: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(ControlKind):
            msg = f"control: kind must be one of {', '.join(get_args(ControlKind))}, got {self.kind!r}"
            raise SettingsError(msg)
        if self.latent < 1 or not self.beta >= 0.0:
            msg = "control: latent must be at least 1 and beta not negative"
            raise SettingsError(msg)
        if len(self.bits.activations) != len(self.widths):
            msg = f"control: {len(self.bits.activations)} widths of activations for {len(self.widths)} layers"
            raise SettingsError(msg)


class Control(nn.Module):
    """A control on its way: the network of the FPGA, and what is needed to train it.

    Parameters
    ----------
    spec
        What it is.
    body
        The network, of floats or of integers.
    scaling
        Weights of the features in the reconstruction error.
    layout
        What the features are.
    """

    drawn: Tensor

    def __init__(
        self,
        spec: ControlSpec,
        body: FloatStudent | QuantStudent,
        scaling: FloatScaling,
        layout: FeatureLayout,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.body = body
        self.scaling = scaling
        self.pt_columns = pt_columns(layout)
        if spec.kind == "encoder":
            self.log_variances = nn.Linear(spec.widths[-1], spec.latent)
            self.decoder = nn.Sequential(
                nn.Linear(spec.latent, _DECODER_UNITS),
                nn.ReLU(),
                nn.Linear(_DECODER_UNITS, len(layout)),
            )
        self.register_buffer("drawn", torch.zeros(1, dtype=torch.int64))

    def loss(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the loss of (scaled inputs, weights of the features), a scalar."""
        inputs, weights = batch
        if self.spec.kind == "autoencoder":
            error = self.body.outputs(inputs) - inputs[:, self.pt_columns]
            return _robust(error).mean()
        hidden = self.body.hidden(inputs)
        means = self.body.layers[-1](hidden)
        log_variances = self.log_variances(hidden).clamp(-10.0, 10.0)
        noisy = means + self._noise(means) * torch.exp(log_variances / 2)
        scale = self.scaling.weight.sum()
        error = (weights * _robust(self.decoder(noisy) - inputs)).sum(dim=1).mean() / scale
        return error + self.spec.beta * 2.0 / scale * divergence(means, log_variances).mean()

    def _noise(self, like: Tensor) -> Tensor:
        # As in `distill.teachers.VariationalAutoencoder`.
        if torch.is_grad_enabled():
            self.drawn += 1
        seed = int(self.drawn) if torch.is_grad_enabled() else 0
        return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(like)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the scores (crossings,) of hardware integers as floats, exact for a body of integers."""
        inputs = self.body.scale(rows)
        outputs = self.body.outputs(inputs)
        if self.spec.kind == "autoencoder":
            outputs = outputs - inputs[:, self.pt_columns]
        if isinstance(self.body, QuantStudent):
            outputs = fake_quantize(outputs, self.body.spec.score_format)
        return (outputs**2).sum(dim=1)


def pt_columns(layout: FeatureLayout) -> list[int]:
    """Return the places of the features that an autoencoder control gives back."""
    return [place for place, feature in enumerate(layout.features) if feature.field == "pt"]


def _robust(error: Tensor) -> Tensor:
    size = error.abs()
    return torch.where(size < _ROBUST_WIDTH, size**2, _ROBUST_WIDTH * (2 * size - _ROBUST_WIDTH))


def new_control(spec: ControlSpec, common: TrainingData) -> Control:
    """Return a control of floats at its start, its scaling fitted on natural background."""
    layout = common.layout
    scaling = FloatScaling(len(layout))
    scaling.fit(common, _FIELD_WEIGHTS)
    n_outputs = len(pt_columns(layout)) if spec.kind == "autoencoder" else spec.latent
    shape = StudentSpec.uniform(spec.widths)
    with torch_seed(spec.seed):
        body = FloatStudent(shape, InputScaling.fit(common), n_outputs)
        return Control(spec, body, scaling, layout)


def train_control(
    background: Drawn,
    spec: ControlSpec,
    training: TrainingSettings,
    quantized_training: TrainingSettings,
    stages: Stages | None = None,
) -> tuple[Control, tuple[History, ...]]:
    """Train a control in floats, calibrate its types, and train it again with them.

    Parameters
    ----------
    background
        Naturally distributed background.
    spec
        What it is.
    training, quantized_training
        Of both parts.
    stages
        Checkpoints and progress.

    Raises
    ------
    L1Error
        If there is nothing to train on, or a loss is not finite.
    """
    steps = stages or Stages()
    layout = background.training.layout
    floating = new_control(spec, background.training)
    first = steps.fit("control", floating, _loss, *_tensors(floating, background), training)
    with torch_threads(quantized_training.threads):
        control = quantized_control(floating, background, layout)
    second = steps.fit(
        "control-quantized", control, _loss, *_tensors(control, background), quantized_training
    )
    return control, (first, second)


def quantized_control(floating: Control, background: Drawn, layout: FeatureLayout) -> Control:
    """Return a control of integers with the parameters of a float one and calibrated types."""
    body = cast("FloatStudent", floating.body)
    rows = row_tensor(background.training)[:_CALIBRATION_CROSSINGS]
    spec = calibrated_spec(body, floating.spec.bits, body.scale(rows))
    squared = _ERROR_FORMAT
    if floating.spec.kind == "encoder":
        with torch.no_grad():
            largest = float(body.outputs(body.scale(row_tensor(background.training))).abs().max())
        # Signals go beyond what background shows.
        whole = max(1, int(torch.tensor(4.0 * largest).log2().ceil())) + 1
        squared = FixedFormat(_MEAN_BITS, whole, rounding="RND", overflow="SAT")
    control = Control(
        floating.spec,
        QuantStudent.from_float(body, replace(spec, score_format=squared)),
        floating.scaling,
        layout,
    )
    rest = {k: v for k, v in floating.state_dict().items() if not k.startswith("body.")}
    control.load_state_dict(rest, strict=False)
    return control


def _loss(control: Control, batch: Sequence[Tensor]) -> Tensor:
    return control.loss(batch)


def _tensors(control: Control, background: Drawn) -> tuple[list[Tensor], list[Tensor]]:
    def made(data: TrainingData) -> list[Tensor]:
        rows = row_tensor(data)
        return [control.body.scale(rows), control.scaling(rows)[1]]

    return made(background.training), made(background.validation)


def control_graph(control: Control) -> Graph:
    """Write a quantized control as a graph whose output is its score, all sums and squares exact.

    Raises
    ------
    ExportError
        As `distill.export.export_graph`.
    """
    body = cast("QuantStudent", control.body)
    squared = body.spec.score_format
    last = "means"
    if control.spec.kind == "encoder":
        nodes = network_nodes(body, "means", squared)
    else:
        nodes, last = _errors(body, control.pt_columns), "errors"
    n_outputs = body.n_outputs
    width = 2 * squared.width
    square = FixedFormat(width, 2 * squared.integer, signed=False)
    total = FixedFormat(
        width + n_outputs.bit_length(), square.integer + n_outputs.bit_length(), signed=False
    )
    nodes += [
        Square("squares", (last,), square),
        Sum(SCORE, ("squares",), total, accumulator=total),
    ]
    return Graph(tuple(nodes), (SCORE,))


def _errors(body: QuantStudent, columns: Sequence[int]) -> list[Node]:
    """Return the nodes up to the errors of every pT."""
    n_inputs, n_outputs = len(body.scaling), len(columns)
    given = body.scaling.format
    # Its sums are exact as the accumulator has them; `network_nodes` casts to what is asked for.
    nodes = network_nodes(body, "again", FixedFormat(1, 1))
    again = cast("Dense", nodes[-1])
    nodes[-1] = replace(again, format=again.accumulator)
    chosen = Dense(
        "seen",
        ("scaled",),
        given,
        weights=tuple(
            tuple(int(columns[place] == row) for place in range(n_outputs))
            for row in range(n_inputs)
        ),
        weight_format=FixedFormat(2, 2),
        bias=(0,) * n_outputs,
        bias_format=FixedFormat(1, 1),
        accumulator=FixedFormat(given.width + 2, given.integer + 2),
    )
    return [
        *nodes,
        chosen,
        Subtract("errors", ("again", "seen"), body.spec.score_format),
    ]
