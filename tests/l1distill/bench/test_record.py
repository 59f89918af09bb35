"""Records of figures, ours and pytest-benchmark's."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import InputFileError
from l1distill.bench import (
    BenchRecord,
    Figure,
    compare_records,
    describe_machine,
    load_record,
    save_record,
)
from l1distill.bench.record import current_commit, new_record

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = (Figure("engine", 400.0, "units", note="why"), Figure("rate", 5e6, "events/s", "higher"))


def test_round_trip(tmp_path: Path) -> None:
    record = new_record(describe_machine(), FIGURES)
    save_record(record, tmp_path / "a.json")
    assert load_record(tmp_path / "a.json") == record


def test_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_commit() == "unknown"
    author = ("-c", "user.name=n", "-c", "user.email=e")
    (tmp_path / "file").write_text("1")
    for words in (("init", "-q"), ("add", "file"), (*author, "commit", "-qm", "m")):
        subprocess.run(["git", *words], check=True)
    clean = current_commit()
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert current_commit() == clean + "+"


def test_side_by_side() -> None:
    first = BenchRecord("a", "", {}, (*FIGURES, Figure("old", 1.0, "s"), Figure("unit", 1.0, "s")))
    second = BenchRecord(
        "b",
        "",
        {},
        (
            Figure("rate", 4e6, "events/s", "higher"),
            Figure("engine", 420.0, "units"),
            Figure("unit", 1.0, "ms"),
            Figure("new", 2.0, "s"),
        ),
    )
    found = {pair.name: (pair.ratio, pair.verdict) for pair in compare_records(first, second)}
    assert found == {
        "engine": (1.05, "level"),
        "rate": (0.8, "worse"),
        "old": (None, "only in one"),
        "unit": (None, "only in one"),
        "new": (None, "only in one"),
    }


def pytest_json(**changes: Any) -> dict[str, Any]:
    """A file of pytest-benchmark with the parts that are read."""
    return {
        "machine_info": {
            "cpu": {"brand_raw": "AMD EPYC", "count": 2},
            "machine": "x86_64",
            "system": "Linux",
            "release": "6.1",
            "python_version": "3.11.2",
        },
        "commit_info": {"id": "ab" * 20, "dirty": True},
        "datetime": "2026-01-01T00:00:00+00:00",
        "benchmarks": [
            {
                "group": "engine",
                "name": "test_a",
                "stats": {"median": 0.25},
                "extra_info": {"million_events_per_second": 4.0, "note": "text", "n": 3},
            },
            {
                "group": None,
                "name": "test_b",
                "stats": {"median": 2},
                "extra_info": {"no_limit": "it waits"},
            },
        ],
        **changes,
    }


def test_pytest_benchmark(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps(pytest_json()))
    record = load_record(path)
    assert record.commit == "ab" * 20 + "+"
    assert record.key == "AMD EPYC"
    assert record.figures == (
        Figure("engine: test_a", 0.25, "s"),
        Figure("engine: test_a, million_events_per_second", 4.0, "M events/s", "higher"),
        Figure("test_b", 2.0, "s", note="it waits"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no benchmark record, no JSON"),
        ("[1]", "is neither a benchmark record (l1distill-bench/1) nor JSON of pytest-benchmark"),
        ('{"schema": "l1distill-bench/2"}', "is neither a benchmark record"),
        ('{"schema": "l1distill-bench/1"}', "damaged benchmark record: it lacks 'commit'"),
        (json.dumps(pytest_json(benchmarks=[{"name": "x"}])), "damaged benchmark record"),
        (json.dumps(pytest_json(machine_info=None)), "damaged benchmark record"),
    ],
)
def test_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputFileError) as raised:
        load_record(path)
    assert str(raised.value).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    "figure",
    [
        {"name": "x", "value": 0, "unit": "s"},
        {"name": "x", "value": "1", "unit": "s"},
        {"name": "x", "value": float("nan"), "unit": "s"},
        {"name": "x", "value": float("inf"), "unit": "s"},
        {"name": "x", "value": 1, "unit": "s", "better": "more"},
        {"name": "x", "value": 1},
        {"name": "x", "value": 1, "unit": "s", "other": 2},
        [],
    ],
)
def test_damaged_figures(tmp_path: Path, figure: object) -> None:
    plain = {"schema": "l1distill-bench/1", "commit": "a", "date": "d", "machine": {}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**plain, "figures": [figure]}))
    with pytest.raises(InputFileError, match="damaged benchmark record"):
        load_record(path)


def test_a_figure_that_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_record(BenchRecord("a", "d", {}, (*FIGURES, FIGURES[0])), path)
    with pytest.raises(InputFileError, match="figure 'engine' is there twice"):
        load_record(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such benchmark record"):
        load_record(tmp_path / "none.json")
    with pytest.raises(InputFileError, match="is a folder"):
        load_record(tmp_path)
