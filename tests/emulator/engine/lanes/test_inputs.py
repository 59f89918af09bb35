"""The columns of scaled inputs, evaluated in Python, give the reference's results for every number."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.engine import evaluate
from emulator.engine.lanes.casts import NotProvedError
from emulator.engine.lanes.inputs import ScaleRow, scale_rows
from emulator.fixed import FixedFormat
from emulator.fixed.format import ROUNDINGS, Overflow, Rounding
from emulator.graph import Graph, Input, OffsetShift, Quantize, Relu

if TYPE_CHECKING:
    from emulator.graph.operations import Node

SMALL = FixedFormat(6, 5)


def assert_scales(node: Node, source: FixedFormat, size: int = 1) -> bool:
    """Compare all numbers of a source; return whether the node was proved."""
    assert isinstance(node, OffsetShift | Quantize | Relu)
    try:
        rows = scale_rows(node, source, size)
    except NotProvedError:
        return False
    graph = Graph((Input("x", (), source, size), node), (node.name,))
    for number in range(source.lowest, source.raw_max + 1):
        expected = evaluate(graph, [number] * size)[node.name]
        assert [apply_in_16_bits(row, number) for row in rows] == expected
        lowered = [row.lowered(128) if row.may_be_lowered(128) else None for row in rows]
        found = [row and apply_in_16_bits(row, number) for row in lowered]
        assert found == [
            row and result - 128 for row, result in zip(lowered, expected, strict=True)
        ]
    return True


def apply_in_16_bits(row: ScaleRow, number: int) -> int:
    """Do what the kernel does, where integers wrap."""

    def wrapped(value: int) -> int:
        return int(np.array(value & 0xFFFF).astype(np.uint16).astype(np.int16))

    value = min(max(number, row.low), row.high)
    value = wrapped(wrapped(value << row.left) - row.offset)
    bit = value >> row.bit_shift & row.bit_mask
    value = wrapped(value + row.add + bit) >> row.right & row.kept
    return min(max(value, row.bottom), row.top)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_monotone_scaling_of_small_numbers(rounding: Rounding) -> None:
    proved = 0
    for offset, shift, integer, overflow, inner in product(
        (-9, 0, 5), (-2, 0, 1, 3), (1, 3, 6), ("SAT", "SAT_SYM", "WRAP"), (2, 1, 4)
    ):
        node = OffsetShift(
            "s",
            ("x",),
            FixedFormat(4, integer, True, rounding, overflow),  # type: ignore[arg-type]
            offset=(offset,),
            offset_format=FixedFormat(6, 4),
            shift=(shift,),
            inner=FixedFormat(10 + inner, 10),
        )
        proved += assert_scales(node, SMALL)
    assert proved >= 100


@pytest.mark.parametrize("kind", [Quantize, Relu])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_cast_of_small_numbers(kind: type[Quantize | Relu], rounding: Rounding) -> None:
    for integer, signed in product((-1, 1, 3, 6, 9), (True, False)):
        target = FixedFormat(4, integer, signed, rounding, "SAT")
        assert assert_scales(kind("s", ("x",), target), SMALL)


@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM"])
def test_unsigned_bytes_far_above_their_inputs(overflow: Overflow) -> None:
    may = []
    for integer, shift, signed in product(range(-7, 10), (-2, 0, 1, 3, 6), (True, False)):
        source = FixedFormat(6, 5, signed)
        node = OffsetShift(
            "s",
            ("x",),
            FixedFormat(8, integer, signed=False, overflow=overflow),
            offset=(-3,),
            offset_format=FixedFormat(6, 4),
            shift=(shift,),
            inner=FixedFormat(14, 11),
        )
        if assert_scales(node, source):
            may += [row.may_be_lowered(128) for row in scale_rows(node, source, 1)]
    # Steps of 256 and more cannot be lowered by 128 behind a mask, nor what leaves 16 bits.
    assert 10 < may.count(True) < len(may) - 10


def test_results_are_not_lowered_beyond_16_bits() -> None:
    source, byte = FixedFormat(15, 15), FixedFormat(8, 8, signed=False, overflow="SAT")
    lowered = []
    for shift in (7, 8, 9, 10):
        node = OffsetShift("s", ("x",), byte, (0,), source, (shift,), FixedFormat(18, 18))
        (row,) = scale_rows(node, source, 1)
        lowered.append(row.may_be_lowered(128))
    assert lowered == [True, True, False, False], "128 << 9 is 0 in 16 bits"


def test_the_whole_range_of_16_bits_is_scaled_as_axol1tl_does() -> None:
    node = OffsetShift(
        "s",
        ("x",),
        FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT"),
        offset=(60, 0, 17),
        offset_format=FixedFormat(10, 9),
        shift=(0, 5, 3),
        inner=FixedFormat(24, 19),
    )
    rows = scale_rows(node, FixedFormat(16, 16), 3)
    graph = Graph((Input("x", (), FixedFormat(16, 16), 3), node), ("s",))
    for number in (*range(-2_000, 2_000), *range(-32_768, 32_768, 97), 32_767):
        expected = evaluate(graph, [number] * 3)["s"]
        assert [apply_in_16_bits(row, number) for row in rows] == expected


WIDE = FixedFormat(16, 16)


@pytest.mark.parametrize(
    ("node", "source", "reason"),
    [
        (Quantize("s", ("x",), FixedFormat(8, 8)), WIDE, "may overflow fixed<8,8>"),
        (
            Quantize("s", ("x",), FixedFormat(8, 8, overflow="SAT_ZERO")),
            WIDE,
            "may overflow fixed<8,8,TRN,SAT_ZERO>",
        ),
        (Quantize("s", ("x",), FixedFormat(20, 16)), WIDE, "needs more than 16 bits"),
        (Quantize("s", ("x",), FixedFormat(8, 8)), FixedFormat(17, 17), "more than 16 bits"),
        (
            OffsetShift(
                *("s", ("x",), FixedFormat(8, 8, overflow="SAT"), (1,), FixedFormat(6, 4), (2,)),
                FixedFormat(19, 18, rounding="RND"),
            ),
            WIDE,
            "fixed<19,18,RND,WRAP> rounds before the shift",
        ),
    ],
)
def test_refuses_what_is_not_monotone_or_too_wide(
    node: Quantize | OffsetShift, source: FixedFormat, reason: str
) -> None:
    with pytest.raises(NotProvedError, match=reason):
        scale_rows(node, source, 1)
