"""Exact regression gates: facts of a network on fixed samples, and what changed in them."""

from __future__ import annotations

from l1distill.gates.differences import Difference, difference_table, differences
from l1distill.gates.facts import (
    events_facts,
    network_facts,
    passing_facts,
    rate_facts,
    scores_sha256,
)

__all__ = [
    "Difference",
    "difference_table",
    "differences",
    "events_facts",
    "network_facts",
    "passing_facts",
    "rate_facts",
    "scores_sha256",
]
