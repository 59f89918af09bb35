"""Teachers, students, quantizers and training, in torch; the result leaves as a model file.

The names below are loaded when they are first used: importing ``distill`` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill.checkpoints import load_checkpoint, save_checkpoint
    from distill.cotraining import CoTraining, cotrain
    from distill.data import TrainingData, load_training_data
    from distill.errors import CheckpointError, ExportError, TrainingDataError, TrainingError
    from distill.export import ExportProof, Mismatch, export_graph, export_model, prove_export
    from distill.foreign_teachers import GivenScores, ModuleTeacher
    from distill.inputs import select_inputs
    from distill.learned import LearnedStudent
    from distill.losses import RegressionLoss
    from distill.quantizers import QuantDense, fake_quantize
    from distill.recipe import Distilled, Quantization, Recipe, StudentRecipe, distill
    from distill.sampling import (
        Drawn,
        flattened_sample,
        mixed_outliers,
        natural_sample,
        split,
    )
    from distill.scaling import FloatScaling, InputScaling
    from distill.scores import (
        float_student_scores,
        quantized_scores,
        teacher_scores,
        to_integer_grid,
    )
    from distill.students import FloatStudent, QuantStudent, StudentSpec
    from distill.targets import LogTarget
    from distill.teachers import Autoencoder, TeacherSpec, VariationalAutoencoder
    from distill.training import Epoch, History, TrainingSettings, fit
    from distill.widths import BitWidths, quantize_after_training

_HOMES = {
    "checkpoints": ("load_checkpoint", "save_checkpoint"),
    "cotraining": ("CoTraining", "cotrain"),
    "data": ("TrainingData", "load_training_data"),
    "errors": ("CheckpointError", "ExportError", "TrainingDataError", "TrainingError"),
    "export": ("ExportProof", "Mismatch", "export_graph", "export_model", "prove_export"),
    "quantizers": ("QuantDense", "fake_quantize"),
    "foreign_teachers": ("GivenScores", "ModuleTeacher"),
    "inputs": ("select_inputs",),
    "learned": ("LearnedStudent",),
    "losses": ("RegressionLoss",),
    "recipe": ("Distilled", "Quantization", "Recipe", "StudentRecipe", "distill"),
    "sampling": ("Drawn", "flattened_sample", "mixed_outliers", "natural_sample", "split"),
    "scaling": ("FloatScaling", "InputScaling"),
    "scores": ("float_student_scores", "quantized_scores", "teacher_scores", "to_integer_grid"),
    "students": ("FloatStudent", "QuantStudent", "StudentSpec"),
    "targets": ("LogTarget",),
    "teachers": ("Autoencoder", "TeacherSpec", "VariationalAutoencoder"),
    "training": ("Epoch", "History", "TrainingSettings", "fit"),
    "widths": ("BitWidths", "quantize_after_training"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Autoencoder",
    "BitWidths",
    "CheckpointError",
    "CoTraining",
    "Distilled",
    "Drawn",
    "Epoch",
    "ExportError",
    "ExportProof",
    "FloatScaling",
    "FloatStudent",
    "GivenScores",
    "History",
    "InputScaling",
    "LearnedStudent",
    "LogTarget",
    "Mismatch",
    "ModuleTeacher",
    "QuantDense",
    "QuantStudent",
    "Quantization",
    "Recipe",
    "RegressionLoss",
    "StudentRecipe",
    "StudentSpec",
    "TeacherSpec",
    "TrainingData",
    "TrainingDataError",
    "TrainingError",
    "TrainingSettings",
    "VariationalAutoencoder",
    "cotrain",
    "distill",
    "export_graph",
    "export_model",
    "fake_quantize",
    "fit",
    "flattened_sample",
    "float_student_scores",
    "load_checkpoint",
    "load_training_data",
    "mixed_outliers",
    "natural_sample",
    "prove_export",
    "quantize_after_training",
    "quantized_scores",
    "save_checkpoint",
    "select_inputs",
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
