"""Sums of integers that are not negative, exact whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Largest sum that an int64 holds here: two of them add without overflow.
MAX_INT64_SUM: Final = 1 << 62

_HALF: Final = np.uint64(32)
_LOW_HALF: Final = np.uint64(0xFFFF_FFFF)


def added(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Add arrays of sums: int64 up to `MAX_INT64_SUM`, Python integers (dtype object) beyond.

    Which of the two it is depends on the values only, so that the order of adding does not matter.

    Examples
    --------
    >>> added(np.array([1 << 61]), np.array([1 << 61])).dtype
    dtype('int64')
    >>> added(np.array([1 << 61, 0]), np.array([1 << 62, 5])).tolist() == [3 << 61, 5]
    True
    """
    if int(first.max(initial=0)) + int(second.max(initial=0)) <= MAX_INT64_SUM:
        return np.asarray(first + second)
    total = first.astype(object) + second.astype(object)
    return np.asarray(total if total.max() > MAX_INT64_SUM else total.astype(np.int64))


def exact_sum(values: NDArray[Any]) -> int:
    """Sum integers that are not negative without overflow; fewer than ``2**32`` of them."""
    words = values.astype(np.uint64, copy=False)
    return (int((words >> _HALF).sum()) << 32) + int((words & _LOW_HALF).sum())


def sum_of_squares(weights: NDArray[np.int64]) -> int:
    """Sum the squares of integers that are not negative, exactly; fewer than ``2**32`` of them.

    Examples
    --------
    >>> sum_of_squares(np.array([2**40, 3])) == 2**80 + 9
    True
    """
    words = weights.astype(np.uint64)
    high, low = words >> _HALF, words & _LOW_HALF
    return (exact_sum(high * high) << 64) + (exact_sum(high * low) << 33) + exact_sum(low * low)
