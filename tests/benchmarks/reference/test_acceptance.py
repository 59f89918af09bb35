"""Accepting a new reference, and the program that does it."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.reference import __main__ as program
from benchmarks.reference import load_expected
from benchmarks.reference.acceptance import accept
from emulator.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

OLD = {"fires": 40, "ebops": 10}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    return {"expected": tmp_path / "expected.json", "log": tmp_path / "CHANGES.md"}


def test_the_log_says_what_changed_by_how_much_and_why(files: dict[str, Any]) -> None:
    accept({}, OLD, why="first", **files)
    accept(OLD, {**OLD, "fires": 41}, why="a  rounding\n was wrong", **files)
    assert json.loads(files["expected"].read_text()) == {"fires": 41, "ebops": 10}
    log = files["log"].read_text()
    assert log.startswith("# Accepted changes of the reference\n")
    assert "2 facts, the first reference." in log
    assert ": a rounding was wrong\n\n1 fact changed.\n" in log
    assert log.endswith("```\nwhat   old  new  change\nfires   40   41  +2.5 %\n```\n")


def test_nothing_changed_writes_nothing(files: dict[str, Any]) -> None:
    assert accept(OLD, OLD, why="no reason", **files) == ()
    assert not files["expected"].exists()
    assert not files["log"].exists()


def test_the_log_may_tell_a_summary(files: dict[str, Any]) -> None:
    accept({}, OLD, why="first", told=({"mean": 2}, {"mean": 3}), **files)
    assert json.loads(files["expected"].read_text()) == OLD
    assert files["log"].read_text().endswith("mean    2    3   +50 %\n```\n")


def test_a_reason_is_needed(files: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="say why the reference changes"):
        accept({}, OLD, why=" \n", **files)
    assert not files["expected"].exists()


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["reference", *words])
    with pytest.raises(SystemExit) as left:
        program.run()
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Facts as accepted, but for one rate."""
    facts = deepcopy(load_expected())
    facts["models"]["distilled_57_32_16_1"]["at fixed rate"]["1 kHz"]["fires"] += 1
    monkeypatch.setattr(program, "compute_facts", lambda: facts)
    return facts


@pytest.mark.usefixtures("moved")
def test_check_fails_with_a_readable_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "check") == 1
    title, line = capsys.readouterr().out.splitlines()
    assert title.split() == ["what", "old", "new", "change"]
    assert line.startswith("models / distilled_57_32_16_1 / at fixed rate / 1 kHz / fires   ")
    assert line.endswith("  28   29  +3.57 %")


def test_check_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(program, "compute_facts", load_expected)
    assert run(monkeypatch, "check") == 0
    assert capsys.readouterr().out == "every fact is as accepted\n"


def test_accept_writes(
    monkeypatch: pytest.MonkeyPatch, moved: dict[str, Any], files: dict[str, Any]
) -> None:
    monkeypatch.setattr(program, "EXPECTED", files["expected"])
    monkeypatch.setattr(program, "CHANGES", files["log"])
    assert run(monkeypatch, "accept", "--why", "test", "--crossings", "2") == 0
    assert json.loads(files["expected"].read_text()) == moved
    assert "+3.57 %" in files["log"].read_text()


def test_without_a_reason_nothing_is_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "accept") == 2
    assert capsys.readouterr().err == "reference: Missing option '--why'.\n"


def test_a_mismatch_is_never_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], files: dict[str, Any]
) -> None:
    class Wrong:
        n_mismatch = 3
        n_events = 7

    monkeypatch.setattr(program, "compare", lambda *_: (Wrong,))
    monkeypatch.setattr(program, "EXPECTED", files["expected"])
    assert run(monkeypatch, "accept", "--why", "test") == 1
    assert "engine and reference differ on 3 of 7 crossings; nothing is accepted" in (
        capsys.readouterr().err
    )
    assert not files["expected"].exists()
