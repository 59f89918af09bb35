"""Widths instead of types: calibration, and quantization without training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch

from distill.quantizers import channel_formats
from distill.scaling import InputScaling
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.training import torch_seed
from distill.widths import BitWidths, calibrated_spec, quantize_after_training, widths_of
from emulator.errors import SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from torch import Tensor

    from distill.data import TrainingData

BITS = BitWidths(weights=(5, 6, 7), biases=(8, 9, 10), activations=(6, 4))


def linear(student: FloatStudent) -> list[torch.nn.Linear]:
    return [cast("torch.nn.Linear", layer) for layer in student.layers]


@pytest.fixture
def student(background: TrainingData) -> FloatStudent:
    with torch_seed(3):
        network = FloatStudent(StudentSpec.uniform((8, 4)), InputScaling.fit(background))
    with torch.no_grad():
        linear(network)[0].weight[2] *= 16  # one unit needs other types than the rest
    return network


@pytest.fixture
def rows(background: TrainingData) -> Tensor:
    return torch.from_numpy(background.rows.astype(np.float32))


@pytest.mark.parametrize("per_channel", [False, True])
def test_types_have_the_widths_and_hold_what_is_there(
    student: FloatStudent, rows: Tensor, per_channel: bool
) -> None:
    bits = replace(BITS, per_channel=per_channel)
    spec = calibrated_spec(student, bits, student.scale(rows))
    assert widths_of(spec) == bits
    x = student.scale(rows)
    for layer, weights, biases, passed in zip(
        linear(student),
        spec.weight_formats,
        spec.bias_formats,
        [*spec.activation_formats, None],
        strict=True,
    ):
        for row, target in zip(
            layer.weight, channel_formats(weights, len(layer.weight)), strict=True
        ):
            assert target is not None
            # At most two bits are cut off the largest weight.
            assert float(row.detach().abs().max()) <= 2.0 ** (target.integer + 1)
        assert float(layer.bias.detach().abs().max()) <= 2.0 ** (biases.integer - 2)
        if passed is not None:
            assert isinstance(passed, FixedFormat)
            x = student.activate(layer(x)).detach()
            assert 2.0 ** (passed.integer - 1) <= float(x.max()) <= 2.0**passed.integer
    if per_channel:
        first = spec.weight_formats[0]
        assert isinstance(first, tuple)
        assert first[2] is not None
        assert first[0] is not None
        assert first[2].integer > first[0].integer


def test_channels_and_corrected_biases_come_nearer_to_the_float_student(
    student: FloatStudent, rows: Tensor
) -> None:
    bits = BitWidths.uniform(2, weights=3, biases=10, activations=10)
    with torch.no_grad():
        wanted = student(rows)

        def errors(per_channel: bool, correct: bool) -> tuple[float, float]:
            quantized = quantize_after_training(
                student, replace(bits, per_channel=per_channel), rows, correct_biases=correct
            )
            error = quantized.regress(quantized.scale(rows)) - wanted
            return float(error.mean().abs()), float(error.std())

        plain, corrected, channels = errors(False, False), errors(False, True), errors(True, True)
    assert corrected[0] < 0.2 * plain[0]
    assert channels[1] < 0.85 * corrected[1]


def test_without_widths_the_types_stay(student: FloatStudent, rows: Tensor) -> None:
    quantized = quantize_after_training(student, None, rows, correct_biases=False)
    assert quantized.spec == student.spec
    same = QuantStudent.from_float(student)
    assert torch.equal(quantized(rows), same(rows))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": (5, 1, 7)}, "weight widths must lie between 2 and 24 bits, got 1"),
        ({"biases": (25, 9, 9)}, "bias widths must lie between 2 and 24 bits, got 25"),
        ({"activations": (0, 4)}, "activation widths must lie between 1 and 24 bits, got 0"),
        (
            {"weights": (5, 6)},
            "2 widths of activations need 3 of weights and of biases, got 2 and 3",
        ),
    ],
)
def test_refuses_impossible_widths(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(BITS, **changes)


def test_widths_must_fit_the_student(student: FloatStudent, rows: Tensor) -> None:
    bits = BitWidths.uniform(1, weights=5, biases=5, activations=5)
    with pytest.raises(SettingsError, match="widths for 1 hidden layers, the student has 2"):
        calibrated_spec(student, bits, student.scale(rows))


def test_plain_values_round_trip() -> None:
    assert BitWidths.from_dict(BITS.as_dict()) == BITS
