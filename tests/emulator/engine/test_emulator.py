"""The engine equals the reference, on every node of random networks of every type and mode."""

from __future__ import annotations

import numpy as np
import pytest
from random_graphs import Limits, random_graph, random_rows

from emulator.engine import Emulator, evaluate_rows

#: Widths that need 32-bit tiles, 64-bit tiles, and Python integers now and then.
LIMITS = {
    "narrow": Limits(width=6, accumulator_width=10),
    "common": Limits(),
    "wide": Limits(width=24, integer_beyond=6, accumulator_width=50),
    "very wide": Limits(width=40, integer_beyond=10, accumulator_width=80),
}


def assert_engine_equals_reference(seed: int, limits: Limits, n_rows: int = 150) -> int:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, limits)
    rows = random_rows(rng, graph, n_rows)
    emulator = Emulator(graph, threads=1)
    expected = evaluate_rows(graph, rows)
    for name, raws in emulator.run(rows).items():
        np.testing.assert_array_equal(raws, expected[name], err_msg=f"seed {seed}: {graph[name]}")
    return emulator.plan.tile_bits


@pytest.mark.parametrize("width", LIMITS)
def test_equals_the_reference_on_random_networks(width: str) -> None:
    tiles = {assert_engine_equals_reference(seed, LIMITS[width]) for seed in range(150)}
    if width == "wide":
        assert tiles >= {32, 64}, "the seeds should meet both tiles"


@pytest.mark.deep
@pytest.mark.parametrize("width", LIMITS)
def test_equals_the_reference_on_thousands_of_random_networks(width: str) -> None:
    for seed in range(1_000, 2_500):
        assert_engine_equals_reference(seed, LIMITS[width])
