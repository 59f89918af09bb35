"""What a network costs in an FPGA: each figure with its flow, stage, range and source."""

from __future__ import annotations

from firmware.cost.analytic import analytic_figures
from firmware.cost.estimate import (
    estimate_cost,
    planned_figures,
    simulated_latency,
    synthesised_figures,
)
from firmware.cost.figures import CostFigure, LutComparison, luts_by_stage

__all__ = [
    "CostFigure",
    "LutComparison",
    "analytic_figures",
    "estimate_cost",
    "luts_by_stage",
    "planned_figures",
    "simulated_latency",
    "synthesised_figures",
]
