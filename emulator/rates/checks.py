"""Checks of the arrays that scores are counted from; each refuses with one clear sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.rates.errors import CountsError
from emulator.rates.exact import MAX_INT64_SUM, exact_sum

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Scores lie strictly within plus and minus this, so that one above a score is always an int64.
SCORE_LIMIT: Final = 1 << 62

#: Most memory that the replicas of one set of counts may take.
MAX_REPLICA_BYTES: Final = 256 * 1024**2


def checked_scores(scores: ArrayLike) -> NDArray[np.int64]:
    """Return scores as int64, axis (crossing).

    Raises
    ------
    CountsError
        If they are not a flat array of integers or booleans within the limit.
    """
    values = np.asarray(scores)
    if values.ndim != 1:
        msg = f"scores must have one axis (crossing), got shape {values.shape}"
        raise CountsError(msg)
    if values.dtype.kind == "f":
        missing = int(np.isnan(values).sum())
        nans = f" with {missing} NaN" if missing else ""
        msg = (
            f"scores must be integers, got {values.dtype}{nans}; count the integer output of the "
            "network, since a threshold is an integer in the trigger"
        )
        raise CountsError(msg)
    if values.dtype.kind not in "iub":
        msg = f"scores must be integers, got {values.dtype}"
        raise CountsError(msg)
    if values.size and not (int(values.min()) > -SCORE_LIMIT and int(values.max()) < SCORE_LIMIT):
        msg = f"scores must lie within ±2**62, got {values.min()} to {values.max()}"
        raise CountsError(msg)
    return values.astype(np.int64, copy=False)


def checked_weights(weights: ArrayLike | None, n_events: int, *, draws: int) -> NDArray[np.int64]:
    """Return weights as int64 in units of ``2**-32``, axis (crossing); ones if None.

    Parameters
    ----------
    weights, n_events
        The weights and how many there must be.
    draws
        How often a replica may draw a crossing at most; the sum must not overflow even then.

    Raises
    ------
    CountsError
        If they are not integers, do not match the scores, are negative or too many.
    """
    if weights is None:
        units = unit_weights(n_events)
    else:
        units = _matching_integers(weights, n_events, "weights", "of units of 2**-32")
    total = exact_sum(units)
    if total * draws > MAX_INT64_SUM:
        most = MAX_INT64_SUM // draws / 2**WEIGHT_FRACTION_BITS
        msg = (
            f"the weights sum to {total / 2**WEIGHT_FRACTION_BITS:.3g}, at most {most:.3g} are "
            "counted in one call; count smaller chunks and add their counts"
        )
        raise CountsError(msg)
    return units.astype(np.int64, copy=False)


def unit_weights(n_events: int) -> NDArray[np.int64]:
    """Return weights of one, in units of ``2**-32``, axis (crossing)."""
    return np.full(n_events, 1 << WEIGHT_FRACTION_BITS, dtype=np.int64)


def checked_blocks(pool_ids: ArrayLike, n_events: int) -> NDArray[np.uint64]:
    """Return pool ids as uint64, axis (crossing).

    Raises
    ------
    CountsError
        If they are not integers, do not match the scores, or are negative.
    """
    return _matching_integers(pool_ids, n_events, "pool_ids", "").astype(np.uint64)


def require_replicas_fit(n_scores: int, replicas: int, seed: int) -> None:
    """Refuse a bootstrap that is none, or whose replicas take more than `MAX_REPLICA_BYTES`."""
    if not 2 <= replicas <= 100_000:
        msg = f"replicas must be 2 to 100000, got {replicas}"
        raise CountsError(msg)
    if not 0 <= seed < 2**64:
        msg = f"the seed of the bootstrap must lie in 0 to 2**64 - 1, got {seed}"
        raise CountsError(msg)
    if 8 * n_scores * replicas > MAX_REPLICA_BYTES:
        msg = (
            f"{n_scores} distinct scores with {replicas} replicas need "
            f"{8 * n_scores * replicas / 1024**2:.0f} MiB, at most {MAX_REPLICA_BYTES // 1024**2} "
            "are allowed; ask for fewer replicas, or drop low bits of the score yourself"
        )
        raise CountsError(msg)


def _matching_integers(values: ArrayLike, n_events: int, name: str, unit: str) -> NDArray[Any]:
    found = np.asarray(values)
    if found.size == 0 and n_events == 0:
        return np.zeros(0, dtype=np.int64)
    if found.shape != (n_events,):
        msg = f"{name} must have the shape of the scores ({n_events},), got {found.shape}"
        raise CountsError(msg)
    if found.dtype.kind not in "iu":
        msg = f"{name} must be integers{f' {unit}' if unit else ''}, got {found.dtype}"
        raise CountsError(msg)
    if int(found.min()) < 0:
        msg = f"{name} must not be negative, got {found.min()}"
        raise CountsError(msg)
    return found
