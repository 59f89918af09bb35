"""The speed gate's program, on costs that are given; and the real gate, which catches a slowed engine."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import reference, speed
from emulator.model import load_model
from l1distill.bench import Cost, Subject, Verdict, describe_machine, judge, load_record, measure
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.engine import KernelName


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["speed", *words])
    with pytest.raises(SystemExit) as left:
        speed.run()
    assert isinstance(left.value.code, int)
    return left.value.code


def cost(name: str, units: float) -> Cost:
    return Cost(name, units, 1e6, 0.5, 0.01)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """Costs that measurements find, and a reference of this machine: a 100, b 200."""
    found = {"a": 100.0, "b": 200.0}

    def fake_measure(subject: Subject) -> Cost:
        return cost(subject.name, found[subject.name])

    def fake_judge(subject: Subject, accepted: float | None) -> Verdict:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("l1distill.bench.gate.measure", fake_measure)
            return judge(subject, accepted, pause_seconds=0)

    monkeypatch.setattr(speed, "subjects", lambda: [Subject(each, list, 1) for each in found])
    monkeypatch.setattr(speed, "measure", fake_measure)
    monkeypatch.setattr(speed, "judge", fake_judge)
    monkeypatch.setattr(speed, "SPEED", tmp_path / "speed.json")
    monkeypatch.setattr(reference, "CHANGES", tmp_path / "CHANGES.md")
    monkeypatch.chdir(tmp_path)
    return found


def test_gate(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    costs: dict[str, float],
    tmp_path: Path,
) -> None:
    assert run(monkeypatch, "check") == 0, "without a reference nothing fails"
    assert "recorded, not gated" in capsys.readouterr().out
    assert run(monkeypatch, "accept", "--why", "first") == 0
    machines = json.loads((tmp_path / "speed.json").read_text())["machines"]
    assert machines == {describe_machine().key: {"a": 100.0, "b": 200.0}}

    capsys.readouterr()
    costs["a"] = 125.0
    assert run(monkeypatch, "check", "--record", "record.json") == 0, "a warning"
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["a", "125", "100", "+25", "%", "1", "4", "warn"]
    figures = {figure.name: figure.value for figure in load_record("record.json").figures}
    assert (figures["a, cost"], figures["b, rate"]) == (125.0, 1e6)

    costs["b"] = 270.0
    assert run(monkeypatch, "check") == 1
    assert run(monkeypatch, "repeat", "--times", "3") == 0
    assert "3 of 3 runs failed" in capsys.readouterr().out

    assert run(monkeypatch, "accept", "--why", "more exact") == 0
    assert run(monkeypatch, "check") == 0
    log = (tmp_path / "CHANGES.md").read_text()
    assert "speed: more exact" in log
    assert "+35 %" in log


@pytest.mark.usefixtures("costs")
def test_another_machine_keeps_its_reference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "speed.json"
    path.write_text(json.dumps({"machines": {"other": {"a": 7.0}}}))
    assert run(monkeypatch, "check") == 0
    assert run(monkeypatch, "accept", "--why", "first here") == 0
    machines = json.loads(path.read_text())["machines"]
    assert machines["other"] == {"a": 7.0}
    assert set(machines) == {"other", describe_machine().key}


def test_a_reason_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "accept") == 2
    assert "Missing option '--why'" in capsys.readouterr().err


def test_the_work_is_the_work_that_is_named() -> None:
    named = {subject.name: subject for subject in speed.subjects()}
    for path in reference.model_files():
        model = load_model(path)
        subject = named.pop(f"engine {path.stem}")
        rows = reference.rows_of(model, "measuring")[: subject.n_events]
        assert len(rows) == speed.N_ROWS
        expected = Scorer(model, threads=2).scores_of_rows(rows)
        np.testing.assert_array_equal(subject.work(), expected)
    events = reference.sample("measuring")
    results: dict[str, Any] = {name: subject.work() for name, subject in named.items()}
    assert list(results) == ["features", "counts with 200 replicas", "read NanoAOD"]
    assert results["features"].shape == (len(events), 57)
    assert results["counts with 200 replicas"].total.entries == len(events)
    assert len(results["read NanoAOD"]) == len(events)
    assert {subject.n_events for subject in named.values()} == {len(events)}


def test_a_slower_kernel_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The real clock, engine and program: by the kernel of 32-bit tiles the same scores cost more."""
    name = "engine distilled_57_32_16_1"
    for attribute, path in (("SPEED", "speed.json"), ("RECORDS", "records")):
        monkeypatch.setattr(speed, attribute, tmp_path / path)
    monkeypatch.setattr(reference, "CHANGES", tmp_path / "CHANGES.md")
    monkeypatch.setattr("time.sleep", lambda _: None)

    def engine_alone(kernel: KernelName | None = None) -> list[Subject]:
        model = load_model(reference.FOLDER / "models" / "distilled_57_32_16_1.json")
        rows = reference.rows_of(model, "measuring")[: speed.N_ROWS]
        scorer = Scorer(model, threads=1, kernel=kernel)
        return [speed.engine_subject("distilled_57_32_16_1", scorer, rows)]

    monkeypatch.setattr(speed, "subjects", engine_alone)
    assert run(monkeypatch, "accept", "--why", "test") == 0
    assert run(monkeypatch, "check") == 0
    capsys.readouterr()
    monkeypatch.setattr(speed, "subjects", partial(engine_alone, "tiles32"))
    assert run(monkeypatch, "check") == 1
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[-1] == "fail"
    assert name in line


@pytest.mark.deep
def test_a_slowed_engine_fails() -> None:
    """The real clock and engine: unchanged it passes, with 60 % more work it fails."""
    subject = speed.subjects()[0]
    accepted = sorted(measure(subject).units_per_million for _ in range(5))[2]
    assert judge(subject, accepted).outcome != "fail"
    calls = [0]

    def slowed() -> None:
        calls[0] += 1
        for _ in range(1 + (calls[0] % 5 < 3)):
            subject.work()

    verdict = judge(Subject("slowed", slowed, subject.n_events), accepted)
    assert verdict.outcome == "fail"
    assert verdict.attempts == 4
