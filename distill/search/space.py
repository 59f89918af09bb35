"""What a search may choose, and the student that a choice means."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from distill.inputs import select_inputs
from distill.losses import LossKind, RegressionLoss
from distill.students import ACTIVATIONS, StudentSpec
from distill.widths import BitWidths
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna import Trial

    from distill.recipe import StudentRecipe
    from distill.training import TrainingSettings
    from emulator.features import FeatureLayout

Order = Literal["aware", "float"]

#: Name of the choice that uses every feature.
ALL_INPUTS = "all"


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Choices of a student; a range is the lowest and the highest value, both included.

    Parameters
    ----------
    depth
        Range of the number of hidden layers.
    widths
        Units that a hidden layer may have.
    activation, loss
        Kinds to choose from.
    weight_bits, bias_bits, activation_bits
        Ranges, chosen for each layer. Only a search that is aware of quantization uses them.
    inputs
        Named sets of features, as selectors of `distill.inputs.select_inputs`; ``all`` means every one.
    learning_rate
        Range of the float student's peak learning rate, chosen on a logarithmic scale.
    batch_size
        Sizes to choose from.
    tail_weight
        Range.

    Raises
    ------
    SettingsError
        If a list is empty, a range is upside down, or a choice is impossible.
    """

    depth: tuple[int, int] = (1, 3)
    widths: tuple[int, ...] = (4, 8, 12, 16, 24, 32)
    activation: tuple[str, ...] = ("relu",)
    loss: tuple[LossKind, ...] = ("mse",)
    weight_bits: tuple[int, int] = (3, 8)
    bias_bits: tuple[int, int] = (6, 10)
    activation_bits: tuple[int, int] = (4, 10)
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {ALL_INPUTS: ()})
    learning_rate: tuple[float, float] = (1e-3, 1e-2)
    batch_size: tuple[int, ...] = (256, 512, 1024)
    tail_weight: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        for name in ("widths", "activation", "loss", "batch_size", "inputs"):
            if not getattr(self, name):
                msg = f"search space: {name} offers nothing to choose from"
                raise SettingsError(msg)
        for name, least, most in (
            ("depth", 1, 8),
            ("weight_bits", 2, 24),
            ("bias_bits", 2, 24),
            ("activation_bits", 1, 24),
            ("learning_rate", 1e-8, 10.0),
            ("tail_weight", 0.0, 1e3),
        ):
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                msg = (
                    f"search space: {name} must be a range between {least:g} and {most:g}, got "
                    f"{low:g} to {high:g}"
                )
                raise SettingsError(msg)
        if min(self.widths) < 1 or min(self.batch_size) < 1:
            msg = "search space: widths and batch sizes must be at least 1"
            raise SettingsError(msg)
        for name, known in (("activation", ACTIVATIONS), ("loss", get_args(LossKind))):
            unknown = sorted(set(getattr(self, name)) - set(known))
            if unknown:
                msg = f"search space: {name} {unknown[0]!r} is unknown; known: {', '.join(known)}"
                raise SettingsError(msg)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON gives them back."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        named = {name: list(selectors) for name, selectors in self.inputs.items()}
        lists = {key: list(value) for key, value in plain.items() if isinstance(value, tuple)}
        return {**plain, **lists, "inputs": named}

    def suggest(
        self, trial: Trial, base: StudentRecipe, layout: FeatureLayout, order: Order
    ) -> StudentRecipe:
        """Let a trial choose a student.

        Parameters
        ----------
        trial
            Asked for each choice; the names of its parameters are those of the fields, with the layer's
            number where there is one.
        base
            All that is not searched for: epochs, input and score types, seed.
        layout
            What the features are.
        order
            With ``float`` no widths are chosen.
        """
        depth = trial.suggest_int("depth", *self.depth)
        widths = tuple(
            trial.suggest_categorical(f"width_{place}", self.widths) for place in range(depth)
        )
        inputs = self.inputs[trial.suggest_categorical("inputs", list(self.inputs))]
        activation = trial.suggest_categorical("activation", self.activation)
        spec = StudentSpec.uniform(
            widths,
            input_format=base.spec.input_format,
            score_format=base.spec.score_format,
            activation=activation,
            inputs=select_inputs(layout, inputs) if inputs else None,
        )
        quantization = replace(base.quantization, bits=None)
        if order == "aware":
            quantization = replace(quantization, bits=self._bits(trial, depth))
        rate = trial.suggest_float("learning_rate", *self.learning_rate, log=True)
        size = trial.suggest_categorical("batch_size", self.batch_size)
        loss = RegressionLoss(
            cast("LossKind", trial.suggest_categorical("loss", self.loss)),
            trial.suggest_float("tail_weight", *self.tail_weight),
            base.loss.huber_width,
        )

        def changed(settings: TrainingSettings) -> TrainingSettings:
            return replace(settings, batch_size=size)

        first = base.training
        return replace(
            base,
            spec=spec,
            loss=loss,
            quantization=quantization,
            training=None if first is None else replace(changed(first), learning_rate=rate),
            quantized_training=changed(base.quantized_training),
            width_training=changed(base.width_training),
        )

    def _bits(self, trial: Trial, depth: int) -> BitWidths:
        def each(name: str, count: int) -> tuple[int, ...]:
            low, high = getattr(self, name)
            return tuple(trial.suggest_int(f"{name}_{place}", low, high) for place in range(count))

        return BitWidths(
            weights=each("weight_bits", depth + 1),
            biases=each("bias_bits", depth + 1),
            activations=each("activation_bits", depth),
        )
