"""The page of results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import results
from l1distill.bench import BenchRecord, Figure, describe_machine, load_record
from tests.l1distill.bench.test_record import pytest_json

if TYPE_CHECKING:
    from pathlib import Path

RECORD = BenchRecord(
    "0123456789abcdef" + "+",
    "2026-01-01T00:00:00+00:00",
    {
        "cpu": "AMD EPYC",
        "key": "k",
        "processors": 2,
        "memory_gib": 24.0,
        "system": "Linux 6.1",
        "load": 0.5,
        "versions": {"python": "3.11.7", "numpy": "2.4.6"},
    },
    (
        Figure("one thread: test_engine[a, b]", 0.0123, "s"),
        Figure(
            "one thread: test_engine[a, b], million_events_per_second", 66.7, "M events/s", "higher"
        ),
        Figure("one thread: test_engine[a, b], fraction_of_issue_limit", 0.537, "of issue limit"),
        Figure("one thread: test_other", 2e-6, "s"),
        Figure("one thread: test_other, fraction_of_issue_limit", 0.00123, "of issue limit"),
        Figure("one thread: test_other, seconds_to_start", 2.5, "s"),
        Figure("test_alone", 3.0, "s", note="a compiler"),
        Figure("engine, cost", 400.0, "units"),
    ),
)


def test_page() -> None:
    page = results.render(RECORD)
    for line in (
        "| commit | `0123456789ab` |",
        "| processor | AMD EPYC, 2 usable |",
        "| versions | python 3.11.7, numpy 2.4.6 |",
    ):
        assert f"\n{line}\n" in page
    assert page.endswith(
        """
## one thread

| benchmark | median time | M events/s | fraction of issue limit | seconds to start |
|---|---:|---:|---:|---:|
| engine[a, b] | 12.3 ms | 66.7 | 54 % |  |
| other | 2 µs |  | 0.12 % | 2.5 s |

## Other

| benchmark | median time | no limit, since it is | units |
|---|---:|---:|---:|
| alone | 3 s | a compiler |  |
| engine, cost |  |  | 400 |
"""
    )


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr("sys.argv", ["results", *map(str, words)])
    results.run()


def test_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(pytest_json()))
    page, history = tmp_path / "R.md", tmp_path / "history"
    run(monkeypatch, path, "-o", page, "--history", history)
    assert "| a | 250 ms | 4 |" in page.read_text()
    (kept,) = history.iterdir()
    assert kept.name == "abababababab.json"
    record = load_record(kept)
    assert record.key == describe_machine().key
    assert record.commit == "ab" * 20 + "+"


def test_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, tmp_path / "none.json", "-o", tmp_path / "R.md", "--history", tmp_path)
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith("none.json: no such benchmark record\n")
    assert not (tmp_path / "R.md").exists()
