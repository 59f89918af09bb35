"""The specification: a network in plain Python integers, one event at a time.

Every other execution (engine, C-simulation, RTL) must equal this to the last bit. It is written from
the definitions, with no bit tricks and no code shared with the planner, the ranges or
`emulator.fixed`'s casts; of those it only knows what a type *is*.

Sources: the Vitis HLS user guide (UG1399), chapter on ``ap_fixed``, and the ``nnet_utils`` templates
of hls4ml 1.3.0.
"""

from __future__ import annotations

from emulator.engine.reference.arithmetic import cast_exact
from emulator.engine.reference.evaluation import evaluate, evaluate_rows

__all__ = ["cast_exact", "evaluate", "evaluate_rows"]
