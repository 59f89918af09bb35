"""The sample card: what a set of samples looks like, as one page with plots."""

from __future__ import annotations

from l1distill.sample_card.page import write_sample_card

__all__ = ["write_sample_card"]
