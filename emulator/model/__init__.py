"""The model file: layout, graph, score and named thresholds in one readable JSON file."""

from __future__ import annotations

from emulator.model.import_form import WorkedExample, import_network_form
from emulator.model.model import SCHEMA, Model, NamedThreshold
from emulator.model.store import load_model, model_from_text, model_text, save_model

__all__ = [
    "SCHEMA",
    "Model",
    "NamedThreshold",
    "WorkedExample",
    "import_network_form",
    "load_model",
    "model_from_text",
    "model_text",
    "save_model",
]
