"""Roles of the zero-bias samples of a study."""

from __future__ import annotations

#: What networks are trained on, what thresholds are set on, and what rates are measured on and
#: executions are compared on.
TRAINING, SETTING, MEASURING = "training", "setting", "measuring"
