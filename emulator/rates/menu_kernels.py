"""Compiled loops over the decisions of a menu."""

from __future__ import annotations

from typing import Any

import numpy as np

from emulator.jit import inline_kernel, kernel
from emulator.rates.blocks import block_state, draws
from emulator.rates.kernels import add_square

#: Rows of each seed: before prescales, after them, pure, proportional.
BEFORE, AFTER, PURE, PROPORTIONAL = range(4)
N_KINDS = 4


@inline_kernel
def _part(weight: Any, probability: Any) -> Any:
    """Return the part of a weight, rounded to an integer; a whole one stays what it is."""
    if probability >= 1.0:
        return weight
    return min(np.int64(np.rint(weight * probability)), weight)


@kernel
def mean_share(probabilities: Any, n: Any, skip: Any, distribution: Any) -> Any:
    """Return the mean of ``1 / (1 + K)``, K of the other seeds accepting.

    ``probabilities[:n]`` are those of all seeds that fire, of which ``skip`` is left out. Only sums,
    products and quotients, in a fixed order: the same to the last bit everywhere.
    """
    certain = 0
    n_open = 0
    distribution[0] = 1.0
    for j in range(n):
        p = probabilities[j]
        if j == skip:
            continue
        if p == 1.0:
            certain += 1
            continue
        n_open += 1
        distribution[n_open] = 0.0
        for k in range(n_open, 0, -1):
            distribution[k] = distribution[k] * (1.0 - p) + distribution[k - 1] * p
        distribution[0] *= 1.0 - p
    share = 0.0
    for k in range(n_open + 1):
        share += distribution[k] / (1 + certain + k)
    return share


@kernel
def _shares(accepts: Any, n: Any, scratch: Any, out: Any) -> None:
    """Write what each firing seed accepts, and its pure and proportional part, axes (seed, kind)."""
    above = scratch[0]
    # Probability that none of the seeds from j on accepts.
    above[n] = 1.0
    for j in range(n - 1, -1, -1):
        above[j] = above[j + 1] * (1.0 - accepts[j])
    below = 1.0
    certain_share = -1.0
    for j in range(n):
        p = accepts[j]
        # Unprescaled seeds are alike: the mean over the others is that of any of them.
        share = certain_share
        if p < 1.0 or certain_share < 0.0:
            share = mean_share(accepts, n, j, scratch[1])
        if p == 1.0:
            certain_share = share
        out[j, AFTER] = p
        out[j, PURE] = p * below * above[j + 1]
        out[j, PROPORTIONAL] = p * share
        below *= 1.0 - p


@kernel
def _add_overlaps(decisions: Any, probabilities: Any, weight: Any, s: Any, out: Any) -> None:
    """Add the weight that seed ``s`` and each other one accept both."""
    for t in range(decisions.size):
        if decisions[t]:
            both = probabilities[s] if t == s else probabilities[s] * probabilities[t]
            out[t] += _part(weight, both)


@kernel
def _event_parts(
    decisions: Any,
    probabilities: Any,
    weight: Any,
    buffers: Any,
    shares: Any,
    parts: Any,
    overlap: Any,
) -> Any:
    """Write the parts of one crossing's weight to their rows; return whether any seed fires."""
    n_seeds = decisions.size
    fires = False
    n = 0
    for s in range(n_seeds):
        if decisions[s]:
            fires = True
            if probabilities[s] > 0.0:
                buffers[2, n] = probabilities[s]
                n += 1
    if not fires:
        return False
    _shares(buffers[2], n, buffers, shares)
    parts[:] = 0
    chance = 1.0
    j = 0
    for s in range(n_seeds):
        if not decisions[s]:
            continue
        parts[N_KINDS * s + BEFORE] = weight
        if probabilities[s] == 0.0:
            continue
        chance *= 1.0 - probabilities[s]
        for kind in (AFTER, PURE, PROPORTIONAL):
            parts[N_KINDS * s + kind] = _part(weight, shares[j, kind])
        _add_overlaps(decisions, probabilities, weight, s, overlap[s])
        j += 1
    parts[N_KINDS * n_seeds] = _part(weight, 1.0 - chance)
    return True


@kernel
def fill_menu(
    decisions: Any,
    probabilities: Any,
    weights: Any,
    blocks: Any,
    key: Any,
    steps: Any,
    entries: Any,
    sums: Any,
    squares: Any,
    replicas: Any,
    overlap: Any,
) -> None:
    """Add crossings to the arrays of a menu's counts; a crossing where nothing fires adds nothing.

    ``decisions`` are bool (crossing, seed), ``probabilities`` float64 (seed): that a firing seed
    survives its prescale. Row ``N_KINDS * s + kind`` belongs to seed ``s``, the last row to the OR.
    ``entries`` counts crossings whose part is above zero. ``overlap`` is int64 (seed, seed).
    """
    n_seeds = decisions.shape[1]
    buffers = np.empty((3, n_seeds + 1), dtype=np.float64)
    shares = np.empty((n_seeds, N_KINDS), dtype=np.float64)
    parts = np.empty(N_KINDS * n_seeds + 1, dtype=np.int64)
    drawn = np.empty(replicas.shape[1], dtype=np.int64)
    for i in range(decisions.shape[0]):
        if not _event_parts(
            decisions[i], probabilities, weights[i], buffers, shares, parts, overlap
        ):
            continue
        state = block_state(blocks[i], key)
        for replica in range(drawn.size):
            drawn[replica] = draws(state, replica, steps)
        for row in range(parts.size):
            part = parts[row]
            if part > 0:
                entries[row] += 1
                sums[row] += part
                add_square(squares, row, np.uint64(part))
                for replica in range(drawn.size):
                    replicas[row, replica] += part * drawn[replica]


@kernel
def none_accepts(decisions: Any, probabilities: Any, out: Any) -> None:
    """Write the probability that no seed accepts, float64, axis (crossing)."""
    for i in range(decisions.shape[0]):
        chance = 1.0
        for s in range(decisions.shape[1]):
            if decisions[i, s]:
                chance *= 1.0 - probabilities[s]
        out[i] = chance
