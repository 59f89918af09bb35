"""What the benchmarks share: networks of the usual shapes and rows of hardware integers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import awkward as ak
import numpy as np
import pytest

from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Node, OffsetShift, Relu

SIZES = (57, 32, 16, 1)

#: 16-bit hardware integers that a first node scales to 8 bits, or inputs of one of two types.
SCALED, HARDWARE, BYTES = "scaled", "hardware", "bytes"

Student = Callable[[tuple[int, ...], str], Graph]


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


@pytest.fixture(scope="session")
def student() -> Student:
    """Make a network of some sizes whose inputs are `SCALED`, `HARDWARE` or `BYTES`."""
    return make_student


@pytest.fixture(scope="session")
def graph() -> Graph:
    """A dense 57-32-16-1 that scales its inputs."""
    return make_student(SIZES, SCALED)


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """A million crossings, int16 (crossings, features), more than the caches hold."""
    rng = np.random.default_rng(7)
    return rng.integers(-200, 1_000, (1_000_000, SIZES[0])).astype(np.int16)


@pytest.fixture(scope="session")
def jagged() -> ak.Array:
    """400,000 crossings as jagged objects, with more of them than slots now and then."""
    rng = np.random.default_rng(3)
    n_events = 400_000
    collections = {}
    for name, mean, most, top in (
        ("mu", 0.6, 8, 512),
        ("eg", 3.0, 12, 512),
        ("jet", 6.0, 12, 2_048),
    ):
        counts = np.minimum(rng.poisson(mean, n_events), most)
        collections[name] = ak.unflatten(_objects(rng, int(counts.sum()), top), counts)
    one = np.ones(n_events, dtype=np.int64)
    collections["etm"] = ak.unflatten(_objects(rng, n_events, 4_096), one)
    return ak.Array(collections)


def _objects(rng: np.random.Generator, n: int, top: int) -> ak.Array:
    pt = np.minimum(rng.exponential(top / 20, n), top - 1).astype(np.int16)
    eta = rng.integers(-115, 116, n).astype(np.int16)
    phi = rng.integers(0, 144, n).astype(np.int16)
    fields = {"pt": pt, "eta": eta, "phi": phi, "eta_vtx": eta, "phi_vtx": phi}
    return ak.zip(fields)
