"""Damaged files of every format: a clear error or correct data, in processes with limits.

A bit flipped inside a value that nothing protects gives another value, which no reader can tell. So
`changed` is accepted for the formats and damages where that can be, and for no other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(__file__).parents[2] / "support" / "damage.py"

#: Formats whose values nothing protects, or only some: a plain text, HDF5 without check sums, Parquet
#: pages of other writers, and ROOT baskets that are stored as they are or compressed with zstd.
UNPROTECTED = {"ugt", "hdf5", "parquet of others", "l1nano", "l1ntuple", "rntuple"}


def run(folder: Path, cases: int, seed: int) -> list[dict[str, Any]]:
    pytest.importorskip("h5py")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(cases), str(seed)],
        env={
            "PYTHONPATH": f"{root}:{PROGRAM.parent}",
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def allowed(case: dict[str, Any]) -> bool:
    """Tell whether a case may end as it did."""
    if case["ended"] in {"error", "equal"}:
        return True
    if case["ended"] == "shorter":
        # A plain text that is cut between two lines holds fewer crossings, and inspect says so.
        return bool(case["format"] == "ugt" and case["damage"] == "truncated")
    return bool(
        case["ended"] == "changed"
        and case["format"] in UNPROTECTED
        and case["damage"] in {"flipped", "block"}
    )


def check(cases: list[dict[str, Any]]) -> Counter[str]:
    wrong = [case for case in cases if not allowed(case)]
    assert wrong == []
    return Counter(case["ended"] for case in cases)


def test_damaged_files(tmp_path: Path) -> None:
    endings = check(run(tmp_path, 78, 1))
    assert sum(endings.values()) == 78
    assert endings["error"] > 40


@pytest.mark.deep
@pytest.mark.parametrize("seed", [2, 3])
def test_many_damaged_files(
    tmp_path: Path, seed: int, record_property: Callable[[str, int], None]
) -> None:
    endings = check(run(tmp_path, 600, seed))
    for ended, number in endings.items():
        record_property(f"files ended {ended}", number)
