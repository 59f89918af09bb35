"""A graph to an hls4ml project, and an hls4ml model back to a graph."""

from __future__ import annotations

from firmware.hls.reader import read_model_graph
from firmware.hls.settings import HlsSettings
from firmware.hls.writer import build_model_graph, write_project

__all__ = ["HlsSettings", "build_model_graph", "read_model_graph", "write_project"]
