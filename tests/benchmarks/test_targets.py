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
    suites = [f"benchmarks/bench_{name}.py" for name in ("engine", "peers", "files")]
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
               119.0, "M events/s", "higher"),
        Figure("engine, 1 threads: test_engine[57-32-16-1-hardware-1], fraction_of_issue_limit",
               0.54, "of issue limit", "higher"),
        Figure(f"{place}[1-2]", 13e-6, "s"),
    )  # fmt: skip
    judged = {each.what: each for each in judged_targets(BenchRecord("", "", {}, figures))}
    first = judged["57-32-16-1, int16 rows, 2 threads"]
    assert (first.wanted, first.measured, first.verdict) == ("≥ 120 M/s", "119 M/s", "not met")
    part = judged["57-32-16-1, hardware rows, part of the issue limit"]
    assert (part.wanted, part.measured, part.verdict) == ("≥ 50 %", "54 %", "met")
    batch = judged["1 event"]
    assert (batch.wanted, batch.measured, batch.verdict) == ("≤ 50 µs", "13 µs", "met")
    assert judged["57-16-8-1, times hls4ml's predict, one core"].wanted == "≥ 1,500 x"
    assert {each.verdict for each in judged.values()} == {"met", "not met", "not measured"}


def test_a_peer_that_is_missing_is_told() -> None:
    (best,) = (each for each in targets() if each.what.endswith("onnxruntime, 2 threads") and
               each.what.startswith("57-16-8-1"))  # fmt: skip
    with pytest.raises(KeyError):
        best.value({})
