"""The report of a run: plots, the points that they show, and one page that opens offline."""

from __future__ import annotations

from l1distill.report.writer import write_report

__all__ = ["write_report"]
