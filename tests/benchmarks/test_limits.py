"""Limits of the machine, and the demand that each benchmark tells a part of one or says why there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks import limits, reference
from benchmarks.limits import Limits, Work, float_products_per_second, moved_bytes_per_second
from benchmarks.students import SIZES, make_student

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SUITE = """
import time
from benchmarks.limits import Work, tell_no_limit, time_warm, time_work

def test_part(benchmark):
    time_work(benchmark, lambda: time.sleep(1e-3), Work(10, 8.0), rounds=2)

def test_warm_part(benchmark):
    time_warm(benchmark, lambda: sum(range(9)), Work(1, others={"own": lambda: 5.0}), rounds=2, calls=3)

def test_none(benchmark):
    benchmark(int)
    tell_no_limit(benchmark, "a compiler")

def test_silent(benchmark):
    benchmark(int)
"""


def test_fractions_are_those_of_the_medians() -> None:
    found = iter([10.0, 1000.0, 20.0])
    held = Limits(Work(1, others={"own": lambda: next(found)}))
    held.measure(3)
    assert held.fractions(5.0) == {"fraction_of_own_limit": 0.25}


def test_limits_of_a_network_on_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = make_student(SIZES, "hardware")
    monkeypatch.setattr(limits, "limit_events_per_second", lambda given: 40.0 * (given is graph))
    monkeypatch.setattr(limits, "moved_bytes_per_second", lambda: 800.0)
    held = Limits(Work(1, 8.0, graph))
    held.measure()
    expected = {"fraction_of_issue_limit": 0.5, "fraction_of_copy_limit": 0.2}
    assert held.fractions(20.0) == expected


def test_what_a_processor_does_at_most() -> None:
    """Orders of magnitude: a byte of a processor is moved in less than ten nanoseconds."""
    assert moved_bytes_per_second() > 1e8
    assert float_products_per_second() > 1e8


def test_a_silent_benchmark_fails(tmp_path: Path) -> None:
    """In a run of its own: what tells nothing of limits is an error."""
    (tmp_path / "bench_some.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text("from benchmarks.conftest import _demand_a_limit\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = bench_*.py\n")
    root = reference.FOLDER.parents[1]
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    environment["PYTHONPATH"] = f"{root}:{root / 'tests' / 'support'}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "4 passed, 1 error" in done.stdout, done.stdout
    assert "test_silent" in done.stdout.partition("short test summary")[2]
