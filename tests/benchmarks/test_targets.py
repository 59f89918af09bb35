"""Targets are judged by figures that the suites really have, under the names that pytest gives them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict

import pytest

from benchmarks import reference
from benchmarks.targets import judged_targets, targets
from l1distill.bench import BenchRecord, Figure

ROOT = reference.FOLDER.parents[1]


class Asked(defaultdict[str, float]):
    """Figures that note what they are asked for."""

    def __missing__(self, name: str) -> float:
        self[name] = 1.0
        return 1.0


def test_every_target_is_of_a_benchmark_that_there_is() -> None:
    asked = Asked()
    for target in targets():
        target.value(asked)
        target.reason(asked)
    suites = [f"benchmarks/bench_{name}.py" for name in ("engine", "peers", "files", "pipeline")]
    command = [sys.executable, "-m", "pytest", *suites, "--collect-only", "-q"]
    # Were it told of a worker, the benchmark plugin would warn that it does not time there.
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    known = {line.partition("::")[2] for line in done.stdout.splitlines()}
    named = {re.sub(r"\], \w+$", "]", name.partition(": ")[2]) for name in asked}
    assert len(named) > 40
    assert named <= known


def test_verdicts() -> None:
    place = "small batches, 57-32-16-1: test_small_batch"
    figures = (
        Figure("engine, 2 threads: test_engine[57-32-16-1-hardware-2], million_events_per_second",
               80.0, "M events/s", "higher"),
        Figure("engine, 2 threads: test_engine[57-32-16-1-hardware-2], fraction_of_issue_limit",
               0.6, "of issue limit", "higher"),
        Figure("engine, 2 threads: test_engine[57-32-16-1-hardware-2], "
               "million_events_per_second_and_processor", 45.0, "M events/s", "higher"),
        Figure("engine, 1 threads: test_engine[57-32-16-1-hardware-1], fraction_of_issue_limit",
               0.54, "of issue limit", "higher"),
        Figure(f"{place}[1-2]", 13e-6, "s"),
    )  # fmt: skip
    judged = {each.what: each for each in judged_targets(BenchRecord("", "", {}, figures))}
    first = judged["57-32-16-1, int16 rows, 2 threads"]
    assert (first.wanted, first.measured) == ("≥ 120 M/s", "80 M/s")
    assert first.verdict == "not met: takes 80% of the issue limit; 60% are reached"
    part = judged["57-32-16-1, hardware rows, part of the issue limit"]
    assert (part.wanted, part.measured, part.verdict) == ("≥ 50 %", "54 %", "met")
    batch = judged["1 event"]
    assert (batch.wanted, batch.measured, batch.verdict) == ("≤ 50 µs", "13 µs", "met")
    assert judged["57-16-8-1, times hls4ml's predict, one core"].wanted == "≥ 1,500 x"
    verdicts = {each.verdict.partition(":")[0] for each in judged.values()}
    assert verdicts == {"met", "not met", "not measured"}


def test_what_is_not_met_says_what_stops_it() -> None:
    row = "engine, 1 threads: test_engine[57-16-8-1-scaled-1]"
    files = "file to score, TTree, zstd, one process: test_file_to_score[TTree, zstd"
    peers = "peers, 57-64-32-1, 1 threads: test"
    rates = {
        f"{row}, fraction_of_issue_limit": 0.34,
        f"{row}, fraction_of_copy_limit": 0.38,
        f"{files}-first pass], million_events_per_second": 0.3,
        f"{files}-reading alone], million_events_per_second": 1.2,
        f"{files}-from cache], million_events_per_second": 0.8,
        f"{peers}_engine[57-64-32-1-1], million_events_per_second": 10.0,
        f"{peers}_engine[57-64-32-1-1], fraction_of_issue_limit": 0.6,
        **{
            f"{peers}_floats[57-64-32-1-{library}-{precision}-1], million_events_per_second": 10.0
            for library in ("torch", "onnxruntime")
            for precision in ("float32", "int8")
        },
    }
    record = BenchRecord("", "", {}, tuple(Figure(name, rates[name], "") for name in rates))
    judged = {each.what: each.verdict for each in judged_targets(record)}
    assert judged["57-16-8-1, scaled rows, part of the issue limit"] == (
        "not met: products at the issue limit are 34% of its time, bytes at the copy limit 38%; "
        "the rest brings rows into lanes, scales, casts and clips"
    )
    assert judged["file to score, TTree, zstd, one process, first pass, part of reading alone"] == (
        "not met: scoring and writing the table, after plain reading, would give 40%"
    )
    assert judged["57-64-32-1, times the best of torch and onnxruntime, 1 threads"] == (
        "not met: takes 102% of the issue limit, more than this processor can issue; 60% are reached"
    )


def test_a_peer_that_is_missing_is_told() -> None:
    (best,) = (each for each in targets() if each.what.endswith("onnxruntime, 2 threads") and
               each.what.startswith("57-16-8-1"))  # fmt: skip
    with pytest.raises(KeyError):
        best.value({})
