"""Speed that can be compared: a frozen calibration, interleaved timing, machines, records."""

from __future__ import annotations

from l1distill.bench.calibration import calibrate
from l1distill.bench.gate import FAIL_ABOVE, WARN_ABOVE, Verdict, judge
from l1distill.bench.machine import Machine, describe_machine
from l1distill.bench.record import BenchRecord, Figure, compare_records, load_record, save_record
from l1distill.bench.timing import Cost, Subject, measure

__all__ = [
    "FAIL_ABOVE",
    "WARN_ABOVE",
    "BenchRecord",
    "Cost",
    "Figure",
    "Machine",
    "Subject",
    "Verdict",
    "calibrate",
    "compare_records",
    "describe_machine",
    "judge",
    "load_record",
    "measure",
    "save_record",
]
