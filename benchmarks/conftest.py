"""What the benchmarks share: a network of the usual shape and rows of hardware integers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Node, OffsetShift, Relu

SIZES = (57, 32, 16, 1)


@pytest.fixture(scope="session")
def graph() -> Graph:
    """A dense 57-32-16-1 with random 8-bit weights and no zeros to skip."""
    rng = np.random.default_rng(20260101)
    integer = FixedFormat(16, 16)
    scaled = FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT")
    weight, bias = FixedFormat(8, 2), FixedFormat(10, 4)
    nodes: list[Node] = [
        Input("features", (), integer, size=SIZES[0]),
        OffsetShift(
            "scaled",
            ("features",),
            scaled,
            offset=tuple(rng.integers(0, 60, SIZES[0]).tolist()),
            offset_format=FixedFormat(10, 9),
            shift=tuple(rng.integers(0, 6, SIZES[0]).tolist()),
            inner=FixedFormat(24, 19),
        ),
    ]
    for place, (n_in, n_out) in enumerate(pairwise(SIZES)):
        last = place == len(SIZES) - 2
        accumulator = FixedFormat(28, 18)
        numbers = rng.integers(1, 128, (n_in, n_out)) * rng.choice([-1, 1], (n_in, n_out))
        score = FixedFormat(16, 12, rounding="RND", overflow="SAT")
        nodes.append(
            Dense(
                "score" if last else f"dense_{place}",
                (nodes[-1].name,),
                score if last else accumulator,
                weights=tuple(tuple(row) for row in numbers.tolist()),
                weight_format=weight,
                bias=tuple(rng.integers(-200, 200, n_out).tolist()),
                bias_format=bias,
                accumulator=accumulator,
            )
        )
        if not last:
            hidden = FixedFormat(8, 4, signed=False, rounding="RND_CONV", overflow="SAT")
            nodes.append(Relu(f"hidden_{place}", (nodes[-1].name,), hidden))
    return Graph(tuple(nodes), ("score",))


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """A million crossings, int16 (crossings, features), more than the caches hold."""
    rng = np.random.default_rng(7)
    return rng.integers(-200, 1_000, (1_000_000, SIZES[0])).astype(np.int16)
