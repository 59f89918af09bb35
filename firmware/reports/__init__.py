"""Reports of the vendor's tools, brought back: latency, area and timing with flow and stage."""

from __future__ import annotations

from firmware.reports.folder import ReportSet, read_reports
from firmware.reports.parsers import Report

__all__ = ["Report", "ReportSet", "read_reports"]
