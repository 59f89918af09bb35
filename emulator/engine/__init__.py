"""Executions of a network: the plain-Python reference and the numba engine that must equal it."""

from __future__ import annotations

from emulator.engine.emulator import Emulator
from emulator.engine.examples import check_example
from emulator.engine.planner import NodePlan, Plan
from emulator.engine.reference import evaluate, evaluate_rows
from emulator.engine.selection import plan_network as plan
from emulator.kernel_names import KERNELS, KernelName

__all__ = [
    "KERNELS",
    "Emulator",
    "KernelName",
    "NodePlan",
    "Plan",
    "check_example",
    "evaluate",
    "evaluate_rows",
    "plan",
]
