"""The engine in a process of its own that compiles for a chosen instruction set.

numba fixes its target when it starts. A `Worker` is such a process: it makes the network and the rows by
itself, from names, and runs them each time it is asked, so that pytest-benchmark times it like any other
work. ``python -m benchmarks.instruction_sets`` is its other end.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from benchmarks.limits import moved_bytes_per_second
from benchmarks.students import SHAPES, make_rows, make_student, rows_for
from emulator.engine import Emulator
from emulator.engine.lanes.peak import limit_events_per_second
from emulator.jit import target_features

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]

#: What numba is told to compile for; nothing: the host.
TARGETS: dict[str, dict[str, str]] = {
    "host": {},
    "AVX-512 without VNNI": {
        "NUMBA_CPU_NAME": "skylake-avx512",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx2,+bmi,+bmi2,+avx512f,+avx512bw,+avx512dq,+avx512vl",
    },
    "AVX2": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+popcnt,+avx2,+bmi,+bmi2,+fma",
    },
    "no intrinsics": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
}


def why_not_here(target: str) -> str:
    """Return why this processor cannot run a target, or nothing if it can."""
    features = TARGETS[target].get("NUMBA_CPU_FEATURES", "")
    needed = {part[1:] for part in features.split(",") if part}
    if TARGETS[target] and platform.machine() not in {"x86_64", "AMD64"}:
        return "no x86 processor"
    lacking = sorted(needed - target_features())
    return f"this processor lacks {', '.join(lacking)}" if lacking else ""


def scores_sha256(scores: NDArray[np.int64]) -> str:
    """Return a hash of scores."""
    return hashlib.sha256(np.ascontiguousarray(scores).tobytes()).hexdigest()


@dataclass(frozen=True)
class Round:
    """One run of the engine in the worker, and the limits measured right after it."""

    cpu_seconds: float
    issue_events_per_second: float
    moved_bytes_per_second: float


class Worker:
    """A process that runs a network of a shape on rows of a kind, one thread.

    Parameters
    ----------
    target
        One of `TARGETS`.
    shape, kind
        Which network and rows, see `benchmarks.students`.
    n_events
        Rows.
    environment
        More variables of the environment.
    """

    def __init__(
        self,
        target: str,
        shape: str,
        kind: str,
        n_events: int,
        *,
        environment: dict[str, str] | None = None,
    ) -> None:
        variables = {**os.environ, **TARGETS[target], **(environment or {})}
        paths = [str(ROOT), variables.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.instruction_sets", shape, kind, str(n_events)],
            env={**variables, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = self._read()
        #: Hash of all scores, and seconds that the first network took to be ready and to run once.
        self.sha256: str = first["sha256"]
        self.first_seconds: float = first["first_seconds"]
        self.lanes: int = first["lanes"]

    def run(self) -> None:
        """Run all rows once."""
        self._ask("run")

    def last_round(self) -> Round:
        """Return processor time of the last run, and the limits measured right after it."""
        return Round(**self._ask("round"))

    def _ask(self, what: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _tell(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def work(shape: str, kind: str, n_events: int) -> None:
    """Run rounds as they are asked for, until the input ends."""
    from emulator.engine.lanes.target import LANES

    given = rows_for(make_rows(n_events), kind)
    graph = make_student(SHAPES[shape], kind)
    start = perf_counter()
    emulator = Emulator(graph, threads=1)
    emulator.run(given[:1_000])
    first_seconds = perf_counter() - start
    score = emulator.run(given)["score"]
    _tell(sha256=scores_sha256(score), first_seconds=first_seconds, lanes=LANES)
    cpu_seconds = 0.0
    for line in sys.stdin:
        if line.strip() == "run":
            start = process_time()
            emulator.run(given)
            cpu_seconds = process_time() - start
            _tell()
        else:
            _tell(
                cpu_seconds=cpu_seconds,
                issue_events_per_second=limit_events_per_second(graph),
                moved_bytes_per_second=moved_bytes_per_second(),
            )


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2], int(sys.argv[3]))
