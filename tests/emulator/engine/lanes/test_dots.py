"""Every cast of all bytes by the lane kernels, in blocks of outputs and alone, equals the reference."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate_rows
from emulator.engine.lanes.target import HAS_QUADS
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import Dense, Graph, Input, Node, Quantize, Relu

if TYPE_CHECKING:
    from emulator.engine import KernelName
    from emulator.fixed.format import Overflow, Rounding

BYTE = FixedFormat(8, 4)
TOTAL = FixedFormat(20, 12)
KERNELS: tuple[KernelName, ...] = ("dot8", "dot16", "dot32") if HAS_QUADS else ("dot16", "dot32")
ALL_BYTES = np.arange(-128, 128, dtype=np.int16).reshape(-1, 1)


def network(target: FixedFormat, n_outputs: int, *, relu: bool, more: bool) -> Graph:
    """Return a layer that casts each byte to a type, and one that hands the results on, if asked."""
    one = FixedFormat(4, 4)
    weights = ((1, -1, 2, 3, -2)[:n_outputs],)
    x = Input("x", (), BYTE, 1)
    nodes: list[Node] = [x]
    dense_format = TOTAL if relu else target
    bias = (0,) * n_outputs
    nodes.append(Dense("d", ("x",), dense_format, weights, one, bias, one, TOTAL))
    if relu:
        nodes.append(Relu("r", ("d",), target))
    if more:
        wide = FixedFormat(32, 32 - target.fraction)
        identity = tuple(tuple(int(i == j) for j in range(n_outputs)) for i in range(n_outputs))
        nodes.append(Dense("e", (nodes[-1].name,), wide, identity, one, bias, one, wide))
    return Graph(tuple(nodes), (nodes[-1].name,))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_every_cast_of_all_bytes(rounding: Rounding, overflow: Overflow) -> None:
    for signed, width, fraction, relu in product((True, False), (3, 6), (1, 2, 3), (True, False)):
        target = FixedFormat(width, width - fraction, signed, rounding, overflow)
        for n_outputs, more in ((1, False), (5, True)):
            graph = network(target, n_outputs, relu=relu, more=more)
            (name,) = graph.outputs
            expected = evaluate_rows(graph, ALL_BYTES)[name]
            for kernel in KERNELS:
                found = Emulator(graph, threads=1, kernel=kernel).run(ALL_BYTES)[name]
                np.testing.assert_array_equal(found, expected, err_msg=f"{kernel}: {target}")


@pytest.mark.parametrize(
    ("inputs", "weights", "target"),
    [
        # Nothing is cast at all: every signed byte is a result.
        (BYTE, (1, 0), FixedFormat(8, 4)),
        # Results are no less than 0, and the type's lowest raw is below the lowest byte.
        (FixedFormat(7, 4, signed=False), (1, 1), FixedFormat(4, 1, overflow="SAT")),
        # They are no more than 127, and the type's highest raw is far above the highest byte.
        (BYTE, (1, 1), FixedFormat(12, 8, signed=False, overflow="SAT")),
    ],
)
def test_bounds_beyond_bytes_clip_nothing(
    inputs: FixedFormat, weights: tuple[int, ...], target: FixedFormat
) -> None:
    one, bias = FixedFormat(4, 4), (0, 0)
    wide = FixedFormat(32, 32 - target.fraction)
    x = Input("x", (), inputs, 1)
    first = Dense("d", ("x",), target, (weights,), one, bias, one, TOTAL)
    last = Dense("e", ("d",), wide, ((1, 0), (0, 1)), one, bias, one, wide)
    graph = Graph((x, first, last), ("e",))
    rows = np.arange(-128 if inputs.signed else 0, 128, dtype=np.int16).reshape(-1, 1)
    for kernel in KERNELS:
        found = Emulator(graph, threads=1, kernel=kernel).run(rows)["e"]
        np.testing.assert_array_equal(found, evaluate_rows(graph, rows)["e"], err_msg=kernel)


@pytest.mark.parametrize("rounding", ["TRN", "RND", "RND_CONV"])
@pytest.mark.parametrize("drop", [0, 1, 6, 7, 8])
@pytest.mark.parametrize("signed", [True, False])
def test_bytes_from_sums_far_beyond_16_bits(rounding: Rounding, drop: int, *, signed: bool) -> None:
    """Where they are packed before they are shifted, 16 bits saturate first."""
    half, one, total = FixedFormat(16, 16), FixedFormat(12, 12), FixedFormat(28, 28)
    byte = FixedFormat(8, 8 + drop, signed, rounding, "SAT")
    weights = (1, -1, 2, 700, -700)
    identity = tuple(tuple(int(i == j) for j in range(5)) for i in range(5))
    x, wide = Input("x", (), half, 1), FixedFormat(20, 20 + drop)
    first = Dense("d", ("x",), byte, (weights,), one, (0, 0, 1, 3, 5), one, total)
    last = Dense("e", ("d",), wide, identity, one, (0,) * 5, one, wide)
    graph = Graph((x, first, last), ("e",))
    numbers = [*range(-300, 300), *range(-32_768, 32_768, 61), 32_766, 32_767]
    rows = np.array(numbers, dtype=np.int16).reshape(-1, 1)
    emulator = Emulator(graph, threads=1)
    assert emulator.plan.nodes[-1].kernel == ("dot8" if HAS_QUADS else "dot16")
    np.testing.assert_array_equal(emulator.run(rows)["e"], evaluate_rows(graph, rows)["e"])


def test_a_second_cast_may_lead_below_the_bounds_of_the_first() -> None:
    """First no less than 0, then wrapped to both signs."""
    none_negative = FixedFormat(6, 2, signed=False, overflow="SAT")
    target, one = FixedFormat(3, -1), FixedFormat(4, 4)
    wide = FixedFormat(32, 32 - target.fraction)
    x = Input("x", (), BYTE, 1)
    first = Dense("d", ("x",), none_negative, ((1, -1),), one, (0, 0), one, TOTAL)
    wrapped = Quantize("q", ("d",), target)
    last = Dense("e", ("q",), wide, ((1, 0), (0, 1)), one, (0, 0), one, wide)
    for graph in (Graph((x, first, wrapped), ("q",)), Graph((x, first, wrapped, last), ("e",))):
        (name,) = graph.outputs
        expected = evaluate_rows(graph, ALL_BYTES)[name]
        assert expected.min() < 0
        for kernel in KERNELS:
            emulator = Emulator(graph, threads=1, kernel=kernel)
            assert {node.kernel for node in emulator.plan.nodes[1:]} == {kernel}
            np.testing.assert_array_equal(emulator.run(ALL_BYTES)[name], expected, err_msg=kernel)


def test_rows_of_signed_bytes_are_those_of_16_bits() -> None:
    graph = network(TOTAL, 5, relu=False, more=False)
    expected = evaluate_rows(graph, ALL_BYTES)["d"]
    for kernel in KERNELS[:-1] if HAS_QUADS else ():
        emulator = Emulator(graph, threads=1, kernel=kernel)
        np.testing.assert_array_equal(emulator.run(ALL_BYTES.astype(np.int8))["d"], expected)


def test_bytes_are_not_lowered_where_a_sum_would_leave_32_bits() -> None:
    half, one = FixedFormat(16, 16), FixedFormat(2, 2)
    byte = FixedFormat(8, 31, rounding="RND", overflow="SAT")
    total, wide = FixedFormat(33, 33), FixedFormat(20, 43)
    x = Input("x", (), half, 1)
    first = Dense("d", ("x",), byte, ((32_767, -32_768),), half, (0, 0), half, total)
    last = Dense("e", ("d",), wide, ((1, 0), (0, 1)), one, (0, 0), one, wide)
    graph = Graph((x, first, last), ("e",))
    rows = np.array([[-32_768], [-32_767], [-1], [0], [1], [32_600], [32_767]], dtype=np.int16)
    emulator = Emulator(graph, threads=1)
    assert [node.kernel for node in emulator.plan.nodes] == [
        "load",
        "dot16",
        "dot8" if HAS_QUADS else "dot16",
    ]
    np.testing.assert_array_equal(emulator.run(rows)["e"], evaluate_rows(graph, rows)["e"])
