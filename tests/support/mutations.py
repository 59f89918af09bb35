"""Runs the mutations of `mutation_list`: each must make a test fail.

Usage: ``python tests/support/mutations.py [--only PART_OF_A_PATH] [DOCUMENT]``. Every mutation is applied
to a copy of the sources, in which the tests named beside it run; the list, with the test that noticed, is
printed as a Markdown table and written to the document. An exit status of 1 says that a mutation survived
that is not known to change nothing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numba
import numpy as np
import pytest
from mutation_list import EQUIVALENT, GROUPS, Group

ROOT = Path(__file__).parents[2]
PARTS = ("emulator", "firmware", "distill", "l1distill", "tests", "benchmarks", "pyproject.toml")

#: Longest time of the tests of one mutation: one that never ends has been noticed.
LIMIT_S = 300

#: Libraries are imported once, the mutated project in each child.
FORK = multiprocessing.get_context("fork")
IMPORTED = (ak, np)

HEAD = """# Mutations of the engine

Written by `python tests/support/mutations.py docs/mutations.md`. Every line is a change of a rounding, shift, clip,
comparison, mask or sign in a copy of the sources, and the first test that failed. "Computes the same" says why no test
can notice.

"""


@dataclass(frozen=True)
class Outcome:
    """What came of one mutation: the test that noticed, or None."""

    path: str
    before: str
    after: str
    test: str | None

    @property
    def reason(self) -> str | None:
        """Why the change changes nothing, where that is known."""
        return EQUIVALENT.get((self.path, self.before, self.after))

    @property
    def row(self) -> str:
        """A line of the table."""
        before, after = (
            " ".join(text.split()).replace("|", "\\|") for text in (self.before, self.after)
        )
        found = f"`{self.test.split('/')[-1]}`" if self.test else "**nothing**"
        if self.test is None and self.reason:
            found = f"computes the same: {self.reason}"
        changed = f"`{after}`" if after else "(left out)"
        return f"| `{before}` | {changed} | {found.replace('|', chr(92) + '|')} |"


def run_tests(
    folder: Path, tests: tuple[str, ...], cache: Path, limit_s: float = LIMIT_S
) -> str | None:
    """Run tests in a copy of the sources and return the first that fails, None if none does."""
    report = folder / "report.txt"
    child = FORK.Process(target=_run_pytest, args=(folder, tests, cache, report))
    child.start()
    child.join(limit_s)
    if child.is_alive():
        child.kill()
        child.join()
        return f"no test ended within {limit_s} s"
    if child.exitcode == 0:
        return None
    if child.exitcode is not None and child.exitcode < 0:
        return f"{tests[0]} (ended by signal {-child.exitcode})"
    lines = report.read_text(encoding="utf-8").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if not failed:
        sys.exit("\n".join(["the tests did not run:", *lines]))
    return failed[0].split(" - ")[0].split(maxsplit=1)[1]


def _run_pytest(folder: Path, tests: tuple[str, ...], cache: Path, report: Path) -> None:
    """Run in a process of its own, in which nothing of the project has been imported yet."""
    with report.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(folder / "tests" / "support")]
    os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(cache)  # type: ignore[attr-defined]
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    code = pytest.main(["-q", "-x", "--tb=no", "-p", "no:cacheprovider", *tests])
    sys.stdout.flush()
    os._exit(int(code))


def outcomes_of(group: Group, folder: Path, cache: Path) -> list[Outcome]:
    """Apply the changes of a group, one after the other, in a copy of the sources."""
    source = folder / group.path
    original = source.read_text(encoding="utf-8")
    times = source.stat()
    found = []
    for number, (before, after) in enumerate(group.changes):
        if original.count(before) != 1:
            sys.exit(f"{group.path}: {before!r} stands there {original.count(before)} times")
        source.write_text(original.replace(before, after), encoding="utf-8")
        # Kernels are compiled again only where they are made of the changed file.
        own = cache.with_name(f"cache_of_{number}") if group.compiled else cache
        start = time.monotonic()
        outcome = Outcome(group.path, before, after, run_tests(folder, group.tests, own))
        found.append(outcome)
        sys.stdout.write(f"{time.monotonic() - start:4.0f} s {group.path} {outcome.row}\n")
        sys.stdout.flush()
        if group.compiled:
            shutil.rmtree(own, ignore_errors=True)
        source.write_text(original, encoding="utf-8")
        os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    return found


def document(outcomes: list[Outcome]) -> str:
    """Return the list as Markdown, a table for each file."""
    noticed = sum(outcome.test is not None for outcome in outcomes)
    same = sum(outcome.test is None and outcome.reason is not None for outcome in outcomes)
    left = len(outcomes) - noticed - same
    text = HEAD + (
        f"{len(outcomes)} mutations: {noticed} noticed, {same} compute the same, {left} survived.\n"
    )
    for path in dict.fromkeys(outcome.path for outcome in outcomes):
        rows = "\n".join(outcome.row for outcome in outcomes if outcome.path == path)
        text += f"\n## {path}\n\n| before | after | noticed by |\n|---|---|---|\n{rows}\n"
    return text


def main() -> int:
    """Apply every mutation, print and write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", type=Path, nargs="?", help="where the list is written")
    parser.add_argument("--only", default="", help="files whose path has this in it")
    given = parser.parse_args()
    groups = [group for group in GROUPS if given.only in group.path]
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "sources", Path(name) / "cache"
        folder.mkdir()
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy2(source, folder / part)
        tests = dict.fromkeys(test for group in groups for test in group.tests)
        if failed := run_tests(folder, tuple(tests), cache, limit_s=20 * LIMIT_S):
            sys.exit(f"without any mutation {failed} fails")
        for group in groups:
            outcomes += outcomes_of(group, folder, cache)
    if given.document:
        given.document.write_text(document(outcomes), encoding="utf-8")
    survived = [each for each in outcomes if each.test is None and each.reason is None]
    sys.stdout.write(f"{len(outcomes)} mutations, {len(survived)} survived\n")
    return int(bool(survived))


if __name__ == "__main__":
    sys.exit(main())
