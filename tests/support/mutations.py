"""Runs the mutations of `mutation_list`: each must make a test fail.

Usage: ``python tests/support/mutations.py [-j N] [--only PART_OF_A_PATH] [--part K/N] [--results FILE]
[--merge FILE]... [DOCUMENT]``. Every mutation is applied to a copy of the sources of its own, in which the
tests named beside it run, N of them at a time. The list, with the test that noticed, is printed as a
Markdown table and written to the document. An exit status of 1 says that a mutation survived that is not
known to change nothing.

Where one command may not run long enough, ``--part 1/3 --results one.json`` runs a third of the list; the
file grows with every mutation, so that what had ended stands there when the command is killed. ``--merge
one.json --merge two.json docs/mutations.md`` takes over what stands in such files (as long as the
mutated file has not changed since), runs the rest and writes the document.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numba
import numpy as np
import pytest
from mutation_list import EQUIVALENT, GROUPS
from numba.core.caching import UserProvidedCacheLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.context import ForkProcess

ROOT = Path(__file__).parents[2]
PARTS = ("emulator", "firmware", "distill", "l1distill", "tests", "benchmarks", "pyproject.toml")

#: Longest time of the tests of one mutation: one that never ends has been noticed.
LIMIT_S = 300
#: Longest time of a file of tests without any mutation, kernels not compiled.
FIRST_LIMIT_S = 20 * LIMIT_S

#: Libraries are imported once, the mutated project in each child.
FORK = multiprocessing.get_context("fork")
IMPORTED = (ak, np)

#: What a newer numpy or Python will not do any more is no mutation's doing.
OPTIONS = ("-q", "-x", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")

HEAD = """# Mutations of the engine

Written by `python tests/support/mutations.py docs/mutations.md`. Every line is a change of a rounding, shift, clip,
comparison, mask or sign in a copy of the sources, and the first test that failed. "Computes the same" says why no test
can notice.

"""


@dataclass(frozen=True)
class Mutation:
    """One change of a file and the tests that must notice it."""

    path: str
    before: str
    after: str
    tests: tuple[str, ...]
    compiled: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others."""
        return self.path, self.before, self.after


@dataclass(frozen=True)
class Outcome:
    """What came of one mutation: the test that noticed, or None; ``source``: hash of the file."""

    path: str
    before: str
    after: str
    test: str | None
    seconds: float
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells its mutation from the others."""
        return self.path, self.before, self.after

    @property
    def reason(self) -> str | None:
        """Why the change changes nothing, where that is known."""
        return EQUIVALENT.get(self.key)

    @property
    def survived(self) -> bool:
        """Whether no test noticed and nobody knows why."""
        return self.test is None and self.reason is None

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


@dataclass(frozen=True)
class Copy:
    """A copy of the sources with the kernels compiled from it."""

    folder: Path

    @property
    def sources(self) -> Path:
        """Root of the copied sources."""
        return self.folder / "sources"

    @property
    def cache(self) -> Path:
        """Kernels of the unchanged sources."""
        return self.folder / "cache"

    def fill(self) -> None:
        """Copy what the tests need."""
        self.sources.mkdir(parents=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, self.sources / part, ignore=ignored)
            else:
                shutil.copy2(source, self.sources / part)

    def take_kernels(self, other: Copy) -> None:
        """Take over the kernels of another copy: numba names their folders by the sources' path."""
        for folder in {path.parent for path in self.sources.rglob("*.py")}:
            compiled = other._kernels_of(folder.relative_to(self.sources))
            if compiled.is_dir():
                shutil.copytree(compiled, self._kernels_of(folder.relative_to(self.sources)))

    def _kernels_of(self, package: Path) -> Path:
        locator: Any = UserProvidedCacheLocator
        subpath: str = locator.get_suitable_cache_subpath(self.sources / package / "x.py")
        return self.cache / subpath


@dataclass
class Run:
    """Tests that run in a process of their own."""

    process: ForkProcess
    report: Path
    tests: tuple[str, ...]
    started_s: float
    limit_s: float

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started_s

    @property
    def late(self) -> bool:
        """Whether it has used its time up."""
        return self.seconds > self.limit_s

    def noticed(self) -> str | None:
        """Return the first test that failed, None if none did; end what does not end."""
        self.process.join(max(0.0, self.limit_s - self.seconds))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            return f"no test ended within {self.limit_s} s"
        code = self.process.exitcode
        if code == 0:
            return None
        if code is not None and code < 0:
            return f"{self.tests[0]} (ended by signal {-code})"
        lines = self.report.read_text(encoding="utf-8").splitlines()
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        if not failed:
            sys.exit("\n".join(["the tests did not run:", *lines]))
        return failed[0].split(" - ")[0].split(maxsplit=1)[1]


def start(copy: Copy, tests: tuple[str, ...], cache: Path, report: Path, limit_s: float) -> Run:
    """Start tests in a copy of the sources."""
    process = FORK.Process(target=_run_pytest, args=(copy.sources, tests, cache, report))
    process.start()
    return Run(process, report, tests, time.monotonic(), limit_s)


def _run_pytest(folder: Path, tests: tuple[str, ...], cache: Path, report: Path) -> None:
    """Run in a process of its own, in which nothing of the project has been imported yet."""
    with report.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(folder / "tests" / "support")]
    os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = str(cache)  # type: ignore[attr-defined]
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    code = pytest.main([*OPTIONS, *tests])
    sys.stdout.flush()
    os._exit(int(code))


def test_files(mutations: Iterable[Mutation]) -> list[tuple[str, ...]]:
    """Return the tests of all mutations, once each, one tuple for each file of tests."""
    named = dict.fromkeys(test for mutation in mutations for test in mutation.tests)
    files: dict[str, list[str]] = {}
    for test in named:
        files.setdefault(test.split("::")[0], []).append(test)
    return [(file,) if file in tests else tuple(tests) for file, tests in files.items()]


def check_unchanged(copy: Copy, mutations: Sequence[Mutation], jobs: int) -> None:
    """Run all tests without any mutation, which also compiles the kernels; exit if one fails."""
    waiting = deque(enumerate(test_files(mutations)))
    running: list[Run] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            number, tests = waiting.popleft()
            report = copy.folder / f"unchanged_{number}.txt"
            running.append(start(copy, tests, copy.cache, report, FIRST_LIMIT_S))
        for run in _ended(running):
            running.remove(run)
            if failed := run.noticed():
                text = run.report.read_text(encoding="utf-8")
                sys.exit(f"{text}\nwithout any mutation {failed} fails")


def run_all(
    copies: Sequence[Copy], mutations: Sequence[Mutation], tell: Callable[[Outcome], None]
) -> None:
    """Run mutations, one in each copy at a time; those that compile kernels first, as the longest."""
    waiting = deque(sorted(mutations, key=lambda mutation: not mutation.compiled))
    free = deque(copies)
    running: dict[int, tuple[Run, Mutation, Copy]] = {}
    while waiting or running:
        while waiting and free:
            mutation, copy = waiting.popleft(), free.popleft()
            run = _start_mutated(copy, mutation)
            running[id(run)] = run, mutation, copy
        for ended in _ended([run for run, _, _ in running.values()]):
            run, mutation, copy = running.pop(id(ended))
            noticed, seconds = run.noticed(), run.seconds
            _restore(copy, mutation)
            free.append(copy)
            tell(Outcome(*mutation.key, noticed, round(seconds, 1), source_sha256(mutation.path)))


def _start_mutated(copy: Copy, mutation: Mutation) -> Run:
    source = copy.sources / mutation.path
    original = source.read_text(encoding="utf-8")
    if original.count(mutation.before) != 1:
        count = original.count(mutation.before)
        sys.exit(f"{mutation.path}: {mutation.before!r} stands there {count} times")
    source.write_text(original.replace(mutation.before, mutation.after), encoding="utf-8")
    # Kernels are compiled again only where they are made of the changed file.
    cache = copy.folder / "cache_of_mutation" if mutation.compiled else copy.cache
    return start(copy, mutation.tests, cache, copy.folder / "report.txt", LIMIT_S)


def _restore(copy: Copy, mutation: Mutation) -> None:
    shutil.rmtree(copy.folder / "cache_of_mutation", ignore_errors=True)
    shutil.copy2(ROOT / mutation.path, copy.sources / mutation.path)


def _ended(running: Sequence[Run]) -> list[Run]:
    """Wait until one or more have ended or used their time up."""
    until_s = min(run.limit_s - run.seconds for run in running)
    wait([run.process.sentinel for run in running], timeout=max(0.0, until_s))
    return [run for run in running if not run.process.is_alive() or run.late]


def source_sha256(path: str) -> str:
    """Hash of a file of this checkout."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()


def read_results(files: Iterable[Path]) -> dict[tuple[str, str, str], Outcome]:
    """Read outcomes, but for those of files that have changed since, and of what survived: tests may have changed."""
    outcomes = {}
    for file in files:
        for record in json.loads(file.read_text(encoding="utf-8")):
            outcome = Outcome(**record)
            if outcome.source == source_sha256(outcome.path):
                if not outcome.survived:
                    outcomes[outcome.key] = outcome
            else:
                sys.stdout.write(f"{file}: {outcome.path} has changed since\n")
    return outcomes


def write_results(file: Path, outcomes: Iterable[Outcome]) -> None:
    """Write outcomes whole, or leave the file as it was."""
    new = file.with_name(file.name + ".new")
    text = json.dumps([asdict(outcome) for outcome in outcomes], indent=1)
    new.write_text(text, encoding="utf-8")
    new.replace(file)


def document(outcomes: Sequence[Outcome], listed: int) -> str:
    """Return the list as Markdown, a table for each file."""
    noticed = sum(outcome.test is not None for outcome in outcomes)
    left = sum(outcome.survived for outcome in outcomes)
    same = len(outcomes) - noticed - left
    missing = f" {listed - len(outcomes)} have not been run." if listed > len(outcomes) else ""
    text = HEAD + (
        f"{len(outcomes)} mutations: {noticed} noticed, {same} compute the same, {left} survived."
        f"{missing}\n"
    )
    for path in dict.fromkeys(outcome.path for outcome in outcomes):
        rows = "\n".join(outcome.row for outcome in outcomes if outcome.path == path)
        text += f"\n## {path}\n\n| before | after | noticed by |\n|---|---|---|\n{rows}\n"
    return text


def all_mutations() -> list[Mutation]:
    """Return the list, one entry for each change."""
    return [
        Mutation(group.path, before, after, group.tests, group.compiled)
        for group in GROUPS
        for before, after in group.changes
    ]


def part_of(mutations: Sequence[Mutation], part: str) -> list[Mutation]:
    """Return the part ``"K/N"``: every N-th, which mixes long and short ones."""
    number, parts = (int(text) for text in part.split("/"))
    if not 1 <= number <= parts:
        sys.exit(f"--part {part}: K/N with K from 1 to N is needed")
    return list(mutations[number - 1 :: parts])


def run_missing(
    mutations: Sequence[Mutation],
    known: dict[tuple[str, str, str], Outcome],
    jobs: int,
    file: Path | None,
) -> dict[tuple[str, str, str], Outcome]:
    """Run what is not known yet, ``jobs`` at a time, and return all outcomes."""
    missing = [mutation for mutation in mutations if mutation.key not in known]
    outcomes = dict(known)
    if not missing:
        return outcomes

    def tell(outcome: Outcome) -> None:
        outcomes[outcome.key] = outcome
        done = f"{len(outcomes) - len(known)}/{len(missing)}"
        sys.stdout.write(f"{done} {outcome.seconds:4.0f} s {outcome.path} {outcome.row}\n")
        sys.stdout.flush()
        if file:
            write_results(file, in_order(mutations, outcomes))

    with tempfile.TemporaryDirectory() as name:
        copies = [Copy(Path(name) / f"copy_{number}") for number in range(min(jobs, len(missing)))]
        for copy in copies:
            copy.fill()
        started = time.monotonic()
        check_unchanged(copies[0], missing, jobs)
        sys.stdout.write(f"{time.monotonic() - started:.0f} s without any mutation\n")
        for copy in copies[1:]:
            copy.take_kernels(copies[0])
        run_all(copies, missing, tell)
        sys.stdout.write(f"{time.monotonic() - started:.0f} s in all, {jobs} at a time\n")
    return outcomes


def in_order(
    mutations: Sequence[Mutation], outcomes: dict[tuple[str, str, str], Outcome]
) -> list[Outcome]:
    """Return the outcomes in the order of the list."""
    return [outcomes[mutation.key] for mutation in mutations if mutation.key in outcomes]


def main() -> int:
    """Apply every mutation, print and write the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", type=Path, nargs="?", help="where the list is written")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="mutations at a time")
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--part", default="1/1", help="K/N: the K-th of N parts of the list")
    parser.add_argument("--results", type=Path, help="JSON file that keeps what has been run")
    parser.add_argument(
        "--merge", type=Path, action="append", default=[], help="such a file, taken over"
    )
    given = parser.parse_args()
    listed = all_mutations()
    chosen = part_of([each for each in listed if given.only in each.path], given.part)
    kept = [given.results] if given.results and given.results.exists() else []
    outcomes = run_missing(chosen, read_results([*given.merge, *kept]), given.jobs, given.results)
    found = in_order(listed, outcomes)
    if given.document:
        given.document.write_text(document(found, len(listed)), encoding="utf-8")
    survived = sum(outcome.survived for outcome in found)
    sys.stdout.write(f"{len(found)} mutations, {survived} survived\n")
    return int(bool(survived))


if __name__ == "__main__":
    sys.exit(main())
