"""Proofs count what rounding adds before it shifts."""

from __future__ import annotations

import numpy as np

from emulator.engine import Emulator
from emulator.engine.planner import plan
from emulator.fixed import FixedFormat
from emulator.graph import Graph, Input, Square


def test_what_rounding_adds_may_be_wider_than_the_numbers() -> None:
    """Small numbers of which 76 bits are dropped: half of what is dropped is no 64-bit integer."""
    x = Input("x", (), FixedFormat(8, -30), 1)
    graph = Graph((x, Square("s", ("x",), FixedFormat(8, 8, rounding="RND"))), ("s",))
    assert plan(graph).tile_bits == 0
    rows = np.array([[-128], [-1], [0], [127]], dtype=np.int16)
    assert not Emulator(graph, threads=1).run(rows)["s"].any()
