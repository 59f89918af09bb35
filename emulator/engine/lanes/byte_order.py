"""In which order a scaling writes the bytes of a row, and the weights of a first layer in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.lanes.scaling import CHUNK, PACKED_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes that share a lane.
QUADS = 4


def pairs_of_chunks(n_features: int) -> int:
    """Return how many pairs of chunks are packed: all, or one less if that leaves fewer groups of four bytes."""
    most = -(-n_features // CHUNK) // 2
    packed, plain = (-(-len(byte_order(n_features, n)) // QUADS) for n in (most, 0))
    return most if packed == plain else most - 1


def byte_order(n_features: int, n_pairs: int) -> list[int]:
    """Return the features in the order of their bytes, up to the last one.

    Among them are numbers of features that there are not: what stands behind the end of a row.
    """
    order: list[int] = []
    for first in range(0, 2 * n_pairs * CHUNK, 2 * CHUNK):
        for block in range(first, first + CHUNK, PACKED_BLOCK):
            for start in (block, block + CHUNK):
                order += range(start, start + PACKED_BLOCK)
    order += range(len(order), n_features)
    while order[-1] >= n_features:
        order.pop()
    return order


def in_order_of_bytes(
    weights: Sequence[tuple[int, ...]], n_pairs: int
) -> tuple[tuple[int, ...], ...]:
    """Return the weights of each feature in that order; of those that there are not they are 0."""
    nothing = (0,) * len(weights[0])
    order = byte_order(len(weights), n_pairs)
    return tuple(weights[place] if place < len(weights) else nothing for place in order)
