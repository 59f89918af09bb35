"""Students as data, and their float and quantized twins."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from distill.scaling import InputScaling
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.training import torch_seed
from emulator.errors import FormatError, SettingsError
from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from distill.data import TrainingData

SPEC = StudentSpec.uniform((8, 4))
CHANNEL = FixedFormat(4, 2, rounding="RND", overflow="SAT")
MIXED = replace(
    StudentSpec.uniform((8, 4), activation="hard_tanh", inputs=(0, 5, 56)),
    weight_formats=((CHANNEL, None) * 4, CHANNEL, (CHANNEL,)),
)


def student(spec: StudentSpec, background: TrainingData) -> FloatStudent:
    with torch_seed(2):
        return FloatStudent(spec, InputScaling.fit(background, spec.input_format))


def test_quantized_twin_of_wide_types_is_the_float_student(background: TrainingData) -> None:
    wide = StudentSpec.uniform(
        (8, 4),
        input_format=FixedFormat(24, 12, overflow="SAT"),
        weight_format=FixedFormat(24, 4, rounding="RND", overflow="SAT"),
        bias_format=FixedFormat(24, 6, rounding="RND", overflow="SAT"),
        activation_format=FixedFormat(24, 8, signed=False, rounding="RND", overflow="SAT"),
        score_format=FixedFormat(24, 8, rounding="RND", overflow="SAT"),
    )
    floating = student(wide, background)
    quantized = QuantStudent.from_float(floating)
    rows = torch.from_numpy(background.rows[:500].astype(np.float32))
    # The inputs keep 7 bits after the shift: 2**-7 for each of 57 features of weight below 0.2.
    with torch.no_grad():
        assert float((quantized(rows) - floating(rows)).abs().max()) < 0.02


def test_scores_lie_on_the_grid_of_their_type(background: TrainingData) -> None:
    quantized = QuantStudent.from_float(student(SPEC, background))
    scores = quantized(torch.from_numpy(background.rows.astype(np.float32))).detach().double()
    raws = scores.numpy() * 2.0**SPEC.score_format.fraction
    assert (raws == np.rint(raws)).all()
    assert raws.min() >= SPEC.score_format.raw_min
    assert raws.max() <= SPEC.score_format.raw_max


def test_every_parameter_learns(background: TrainingData) -> None:
    quantized = QuantStudent.from_float(student(SPEC, background))
    rows = torch.from_numpy(background.rows[:2_000].astype(np.float32))
    quantized.regress(quantized.scale(rows)).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in quantized.named_parameters():
        assert parameter.grad is not None
        assert bool((parameter.grad != 0).any()), name


def test_plain_values_round_trip() -> None:
    for spec in (SPEC, MIXED):
        assert StudentSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec


def test_only_the_chosen_inputs_matter(background: TrainingData) -> None:
    rows = torch.from_numpy(background.rows[:200].astype(np.float32))
    changed = rows.clone()
    changed[:, 6:50] += 9
    for network in (
        student(MIXED, background),
        QuantStudent.from_float(student(MIXED, background)),
    ):
        assert network.sizes == (3, 8, 4, 1)
        before, after = (network.regress(network.scale(one)) for one in (rows, changed))
        assert torch.equal(before, after)
        changed[:, 5] += 100
        assert not torch.equal(before, network.regress(network.scale(changed)))
        changed[:, 5] -= 100


def test_inputs_must_exist(background: TrainingData) -> None:
    with pytest.raises(SettingsError, match="uses input 57, but there are 57"):
        student(replace(SPEC, inputs=(0, 57)), background)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": ()}, "at least one unit"),
        ({"widths": (8, 0)}, r"at least one unit, got \(8, 0\)"),
        ({"widths": (8,)}, "1 hidden layers needs 2 weight types, got 3"),
        ({"activation_formats": ()}, "2 hidden layers needs 2 activation types, got 0"),
        ({"activation": "tanh"}, "'tanh' of a student is unknown; known: relu, hard_tanh"),
        ({"inputs": (3, 1)}, r"places in rising order, got \(3, 1\)"),
        ({"inputs": ()}, "places in rising order"),
        (
            {"weight_formats": ((None,) * 7, None, None)},
            "8 units needs as many weight types, got 7",
        ),
        (
            {"activation_formats": ((CHANNEL, replace(CHANNEL, signed=False)) * 4, CHANNEL)},
            "all have a sign",
        ),
        ({"score_format": FixedFormat(25, 4)}, "score type fixed<25,4> of a student is wider"),
        ({"bias_formats": (FixedFormat(30, 4),) * 3}, "bias type fixed<30,4>"),
    ],
)
def test_refuses_impossible_students(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(SPEC, **changes)  # type: ignore[arg-type]


def test_from_dict_is_strict() -> None:
    plain = SPEC.as_dict()
    with pytest.raises(SettingsError, match="keys missing or unknown: depth"):
        StudentSpec.from_dict({**plain, "depth": 3})
    with pytest.raises(SettingsError, match="keys missing or unknown: score_format"):
        StudentSpec.from_dict({key: plain[key] for key in plain if key != "score_format"})
    with pytest.raises(FormatError, match="no fixed-point type"):
        StudentSpec.from_dict({**plain, "score_format": "float"})


def test_scaling_must_give_what_the_student_reads(background: TrainingData) -> None:
    scaling = InputScaling.fit(background, FixedFormat(5, 3))
    with pytest.raises(SettingsError, match="its scaling gives fixed<5,3>"):
        QuantStudent(SPEC, scaling)
