"""Scans: many models and objects on many samples, each file read once, on any number of processes.

A scan is a map over files and an exact merge of integers, so its result does not depend on where, in which
order or in how many attempts the files were worked on.
"""

from __future__ import annotations

from emulator.scan.engines import Dask, Engine, Processes, Serial, engine_for
from emulator.scan.errors import ScanError
from emulator.scan.plan import (
    MEASURING,
    SETTING,
    Condition,
    Counting,
    Piece,
    Retries,
    ScannedMenu,
    ScanPlan,
)
from emulator.scan.results import ConditionResult, Duplicates, LostFile, SampleSize, ScanResult
from emulator.scan.run import Scan, run_scan

__all__ = [
    "MEASURING",
    "SETTING",
    "Condition",
    "ConditionResult",
    "Counting",
    "Dask",
    "Duplicates",
    "Engine",
    "LostFile",
    "Piece",
    "Processes",
    "Retries",
    "SampleSize",
    "Scan",
    "ScanError",
    "ScanPlan",
    "ScanResult",
    "ScannedMenu",
    "Serial",
    "engine_for",
    "run_scan",
]
