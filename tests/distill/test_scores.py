"""Scores in doubles and their integer grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.scaling import InputScaling
from distill.scores import (
    float_student_scores,
    quantized_scores,
    teacher_scores,
    to_integer_grid,
)
from distill.students import FloatStudent, QuantStudent, StudentSpec
from distill.teachers import Autoencoder, TeacherSpec
from distill.training import torch_seed, torch_threads
from emulator.errors import RangeError

if TYPE_CHECKING:
    from distill.data import TrainingData


def test_scores_are_those_of_the_networks(background: TrainingData) -> None:
    with torch_seed(3):
        teacher = Autoencoder(57, TeacherSpec((8, 2, 8)))
        student = FloatStudent(StudentSpec.uniform((4,)), InputScaling.fit(background))
    teacher.scaling.fit(background, {})
    quantized = QuantStudent.from_float(student)
    rows = torch.from_numpy(background.rows.astype(np.float32))
    with torch.no_grad():
        for found, expected, tolerance in (
            (teacher_scores(teacher, background.rows), teacher(rows), 1e-4),
            (float_student_scores(student, background.rows), student(rows), 1e-4),
            # Nothing here is wider than 24 bits: floats are as exact as doubles.
            (quantized_scores(quantized, background.rows), quantized(rows), 0.0),
        ):
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert next(student.parameters()).dtype == torch.float32  # scoring leaves the network alone


def test_scores_on_a_grid_do_not_depend_on_threads(background: TrainingData) -> None:
    with torch_seed(3):
        teacher = Autoencoder(57, TeacherSpec((64, 8, 64)))
    teacher.scaling.fit(background, {})
    grids = []
    for threads in (1, 2):
        with torch_threads(threads):
            grids.append(to_integer_grid(teacher_scores(teacher, background.rows), 20))
    np.testing.assert_array_equal(grids[0], grids[1])


@given(scores=st.lists(st.floats(-1e6, 1e6), min_size=2), fraction_bits=st.integers(-4, 30))
def test_grid_keeps_the_order(scores: list[float], fraction_bits: int) -> None:
    grid = to_integer_grid(sorted(scores), fraction_bits)
    assert (np.diff(grid) >= 0).all()
    error = np.abs(grid * 2.0**-fraction_bits - np.sort(scores))
    assert (error <= 2.0 ** (-fraction_bits - 1) * (1 + 1e-9)).all()


def test_grid_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(RangeError, match="score 1 is not finite"):
        to_integer_grid([0.0, np.nan], 4)
    with pytest.raises(RangeError, match="more than 53 bits"):
        to_integer_grid([1e10], 30)
    assert to_integer_grid([], 4).shape == (0,)
