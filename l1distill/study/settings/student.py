"""The student: its layers, its types and how it comes to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveFloat, model_validator

from distill import recipe as recipes
from distill.inputs import select_inputs
from distill.losses import RegressionLoss
from distill.recipe import StudentRecipe
from distill.students import StudentSpec
from distill.widths import BitWidths
from emulator.errors import L1Error, SettingsError
from l1distill.settings_file import Section
from l1distill.study.settings.training import Training
from l1distill.study.settings.values import (
    Bits,
    FileName,
    Format,
    Formats,
    Widths,
    require_one_each,
)

if TYPE_CHECKING:
    from emulator.features import FeatureLayout


class Quantization(Section):
    """How the student comes to integers; see `distill.recipe.Quantization`.

    A number of bits is one for all layers, or a list with one for each. Without them the types are those of
    the keys ``*_format``.
    """

    method: Literal["aware", "post", "learned"] = "aware"
    weight_bits: Bits = None
    bias_bits: Bits = None
    activation_bits: Bits = None
    per_channel: bool = False
    granularity: Literal["layer", "channel"] = "channel"
    ebops_penalty: Annotated[float, Field(ge=0)] = 3e-6
    correct_biases: bool = True

    @model_validator(mode="after")
    def _all_bits_or_none(self) -> Quantization:
        given = [self.weight_bits, self.bias_bits, self.activation_bits]
        if any(one is None for one in given) and any(one is not None for one in given):
            msg = "give all of weight_bits, bias_bits and activation_bits, or none of them"
            raise ValueError(msg)
        if self.per_channel and self.weight_bits is None:
            msg = "per_channel needs weight_bits, bias_bits and activation_bits"
            raise ValueError(msg)
        return self

    def for_layers(self, n_hidden: int) -> recipes.Quantization:
        """Return the quantization of a student with so many hidden layers."""

        def each(bits: Any, n_layers: int) -> tuple[int, ...]:
            return bits if isinstance(bits, tuple) else (bits,) * n_layers

        bits = None
        if self.weight_bits is not None:
            bits = BitWidths(
                weights=each(self.weight_bits, n_hidden + 1),
                biases=each(self.bias_bits, n_hidden + 1),
                activations=each(self.activation_bits, n_hidden),
                per_channel=self.per_channel,
            )
        return recipes.Quantization(
            method=self.method,
            bits=bits,
            granularity=self.granularity,
            ebops_penalty=self.ebops_penalty,
            correct_biases=self.correct_biases,
        )


class Student(Section):
    """The network that goes into the trigger."""

    name: FileName = "student"
    widths: Widths = (32, 16)
    activation: Literal["relu", "hard_tanh"] = "relu"
    inputs: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    input_format: Format | None = None
    weight_format: Formats = None
    bias_format: Formats = None
    activation_format: Formats = None
    score_format: Format | None = None
    quantization: Quantization = Quantization()
    loss: Literal["mse", "mae", "huber"] = "mse"
    huber_width: PositiveFloat = 0.5
    tail_weight: Annotated[float, Field(ge=0)] = 1.0
    sampling_power: Annotated[float, Field(ge=0, le=1)] = 0.25
    outlier_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    training: Training = Training(epochs=20)
    width_training: Training = Training(epochs=12, learning_rate=2e-3)
    quantized_training: Training = Training(epochs=8, learning_rate=1e-3)

    @model_validator(mode="after")
    def _possible(self) -> Student:
        n_hidden = len(self.widths)
        for kind, n_layers in (
            ("weight", n_hidden + 1),
            ("bias", n_hidden + 1),
            ("activation", n_hidden),
        ):
            require_one_each(getattr(self, f"{kind}_format"), n_layers, f"{kind}_format")
            bits = getattr(self.quantization, f"{kind}_bits")
            require_one_each(bits, n_layers, "quantization", f"{kind}_bits")
        try:
            self.spec(None)
            self.quantization.for_layers(len(self.widths))
        except L1Error as error:
            raise ValueError(str(error)) from error
        return self

    def spec(self, inputs: tuple[int, ...] | None) -> StudentSpec:
        """Return the student as data; ``inputs`` are the places of the features that it uses."""
        usual = StudentSpec.uniform(self.widths, activation=self.activation, inputs=inputs)
        changes: dict[str, Any] = {
            key: value
            for key in ("input_format", "score_format")
            if (value := getattr(self, key)) is not None
        }
        for key in ("weight_format", "bias_format", "activation_format"):
            value = getattr(self, key)
            if value is not None:
                n_layers = len(getattr(usual, f"{key}s"))
                changes[f"{key}s"] = value if isinstance(value, tuple) else (value,) * n_layers
        return replace(usual, **changes)

    def recipe(self, layout: FeatureLayout, seed: int) -> StudentRecipe:
        """Return the student as the training code takes it."""
        try:
            inputs = None if self.inputs is None else select_inputs(layout, self.inputs)
        except SettingsError as error:
            msg = f"distillation.student.inputs: {error}"
            raise SettingsError(msg) from error
        return StudentRecipe(
            self.spec(inputs),
            loss=RegressionLoss(self.loss, self.tail_weight, self.huber_width),
            quantization=self.quantization.for_layers(len(self.widths)),
            training=self.training.settings(seed),
            quantized_training=self.quantized_training.settings(seed),
            width_training=self.width_training.settings(seed),
            seed=seed,
        )
