"""Roles of the zero-bias samples of a study, and names of its networks."""

from __future__ import annotations

#: What networks are trained on, what thresholds are set on, and what rates are measured on and
#: executions are compared on.
TRAINING, SETTING, MEASURING = "training", "setting", "measuring"

#: Names of the networks in score tables and reports.
TEACHER, FLOAT_STUDENT, QUANTIZED_STUDENT, EMULATOR = (
    "teacher",
    "float student",
    "quantized student",
    "emulator",
)
