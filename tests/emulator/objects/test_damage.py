"""Damaged files of every format: a clear error or correct data, in processes with limits.

A bit flipped inside a value that nothing protects gives another valid file, which no reader can tell from the
true one. Correct is then what that file says: a second reader that shares no code with the project
(`plain_reading`: text, uproot, pyarrow, h5py) must find exactly the same, number by number; else the case is
``wrong`` and the test fails. Where check sums stand, no file may be read with other values at all; `UNPROTECTED`
names each format in which nothing does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import damage
import pytest
from plain_reading import read_plainly

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(__file__).parents[2] / "support" / "damage.py"

#: Formats of others without check sums, or with some only, and why a flipped bit can be another value.
UNPROTECTED = {
    "ugt of others": "plain text: one hexadecimal digit is as good as another",
    "hdf5": "written without fletcher32",
    "parquet alone": "pages have CRCs; their headers and the footer have none",
    "parquet of others": "pages without CRC, as most writers leave them",
    "l1ntuple": "baskets that did not shrink are stored as they are, and metadata always are",
    "rntuple": "pages written without check sums (uproot does; ROOT writes them)",
}
PROTECTED = (
    *("l1nano", "parquet", "ugt", "ugt.xz", "ugt.gz", "hdf5 with check sums"),
    "parquet of others and sha256",
)


def run(folder: Path, cases: int, seed: int, *given: Path) -> list[dict[str, Any]]:
    pytest.importorskip("h5py")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(cases), str(seed), *map(str, given)],
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
        return bool(case["format"] == "ugt of others" and case["damage"] == "truncated")
    return bool(
        case["ended"] == "as stored"
        and case["format"] in UNPROTECTED
        and case["damage"] in {"flipped", "block"}
    )


def check(cases: list[dict[str, Any]]) -> Counter[str]:
    assert {case["format"] for case in cases} == {*UNPROTECTED, *PROTECTED}
    wrong = [case for case in cases if not allowed(case)]
    assert wrong == []
    changed = Counter(case["format"] for case in cases if case["ended"] == "as stored")
    assert [changed[name] for name in PROTECTED] == [0] * len(PROTECTED)
    return Counter(case["ended"] for case in cases)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("h5py")
    return damage.write_originals(tmp_path_factory.mktemp("originals"), 4)


@pytest.mark.parametrize("name", [*UNPROTECTED, *PROTECTED])
def test_the_second_reader_finds_the_same(originals: dict[str, Path], name: str) -> None:
    events, bits = read_plainly(originals[name])
    assert (events, bits) == damage._read(originals[name])
    assert len(events) == damage.ROWS
    assert any(event["mu"] or event["jet"] for event in events)


def test_the_second_reader_on_what_cms_wrote(reference_data: Path) -> None:
    (path,) = (reference_data / "l1ntuple").glob("*.root")
    assert read_plainly(path) == damage._read(path)
    for name in ("Collisions2024_v1_2_0_ttBar", "CollisionsPPRef2024_v1_0_0_data"):
        path = reference_data / "ugt" / f"L1Menu_{name}.txt.xz"
        assert read_plainly(path) == damage._read(path)


def test_a_reader_that_errs_is_told(
    originals: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number that the file does not hold, in one event of one format, is a failure."""
    path = originals["ugt of others"]
    original = damage._read(path)
    assert damage._ending(path, original) == ("equal", "")
    assert damage._ending(path, ([], []))[0] == "as stored"
    events, bits = damage._read(path)
    events[7]["etm"][0]["phi"] ^= 1
    monkeypatch.setattr(damage, "_read", lambda _: (events, bits))
    ended, message = damage._ending(path, original)
    assert ended == "wrong"
    assert message == "row 7: ['etm'] differ from what the second reader finds"
    assert not allowed({"ended": ended, "format": "ugt of others", "damage": "flipped"})


def test_damaged_files(tmp_path: Path) -> None:
    endings = check(run(tmp_path, 104, 1))
    assert sum(endings.values()) == 104
    assert endings["error"] > 40


@pytest.mark.deep
@pytest.mark.parametrize("seed", [2, 3])
def test_many_damaged_files(
    tmp_path: Path, seed: int, record_property: Callable[[str, int], None]
) -> None:
    """At least 500 cases over the formats, each in a process with limits of time and memory."""
    cases = run(tmp_path, 780, seed)
    for ended, number in check(cases).items():
        record_property(f"files ended {ended}", number)
    changed = Counter(case["format"] for case in cases if case["ended"] == "as stored")
    for name in (*PROTECTED, *UNPROTECTED):
        record_property(f"another valid file: {name}", changed[name])


@pytest.mark.deep
def test_many_damaged_copies_of_what_cms_wrote(
    tmp_path: Path, reference_data: Path, record_property: Callable[[str, int], None]
) -> None:
    """The newest layout of L1Ntuples as ROOT itself writes it, which no writer here can make."""
    (path,) = (reference_data / "l1ntuple").glob("*.root")
    cases = run(tmp_path, 600, 8, path)
    wrong = [case for case in cases if case["ended"] not in {"error", "equal", "as stored"}]
    assert wrong == []
    for ended, number in Counter(case["ended"] for case in cases).items():
        record_property(f"files ended {ended}", number)
