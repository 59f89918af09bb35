"""The samples of the tiny study."""

from __future__ import annotations

from tests.l1distill.study.conftest import content, drawn_samples, sample_files, write_study

__all__ = ["content", "drawn_samples", "sample_files", "write_study"]
