"""Compiled loops over the counts: fill, and walks down from the highest score."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.jit import inline_kernel, kernel
from emulator.rates.blocks import block_state, draws

_LOW_32 = np.uint64(0xFFFF_FFFF)
_SHIFT_32 = np.uint64(32)


@inline_kernel
def add_square(squares: Any, row: Any, weight: Any) -> None:
    """Add ``weight**2`` to the 128-bit number ``squares[row]`` (high word, low word), exactly."""
    high_half, low_half = weight >> _SHIFT_32, weight & _LOW_32
    cross = high_half * low_half  # below 2**63, since weight < 2**63
    low = low_half * low_half
    carried = low + (cross << np.uint64(33))
    high = high_half * high_half + (cross >> np.uint64(31)) + np.uint64(carried < low)
    total = squares[row, 1] + carried
    squares[row, 0] += high + np.uint64(total < carried)
    squares[row, 1] = total


@kernel
def fill(
    rows: Any,
    weights: Any,
    blocks: Any,
    key: Any,
    steps: Any,
    entries: Any,
    sums: Any,
    squares: Any,
    replicas: Any,
) -> None:
    """Add events to the arrays of the counts.

    Event ``i`` of weight ``weights[i]`` (int64, not negative) and block ``blocks[i]`` (uint64) goes
    to row ``rows[i]`` of ``entries``, ``sums`` (int64), ``squares`` (uint64, two words) and
    ``replicas`` (int64, axes (row, replica)).
    """
    n_replicas = replicas.shape[1]
    for i in range(rows.size):
        row = rows[i]
        weight = weights[i]
        entries[row] += 1
        sums[row] += weight
        add_square(squares, row, np.uint64(weight))
        state = block_state(blocks[i], key)
        for replica in range(n_replicas):
            replicas[row, replica] += weight * draws(state, replica, steps)


@kernel
def walk_thresholds(scores: Any, replicas: Any, most: Any, out: Any) -> None:
    """Find each replica's threshold: the lowest of its scores whose weight from there up fits.

    ``most[r]`` is the largest weight that may pass. A score that a replica did not draw is no
    candidate of it. Where even the highest score is too much, the threshold is one above it.
    """
    n_scores, n_replicas = replicas.shape
    passing = np.zeros(n_replicas, dtype=np.int64)
    is_open = np.ones(n_replicas, dtype=np.bool_)
    n_open = n_replicas
    row = n_scores - 1
    out[:] = scores[row] + 1
    while row >= 0 and n_open > 0:
        for replica in range(n_replicas):
            here = replicas[row, replica]
            if here == 0 or not is_open[replica]:
                continue
            if passing[replica] + here > most[replica]:
                is_open[replica] = False
                n_open -= 1
                if passing[replica] == 0:
                    out[replica] = scores[row] + 1
            else:
                passing[replica] += here
                out[replica] = scores[row]
        row -= 1


@kernel
def sum_from_rows(replicas: Any, first_rows: Any, out: Any) -> None:
    """Sum each replica from its own row up: ``out[r] = replicas[first_rows[r]:, r].sum()``."""
    n_scores, n_replicas = replicas.shape
    out[:] = 0
    for row in range(first_rows.min(), n_scores):
        for replica in range(n_replicas):
            if row >= first_rows[replica]:
                out[replica] += replicas[row, replica]


@kernel
def walk_spread(replicas: Any, totals: Any, out: Any) -> None:
    """Standard deviation over replicas of the fraction from each row up; empty replicas are left out.

    ``totals`` are the sums of all rows, of which at least two are above zero.
    """
    n_scores, n_replicas = replicas.shape
    passing = np.zeros(n_replicas, dtype=np.int64)
    n_used = (totals > 0).sum()
    for step in range(n_scores):
        row = n_scores - 1 - step
        mean = 0.0
        for replica in range(n_replicas):
            passing[replica] += replicas[row, replica]
            if totals[replica] > 0:
                mean += passing[replica] / totals[replica]
        mean /= n_used
        variance = 0.0
        for replica in range(n_replicas):
            if totals[replica] > 0:
                variance += (passing[replica] / totals[replica] - mean) ** 2
        out[row] = np.sqrt(variance / (n_used - 1))
