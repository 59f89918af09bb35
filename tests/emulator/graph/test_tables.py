"""Tables of activations: their shape, and the values that no rounding can change."""

from __future__ import annotations

import math

import pytest

from emulator.fixed import FixedFormat
from emulator.graph.tables import sigmoid_table, tanh_table


@pytest.mark.parametrize("size", [2, 64, 1000, 1024])
@pytest.mark.parametrize("fraction", [4, 10, 16])
def test_entries_are_those_of_the_function_to_the_last_bit_but_one(
    size: int, fraction: int
) -> None:
    table_format = FixedFormat(fraction + 8, 8)
    sigmoid, tanh = sigmoid_table(size, table_format), tanh_table(size, table_format)
    for place in range(size):
        x = 16 * (place - size / 2) / size
        # Truncated, from C floats: 24 bits.
        assert abs(sigmoid[place] - 2**fraction / (1 + math.exp(-x))) < 1.01
        assert abs(tanh[place] - 2**fraction * math.tanh(x / 2)) < 1.01


def test_ends_and_middle() -> None:
    assert sigmoid_table()[0] == 0
    assert sigmoid_table()[512] == 512
    assert sigmoid_table()[-1] == 1023
    assert tanh_table()[0] == -1024
    assert tanh_table()[512] == 0
    assert tanh_table()[-1] == 1023
