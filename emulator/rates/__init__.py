"""Rates, integer thresholds at fixed rate and efficiencies from integer scores, with their errors.

Knows scores only, not where they come from. Counts of scores (`ScoreCounts`) add to the last bit, with
a block bootstrap over pool events inside; everything else is read off the counts. `MenuCounts` does the
same for the decisions of a menu under prescales, `GroupedCounts` for turn-on curves and groups.
"""

from __future__ import annotations

from emulator.rates.blocks import EventRange, multiplicities
from emulator.rates.counts import ScoreCounts, merge_all
from emulator.rates.crossings import Crossings, Passing
from emulator.rates.curves import efficiency_curve, rate_curve
from emulator.rates.efficiency import Efficiency, efficiency_at
from emulator.rates.errors import CountsError
from emulator.rates.groups import GroupedCounts, bin_of
from emulator.rates.independence import require_other_pools
from emulator.rates.intervals import ONE_SIGMA, clopper_pearson, garwood
from emulator.rates.menu_counts import ANY_SEED, MenuCounts, SeedRate
from emulator.rates.paired import ModelScores, PairedComparison, compare_paired
from emulator.rates.prescales import PrescaleColumn
from emulator.rates.scenario import RateScenario, load_scenario
from emulator.rates.tails import Tail
from emulator.rates.working_points import RateThreshold, WorkingPoint, threshold_at, working_point

__all__ = [
    "ANY_SEED",
    "ONE_SIGMA",
    "CountsError",
    "Crossings",
    "Efficiency",
    "EventRange",
    "GroupedCounts",
    "MenuCounts",
    "ModelScores",
    "PairedComparison",
    "Passing",
    "PrescaleColumn",
    "RateScenario",
    "RateThreshold",
    "ScoreCounts",
    "SeedRate",
    "Tail",
    "WorkingPoint",
    "bin_of",
    "clopper_pearson",
    "compare_paired",
    "efficiency_at",
    "efficiency_curve",
    "garwood",
    "load_scenario",
    "merge_all",
    "multiplicities",
    "rate_curve",
    "require_other_pools",
    "threshold_at",
    "working_point",
]
