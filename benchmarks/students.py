"""Networks of the usual shapes with dense random weights, and rows of hardware integers for them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Node, OffsetShift, Relu

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = (57, 32, 16, 1)
SHAPES = {
    "57-32-16-1": SIZES,
    "57-16-8-1": (57, 16, 8, 1),
    "57-64-32-1": (57, 64, 32, 1),
}

#: 16-bit hardware integers that a first node scales to 8 bits, or inputs of one of two types.
SCALED, HARDWARE, BYTES = "scaled", "hardware", "bytes"

KINDS = (HARDWARE, SCALED, BYTES)


def make_student(sizes: tuple[int, ...], inputs: str) -> Graph:
    """Return a dense network with random 8-bit weights and no zeros to skip."""
    rng = np.random.default_rng(20260101)
    byte = FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT")
    source = {
        SCALED: FixedFormat(16, 16),
        HARDWARE: FixedFormat(16, 13),
        BYTES: FixedFormat(8, 6),
    }[inputs]
    nodes: list[Node] = [Input("features", (), source, size=sizes[0])]
    if inputs == SCALED:
        scaled = OffsetShift(
            "scaled",
            ("features",),
            byte,
            offset=tuple(rng.integers(0, 60, sizes[0]).tolist()),
            offset_format=FixedFormat(10, 9),
            shift=tuple(rng.integers(0, 6, sizes[0]).tolist()),
            inner=FixedFormat(24, 19),
        )
        nodes.append(scaled)
    for place, (n_in, n_out) in enumerate(pairwise(sizes)):
        last = place == len(sizes) - 2
        accumulator = FixedFormat(32, 22)
        numbers = rng.integers(1, 128, (n_in, n_out)) * rng.choice([-1, 1], (n_in, n_out))
        score = FixedFormat(16, 12, rounding="RND", overflow="SAT")
        nodes.append(
            Dense(
                "score" if last else f"dense_{place}",
                (nodes[-1].name,),
                score if last else accumulator,
                weights=tuple(tuple(row) for row in numbers.tolist()),
                weight_format=FixedFormat(8, 2),
                bias=tuple(rng.integers(-200, 200, n_out).tolist()),
                bias_format=FixedFormat(10, 4),
                accumulator=accumulator,
            )
        )
        if not last:
            hidden = FixedFormat(8, 4, signed=False, rounding="RND_CONV", overflow="SAT")
            nodes.append(Relu(f"hidden_{place}", (nodes[-1].name,), hidden))
    return Graph(tuple(nodes), ("score",))


def make_rows(n_events: int) -> NDArray[np.int16]:
    """Return crossings, int16 (crossings, features)."""
    rng = np.random.default_rng(7)
    return rng.integers(-200, 1_000, (n_events, SIZES[0])).astype(np.int16)


def rows_for(rows: NDArray[np.int16], kind: str) -> NDArray[np.int16] | NDArray[np.int8]:
    """Return rows of the kind that a network reads."""
    return (rows & 0xFF).astype(np.int8) if kind == BYTES else rows
