"""The anatomy of what fires: objects of all crossings, of those a network accepts, and of pure accepts."""

from __future__ import annotations

from l1distill.anatomy.histograms import (
    ACCEPTED,
    ALL,
    PURE,
    QUANTITIES,
    Anatomy,
    Quantity,
    read_histograms,
)
from l1distill.anatomy.hot_spots import HotSpot, find_hot_spots

__all__ = [
    "ACCEPTED",
    "ALL",
    "PURE",
    "QUANTITIES",
    "Anatomy",
    "HotSpot",
    "Quantity",
    "find_hot_spots",
    "read_histograms",
]
