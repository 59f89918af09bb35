"""Scaled inputs by the lane kernels, written as bytes and as 16-bit integers, equal the reference."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate_rows
from emulator.engine.lanes.target import HAS_QUADS
from emulator.errors import KernelError
from emulator.fixed import FixedFormat
from emulator.fixed.format import ROUNDINGS, Overflow, Rounding
from emulator.graph import Dense, Graph, Input, OffsetShift

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = FixedFormat(16, 16)
N_INPUTS = 35  # more than one vector holds

#: All turning points of the scalings below, and numbers far beyond them.
NUMBERS = np.concatenate(
    [np.arange(-90, 90), np.arange(-32_768, 32_768, 2_111), [-600, -290, 290, 600, 32_767]]
)


def network(
    target: FixedFormat,
    shifts: tuple[int, ...],
    n_inputs: int = N_INPUTS,
    offset: int = 50,
    taken: Sequence[int] | None = None,
) -> Graph:
    """Scale each input by itself and hand some of them on, each once."""
    x = Input("x", (), SOURCE, n_inputs)
    scaled = OffsetShift(
        "s",
        ("x",),
        target,
        offset=tuple(3 * place % 120 - offset for place in range(n_inputs)),
        offset_format=FixedFormat(12, 11),
        shift=tuple(shifts[place % len(shifts)] for place in range(n_inputs)),
        inner=FixedFormat(26, 21),
    )
    total, one = FixedFormat(32, 32 - target.fraction), FixedFormat(3, 3)
    taken = taken or (0, 1, 2, 17, n_inputs - 2, n_inputs - 1)
    weights = tuple(tuple(int(i == t) for t in taken) for i in range(n_inputs))
    dense = Dense("d", ("s",), total, weights, one, (0,) * len(taken), one, total)
    return Graph((x, scaled, dense), ("d",))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM"])
def test_every_scaling_of_16_bits(rounding: Rounding, overflow: Overflow) -> None:
    rows = np.repeat(NUMBERS[:, None], N_INPUTS, axis=1).astype(np.int16)
    ran = {"dot8": 0, "dot16": 0}
    for (width, integer, signed), shifts in product(
        ((8, 6, True), (8, 7, False), (6, 9, True), (12, 9, True)), ((0, 1, 5), (-2, 0, 3))
    ):
        target = FixedFormat(width, integer, signed, rounding, overflow)
        graph = network(target, shifts)
        expected = evaluate_rows(graph, rows)["d"]
        for kernel in ran:
            try:
                emulator = Emulator(graph, threads=1, kernel=kernel)  # type: ignore[arg-type]
            except KernelError:
                continue
            found = emulator.run(rows)["d"]
            np.testing.assert_array_equal(found, expected, err_msg=f"{kernel}: {target}, {shifts}")
            ran[kernel] += 1
    assert ran["dot16"] > 1
    assert ran["dot8"] > 1 or not HAS_QUADS


@pytest.mark.parametrize(
    ("target", "offset", "shifts"),
    [
        (FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT"), 55, (0, 1, 2, 3, 4, 5)),
        (FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT"), 55, (2, 3, 4, 7)),
        (FixedFormat(8, 8, rounding="RND_CONV", overflow="SAT"), -40, (8, 7, -1, -2)),
        (FixedFormat(8, 6, False, "RND", "SAT"), 200, (-3, 0, 1, 5)),
        (FixedFormat(8, 8, True, "TRN", "SAT_SYM"), -30, (-4, -3, 0, 6)),
        (FixedFormat(6, 5, True, "RND_CONV", "SAT"), 55, (-1, 0, 1, 6)),
        (FixedFormat(3, 3, False, "RND_MIN_INF", "SAT"), 9, (-1, 0, 1, 6)),
        (FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT"), -900, (0, 1, 2, 5)),
    ],
)
@pytest.mark.parametrize("n_inputs", [32, 57])
def test_every_16_bit_number(
    target: FixedFormat, offset: int, shifts: tuple[int, ...], n_inputs: int
) -> None:
    """Against the tiles of 64-bit integers, which move, round and clip step by step; in pairs of chunks and alone."""
    graph = network(target, shifts, n_inputs, offset)
    rows = np.repeat(np.arange(-32_768, 32_768)[:, None], n_inputs, axis=1).astype(np.int16)
    expected = Emulator(graph, threads=1, kernel="tiles64").run(rows)["d"]
    some = slice(0, None, 2_111)
    np.testing.assert_array_equal(expected[some], evaluate_rows(graph, rows[some])["d"])
    emulator = Emulator(graph, threads=1)
    assert [node.kernel for node in emulator.plan.nodes[1:]] == [
        "scale16",
        "dot8" if HAS_QUADS else "dot16",
    ]
    np.testing.assert_array_equal(emulator.run(rows)["d"], expected)


@pytest.mark.parametrize("n_inputs", [1, 31, 33, 40, 52, 53, 61, 64, 65, 96, 100, 117, 128, 150])
def test_every_number_of_inputs(n_inputs: int) -> None:
    """Each input is handed on by itself, from rows that are full and from one that ends the memory."""
    target = FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT")
    graph = network(target, (0, 1, 5), n_inputs, 50, taken=range(n_inputs))
    rows = np.random.default_rng(n_inputs).integers(-90, 90, (67, n_inputs)).astype(np.int16)
    expected = evaluate_rows(graph, rows)["d"]
    np.testing.assert_array_equal(Emulator(graph, threads=1).run(rows)["d"], expected)


def test_bits_that_were_floored_stay_cleared_where_bytes_saturate() -> None:
    """All results of the ends are saturated, so that only those between tell."""
    target = FixedFormat(8, 3, rounding="RND", overflow="SAT")
    x = Input("x", (), SOURCE, 1)
    fourth, inner = FixedFormat(16, 12), FixedFormat(40, 37)
    scaled = OffsetShift("s", ("x",), target, (5,), fourth, (2,), inner)
    total, one = FixedFormat(32, 27), FixedFormat(3, 3)
    graph = Graph((x, scaled, Dense("d", ("s",), total, ((1,),), one, (0,), one, total)), ("d",))
    rows = np.arange(-60, 60, dtype=np.int16).reshape(-1, 1)
    emulator = Emulator(graph, threads=1)
    assert emulator.plan.nodes[1].kernel == "scale16"
    np.testing.assert_array_equal(emulator.run(rows)["d"], evaluate_rows(graph, rows)["d"])


@pytest.mark.parametrize(
    ("target", "offset"),
    [
        (FixedFormat(7, 7, signed=False, overflow="SAT"), 3),
        (FixedFormat(7, 7, overflow="SAT"), -32_768),
    ],
    ids=["below", "above"],
)
def test_types_that_saturate_before_bytes_do(target: FixedFormat, offset: int) -> None:
    """On one side only: what is clipped on the other side does not show."""
    x = Input("x", (), SOURCE, 1)
    whole, inner = FixedFormat(17, 17), FixedFormat(20, 20)
    scaled = OffsetShift("s", ("x",), target, (offset,), whole, (0,), inner)
    total, one = FixedFormat(32, 32), FixedFormat(3, 3)
    graph = Graph((x, scaled, Dense("d", ("s",), total, ((1,),), one, (0,), one, total)), ("d",))
    numbers = [*range(-32_768, -32_600), *range(-200, 200), 32_767]
    rows = np.array(numbers, dtype=np.int16).reshape(-1, 1)
    emulator = Emulator(graph, threads=1)
    assert emulator.plan.nodes[1].kernel == "scale16"
    np.testing.assert_array_equal(emulator.run(rows)["d"], evaluate_rows(graph, rows)["d"])


def test_offsets_beyond_16_bits_are_not_saturated() -> None:
    """What is left of the inputs that count needs 16 bits only; the others saturate on the wrong side."""
    target = FixedFormat(8, 16, overflow="SAT")
    x = Input("x", (), SOURCE, 1)
    wide = FixedFormat(18, 18)
    scaled = OffsetShift("s", ("x",), target, (40_000,), wide, (0,), wide)
    total, one = FixedFormat(32, 40), FixedFormat(3, 3)
    graph = Graph((x, scaled, Dense("d", ("s",), total, ((1,),), one, (0,), one, total)), ("d",))
    rows = np.arange(-32_768, 32_768, 17, dtype=np.int16).reshape(-1, 1)
    emulator = Emulator(graph, threads=1)
    assert emulator.plan.nodes[1].kernel == "scale16"
    np.testing.assert_array_equal(emulator.run(rows)["d"], evaluate_rows(graph, rows)["d"])
