"""``l1distill bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1distill.bench import BenchRecord, Figure, save_record

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused


def write(path: Path, value: float, key: str = "one") -> Path:
    figures = (Figure("engine", value, "units"), Figure("other", 1.0, "s"))
    save_record(BenchRecord("c" * 40, "2026-01-01", {"key": key}, figures), path)
    return path


def test_table(program: Program, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.json", 400.0), write(tmp_path / "b.json", 500.0)
    ended = program("bench", "compare", first, second)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "A: commit cccccccccccc, 2026-01-01, one"
    assert lines[2].split() == ["figure", "unit", "A", "B", "B", "/", "A"]
    assert lines[3].split() == ["engine", "units", "400", "500", "1.25", "worse"]
    assert lines[4].split() == ["other", "s", "1", "1", "1", "level"]
    assert lines[5] == "2 figures: 0 better, 1 worse, 1 level, 0 only in one"


def test_only_what_changed(program: Program, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.json", 400.0), write(tmp_path / "b.json", 300.0)
    lines = program("bench", "compare", first, second, "--changed").out.splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["engine", "2"]
    assert lines[-1] == "2 figures: 1 better, 0 worse, 1 level, 0 only in one"


def test_other_machines_are_told(program: Program, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.json", 1.0), write(tmp_path / "b.json", 1.0, "two")
    assert "note: not the same kind of machine" in program("bench", "compare", first, second).out


def test_json(program: Program, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.json", 400.0), write(tmp_path / "b.json", 300.0)
    found = program("bench", "compare", first, second, "--json").json
    assert [record["machine"] for record in found["records"]] == ["one", "one"]
    assert found["counts"] == {"better": 1, "level": 1}
    assert found["figures"][0]["ratio"] == 0.75
    assert found["figures"][0]["verdict"] == "better"


def test_refused(refused: Refused, tmp_path: Path) -> None:
    good = write(tmp_path / "a.json", 1.0)
    bad = tmp_path / "b.json"
    bad.write_text("no")
    assert "b.json: is no benchmark record" in refused("bench", "compare", good, bad)
    assert "c.json: no such benchmark record" in refused(
        "bench", "compare", tmp_path / "c.json", good
    )
