"""Mutations of roundings, shifts and clips of the lane kernels: each must make a test fail.

Run as a script: every mutation is applied to a copy of the sources, in which the tests named beside it
run; the list, with the test that noticed, goes to standard output as a Markdown table. An exit status of
1 says that a mutation survived.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGINE = "emulator/engine"
LANES = f"{ENGINE}/lanes"
CASTS = ("tests/emulator/engine/lanes/test_casts.py",)
INPUTS = ("tests/emulator/engine/lanes/test_inputs.py",)
DOTS = ("tests/emulator/engine/lanes/test_dots.py",)


@dataclass(frozen=True)
class Mutation:
    """One change of the sources and the tests that must notice it."""

    path: str
    before: str
    after: str
    tests: tuple[str, ...]

    @property
    def title(self) -> str:
        """The change in one line."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"`{self.path}`: `{before}` → `{after or '(nothing)'}`"


MUTATIONS = (
    # Proofs and columns of casts in lanes.
    Mutation(f"{LANES}/casts.py", "half = 1 << drop - 1", "half = 1 << drop", CASTS),
    Mutation(
        f"{LANES}/casts.py",
        '"TRN_ZERO": (0, sign, 2 * half - 1)',
        '"TRN_ZERO": (0, sign, half)',
        CASTS,
    ),
    Mutation(
        f"{LANES}/casts.py", '"RND_ZERO": (half - 1, sign, 1)', '"RND_ZERO": (half, sign, 1)', CASTS
    ),
    Mutation(
        f"{LANES}/casts.py", '"RND_INF": (half, sign, -1)', '"RND_INF": (half, sign, 0)', CASTS
    ),
    Mutation(
        f"{LANES}/casts.py", '"RND_MIN_INF": (half - 1, 0, 0)', '"RND_MIN_INF": (half, 0, 0)', CASTS
    ),
    Mutation(
        f"{LANES}/casts.py",
        '"RND_CONV": (half - 1, drop, 1)',
        '"RND_CONV": (half - 1, drop + 1, 1)',
        CASTS,
    ),
    Mutation(
        f"{LANES}/casts.py",
        "left, right = BITS - target.width - drop",
        "left, right = BITS - target.width + drop",
        CASTS,
    ),
    Mutation(f"{LANES}/casts.py", "(1 << target.width) - 1", "(1 << target.width - 1) - 1", CASTS),
    Mutation(
        f"{LANES}/casts.py",
        "low=max(full.low, INT32.low) if clips",
        "low=max(full.low + 1, INT32.low) if clips",
        CASTS,
    ),
    Mutation(
        f"{LANES}/casts.py",
        "high=min(full.high, INT32.high) if clips",
        "high=min(full.high + 1, INT32.high) if clips",
        CASTS,
    ),
    Mutation(
        f"{LANES}/casts.py",
        'keep=0 if clips and target.overflow == "SAT_ZERO"',
        'keep=-1 if clips and target.overflow == "SAT_ZERO"',
        CASTS,
    ),
    Mutation(f"{LANES}/casts.py", "floor=0 if floored else INT32.low", "floor=INT32.low", CASTS),
    Mutation(f"{LANES}/casts.py", '    _require(total, "results")\n', "", CASTS),
    # Scaled inputs.
    Mutation(
        f"{LANES}/inputs.py",
        "add, bit_mask = add << floor, bit_mask << floor",
        "add, bit_mask = add, bit_mask << floor",
        INPUTS,
    ),
    Mutation(f"{LANES}/inputs.py", "kept = -(1 << -drop)", "kept = -1", INPUTS),
    Mutation(
        f"{LANES}/inputs.py",
        "right = max(floor + drop, 0)",
        "right = max(floor + drop - 1, 0)",
        INPUTS,
    ),
    Mutation(
        f"{LANES}/inputs.py",
        "floor, drop = max(floor - zeros, 0), drop - max(zeros - floor, 0)",
        "floor, drop = max(floor - zeros, 0), drop",
        INPUTS,
    ),
    Mutation(
        f"{LANES}/inputs.py",
        "return first(lambda result: result > lowest) - 1",
        "return first(lambda result: result > lowest)",
        INPUTS,
    ),
    # The kernels themselves.
    Mutation(
        f"{LANES}/dots.py",
        "value = builder.ashr(value, columns[RIGHT])\n        results",
        "results",
        DOTS,
    ),
    Mutation(
        f"{LANES}/dots.py",
        "            value = builder.add(builder.add(value, columns[ADD]), bit)\n        value",
        "            value = builder.add(value, columns[ADD])\n        value",
        DOTS,
    ),
    Mutation(
        f"{LANES}/dots.py",
        "    value = emitter.larger(value, columns[FLOOR])\n",
        "",
        DOTS,
    ),
    Mutation(
        f"{LANES}/dots.py",
        "    value = builder.and_(value, columns[MASK])\n",
        "",
        DOTS,
    ),
    Mutation(
        f"{LANES}/dots.py",
        "return builder.and_(clipped, builder.or_(same, columns[KEEP]))",
        "return clipped",
        DOTS,
    ),
)


def noticed_by(mutation: Mutation, folder: Path) -> str | None:
    """Apply a mutation in a copy and return the first test that fails, None if none does."""
    source = folder / mutation.path
    original = source.read_text(encoding="utf-8")
    if original.count(mutation.before) != 1:
        sys.exit(f"{mutation.title}: found {original.count(mutation.before)} times, not once")
    source.write_text(original.replace(mutation.before, mutation.after), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *mutation.tests,
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    source.write_text(original, encoding="utf-8")
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split()[1] if failed else "the tests did not run"


def main() -> int:
    """Apply every mutation and print the list."""
    survived = 0
    say = sys.stdout.write
    say("| mutation | noticed by |\n|---|---|\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("emulator", "firmware", "distill", "l1distill", "tests", "pyproject.toml"):
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy(source, folder / part)
        for mutation in MUTATIONS:
            test = noticed_by(mutation, folder)
            survived += test is None
            say(f"| {mutation.title} | {test or '**nothing**'} |\n")
            sys.stdout.flush()
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
