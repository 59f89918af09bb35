"""Crossings that set thresholds, and those that rates are measured on, must be other ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.rates.blocks import overlap
from emulator.rates.errors import CountsError

if TYPE_CHECKING:
    from emulator.rates.counts import ScoreCounts


def require_other_pools(n_shared: int, *, where: str = "") -> None:
    """Refuse crossings that set thresholds and that measure rates if they share pool events.

    A rate on crossings that share pool events with those that set the threshold is no measurement of it,
    and the replicas of both would draw the same blocks.

    Parameters
    ----------
    n_shared
        How many pool events both have.
    where
        Which crossings, for the message.
    """
    if n_shared:
        place = f"{where}: " if where else ""
        msg = (
            f"{place}crossings that set thresholds and that measure rates share {n_shared} pool events, "
            "so they are not independent; give samples of other pools, or cut all of them in halves that "
            "share none (`l1distill rates` without --measure does)"
        )
        raise CountsError(msg)


def require_apart(first: ScoreCounts, second: ScoreCounts, names: str) -> None:
    """Refuse two counts that hold the same events; pool ids are not kept and cannot be compared."""
    if shared := overlap(first.ranges, second.ranges):
        msg = (
            f"{names} must be disjoint, but both hold events {shared}; "
            "if they are different samples, give each its own stream"
        )
        raise CountsError(msg)
