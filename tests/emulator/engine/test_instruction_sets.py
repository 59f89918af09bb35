"""The same scores with every instruction set; numba fixes its target when it starts, so in processes."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.jit import target_features

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tests" / "support" / "student_scores.py"

#: What numba is told to compile for; nothing: the host.
TARGETS = {
    "host": {},
    "AVX-512 without VNNI": {
        "NUMBA_CPU_NAME": "skylake-avx512",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx2,+bmi,+bmi2,+avx512f,+avx512bw,+avx512dq,+avx512vl",
    },
    "AVX2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx2,+bmi,+bmi2,+fma",
    },
    "plain x86-64": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
}


def scores(target: dict[str, str], seeds: tuple[int, int]) -> dict[str, Any]:
    """Run students in a process of its own that compiles for a target."""
    needed = [part[1:] for part in target.get("NUMBA_CPU_FEATURES", "").split(",") if part]
    if target and platform.machine() not in {"x86_64", "AMD64"}:
        pytest.skip("no x86 processor")
    if not set(needed) <= target_features():
        pytest.skip(f"this processor lacks one of {', '.join(needed)}")
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, **target, "PYTHONPATH": paths}
    command = [sys.executable, str(SCRIPT), *map(str, seeds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_all_targets_agree(seeds: tuple[int, int], least: int) -> None:
    reference = scores({}, seeds)
    for name, target in TARGETS.items():
        found = scores(target, seeds)
        assert found["sha256"] == reference["sha256"]
        assert found["lanes"] == {"AVX2": 8, "plain x86-64": 4}.get(name, found["lanes"])
        expected = {"dot16", "dot32"} | ({"dot8"} if found["quads"] else set())
        assert min(found["ran"].get(kernel, 0) for kernel in expected) >= least


def test_every_instruction_set_is_exact() -> None:
    assert_all_targets_agree((0, 8), least=5)


@pytest.mark.deep
@pytest.mark.parametrize("first", range(1_000, 1_500, 100))
def test_every_instruction_set_is_exact_on_many_networks(first: int) -> None:
    assert_all_targets_agree((first, first + 100), least=50)
