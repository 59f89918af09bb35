"""Scores of teachers and students for many crossings, in doubles."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch

from emulator.errors import RangeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from torch import nn

    from distill.students import FloatStudent, QuantStudent

# Crossings at a time; fits the cache with the widest teacher layer.
_CHUNK = 8192


def teacher_scores(teacher: nn.Module, rows: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the teacher's score (not its logarithm) of each crossing.

    Evaluated in doubles, so that other threads or batches move a score by 1e-15 of its value and
    not by 1e-7: on the grid of `to_integer_grid` they are the same.

    Parameters
    ----------
    teacher
        Trained teacher.
    rows
        Hardware integers, int16 (crossings, features).

    Returns
    -------
    float64 (crossings,).
    """
    return _scores(teacher, rows)


def float_student_scores(student: FloatStudent, rows: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the scores of a student without types, float64 (crossings,); see `teacher_scores`."""
    return _scores(student, rows)


def quantized_scores(student: QuantStudent, rows: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the scores of a quantized student, float64 (crossings,).

    They are exact: each is a value of the student's score type, the one that the emulator finds.
    """
    return _scores(student, rows)


def _scores(network: nn.Module, rows: NDArray[np.int16]) -> NDArray[np.float64]:
    doubles = deepcopy(network).to("cpu", torch.float64)
    result = np.empty(len(rows), dtype=np.float64)
    with torch.no_grad():
        for start in range(0, len(rows), _CHUNK):
            chunk = torch.from_numpy(rows[start : start + _CHUNK].astype(np.float64))
            result[start : start + _CHUNK] = doubles(chunk).numpy()
    return result


def to_integer_grid(scores: ArrayLike, fraction_bits: int) -> NDArray[np.int64]:
    """Round float scores to multiples of ``2**-fraction_bits``, as integers.

    Thresholds are integers everywhere (a crossing fires if score >= threshold); this is how float
    scores take part. The grid keeps the order of scores, but ties those nearer than a step: choose
    it so fine that one step at the threshold moves the rate by far less than its error. 2**-20 of a
    log score does.

    Parameters
    ----------
    scores
        Finite numbers, any shape.
    fraction_bits
        Steps per unit as a power of two; negative for steps above one.

    Returns
    -------
    ``round(score * 2**fraction_bits)``, ties to even, int64, same shape.

    Raises
    ------
    RangeError
        If a score is not finite, or its integer would need more than 53 bits.

    Examples
    --------
    >>> to_integer_grid([0.1, 2.5, -1.0], 3)
    array([ 1, 20, -8])
    """
    numbers = np.ldexp(np.asarray(scores, dtype=np.float64), fraction_bits)
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        msg = f"score {place} is not finite and cannot be put on a grid"
        raise RangeError(msg)
    if numbers.size and float(np.abs(numbers).max()) >= 2.0**53:
        msg = f"a score of {np.abs(scores).max()} needs more than 53 bits on a grid of 2**-{fraction_bits}"
        raise RangeError(msg)
    return np.rint(numbers).astype(np.int64)


def log_grid(
    scores: NDArray[np.float64], fraction_bits: int, *, floor: float | None = None
) -> NDArray[np.int64]:
    """Put the logarithm of a teacher's scores on an integer grid, as students learn it.

    Parameters
    ----------
    scores
        Finite numbers, any shape.
    fraction_bits
        See `to_integer_grid`.
    floor
        Lowest score, from which the logarithm counts; the lowest of these if it is negative, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> log_grid(np.array([0.0, 1.0]), 10), log_grid(np.array([-3.0, 0.0]), 10)
    (array([  0, 710]), array([   0, 1420]))
    """
    lowest = min(float(scores.min(initial=0.0)), 0.0) if floor is None else floor
    return to_integer_grid(np.log1p(np.maximum(scores - lowest, 0.0)), fraction_bits)
