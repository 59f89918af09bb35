"""Teachers, students, quantizers and training, in torch; the result leaves as a model file.

The names below are loaded when they are first used: importing ``distill`` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill.checkpoints import load_checkpoint, save_checkpoint
    from distill.data import TrainingData, load_training_data
    from distill.errors import CheckpointError, ExportError, TrainingDataError, TrainingError
    from distill.export import ExportProof, Mismatch, export_graph, export_model, prove_export
    from distill.quantizers import QuantDense, fake_quantize
    from distill.recipe import Distilled, Recipe, distill
    from distill.sampling import Drawn, flattened_sample, natural_sample, split
    from distill.scaling import FloatScaling, InputScaling
    from distill.scores import (
        float_student_scores,
        quantized_scores,
        teacher_scores,
        to_integer_grid,
    )
    from distill.students import FloatStudent, QuantStudent, StudentSpec
    from distill.teachers import Autoencoder, LogTarget, TeacherSpec
    from distill.training import Epoch, History, TrainingSettings, fit

_HOMES = {
    "checkpoints": ("load_checkpoint", "save_checkpoint"),
    "data": ("TrainingData", "load_training_data"),
    "errors": ("CheckpointError", "ExportError", "TrainingDataError", "TrainingError"),
    "export": ("ExportProof", "Mismatch", "export_graph", "export_model", "prove_export"),
    "quantizers": ("QuantDense", "fake_quantize"),
    "recipe": ("Distilled", "Recipe", "distill"),
    "sampling": ("Drawn", "flattened_sample", "natural_sample", "split"),
    "scaling": ("FloatScaling", "InputScaling"),
    "scores": ("float_student_scores", "quantized_scores", "teacher_scores", "to_integer_grid"),
    "students": ("FloatStudent", "QuantStudent", "StudentSpec"),
    "teachers": ("Autoencoder", "LogTarget", "TeacherSpec"),
    "training": ("Epoch", "History", "TrainingSettings", "fit"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Autoencoder",
    "CheckpointError",
    "Distilled",
    "Drawn",
    "Epoch",
    "ExportError",
    "ExportProof",
    "FloatScaling",
    "FloatStudent",
    "History",
    "InputScaling",
    "LogTarget",
    "Mismatch",
    "QuantDense",
    "QuantStudent",
    "Recipe",
    "StudentSpec",
    "TeacherSpec",
    "TrainingData",
    "TrainingDataError",
    "TrainingError",
    "TrainingSettings",
    "distill",
    "export_graph",
    "export_model",
    "fake_quantize",
    "fit",
    "flattened_sample",
    "float_student_scores",
    "load_checkpoint",
    "load_training_data",
    "natural_sample",
    "prove_export",
    "quantized_scores",
    "save_checkpoint",
    "split",
    "teacher_scores",
    "to_integer_grid",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _MODULE_OF:
        msg = f"module 'distill' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"distill.{_MODULE_OF[name]}"), name)
