"""A graph to an hls4ml project, and an hls4ml model back to a graph."""

from __future__ import annotations

from firmware.hls.project import BenchResult, Vectors, run_test_bench, write_full_project
from firmware.hls.reader import read_model_graph
from firmware.hls.settings import BOARDS, HlsSettings
from firmware.hls.writer import build_model_graph, write_project

__all__ = [
    "BOARDS",
    "BenchResult",
    "HlsSettings",
    "Vectors",
    "build_model_graph",
    "read_model_graph",
    "run_test_bench",
    "write_full_project",
    "write_project",
]
