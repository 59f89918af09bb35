"""What the general kernels are told of a cast: only what is proved of the numbers that reach it."""

from __future__ import annotations

import numpy as np

from emulator.engine import Emulator, evaluate_rows
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Quantize

ONE = FixedFormat(4, 4)


def test_a_sum_that_wraps_is_cast_as_what_it_became() -> None:
    """All exact sums fit the result; wrapped to negative ones in the accumulator, they do not."""
    accumulator, result = FixedFormat(4, 4), FixedFormat(8, 8, signed=False)
    x = Input("x", (), FixedFormat(4, 4, signed=False), 1)
    dense = Dense("d", ("x",), result, ((5,),), ONE, (0,), ONE, accumulator)
    rows = np.arange(16, dtype=np.int16).reshape(-1, 1)
    expected = evaluate_rows(Graph((x, dense), ("d",)), rows)["d"]
    assert expected.max() > 15 * 5
    for kernel in ("tiles32", "tiles64"):
        found = Emulator(Graph((x, dense), ("d",)), threads=1, kernel=kernel).run(rows)["d"]
        np.testing.assert_array_equal(found, expected)


def test_a_type_wider_than_the_machine_shifts_only() -> None:
    x = Input("x", (), FixedFormat(16, 16), 1)
    graph = Graph((x, Quantize("q", ("x",), FixedFormat(70, 60))), ("q",))
    rows = np.array([[-32_768], [-1], [0], [3], [32_767]], dtype=np.int16)
    found = Emulator(graph, threads=1, kernel="tiles64").run(rows)["q"]
    np.testing.assert_array_equal(found, rows.astype(np.int64) << 10)
