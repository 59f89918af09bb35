"""Bytes of packed pairs of chunks: their order, and that they take no more groups of four than in order."""

from __future__ import annotations

import pytest

from emulator.engine.lanes.byte_order import byte_order, in_order_of_bytes, pairs_of_chunks
from emulator.engine.lanes.scaling import CHUNK, PACKED_BLOCK


def test_blocks_of_both_chunks_take_turns() -> None:
    first, second = range(CHUNK), range(CHUNK, 2 * CHUNK)
    order = byte_order(2 * CHUNK, 1)
    for start in range(0, CHUNK, PACKED_BLOCK):
        block = order[2 * start : 2 * start + 2 * PACKED_BLOCK]
        stop = start + PACKED_BLOCK
        assert block == [*first[start:stop], *second[start:stop]]


@pytest.mark.parametrize("n_features", range(1, 5 * CHUNK, 3))
def test_each_feature_has_its_byte_and_nothing_follows_the_last(n_features: int) -> None:
    n_pairs = pairs_of_chunks(n_features)
    order = byte_order(n_features, n_pairs)
    there = [place for place in order if place < n_features]
    assert sorted(there) == list(range(n_features))
    assert order[-1] == there[-1]
    assert -(-len(order) // 4) == -(-n_features // 4)
    assert n_pairs >= -(-n_features // CHUNK) // 2 - 1


def test_weights_stand_where_their_bytes_do() -> None:
    weights = tuple((place, -place) for place in range(1, 2 * CHUNK - 1))
    moved = in_order_of_bytes(weights, 1)
    for place, weight in zip(byte_order(len(weights), 1), moved, strict=True):
        assert weight == (weights[place] if place < len(weights) else (0, 0))
