"""The quick study trained anew: tolerances from measured trainings, and the study held to them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.reference import __main__ as program
from benchmarks.reference import retraining
from benchmarks.reference.retraining import (
    figures_of,
    load_accepted,
    load_results,
    moved,
    sample_hashes,
    tolerance,
    tolerances,
)
from l1distill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


def results(efficiencies: dict[str, float], rate_khz: float = 5.0) -> dict[str, Any]:
    """What a run says of its emulated student at 5 kHz, and of its teacher."""
    return {
        "versions": {"torch": "2"},
        "samples": [{"name": "A4l", "role": "signal", "sha256": "ab"}],
        "working_points": [
            {"model": "emulator", "target_khz": 5.0, "threshold": 700, "rate_khz": rate_khz},
            {"model": "teacher", "target_khz": 5.0, "threshold": 7, "rate_khz": 9.0},
        ],
        "efficiencies": [
            {"model": model, "signal": name, "target_khz": 5.0, "efficiency": value}
            for name, kept in efficiencies.items()
            for model, value in (("emulator", kept), ("teacher", 0.4))
        ],
    }


def test_figures() -> None:
    found = figures_of(results({"A4l": 0.2, "LQbtau": 0.05, "none": 0.0}))
    assert found.pop("5 kHz / kept of the teacher's") == pytest.approx(0.25)
    assert found == {
        "5 kHz / efficiency A4l": 0.2,
        "5 kHz / efficiency LQbtau": 0.05,
        "5 kHz / efficiency none": 0.0,
        "5 kHz / rate_khz": 5.0,
        "5 kHz / threshold": 700,
    }


def test_the_interval_is_that_of_one_more_value() -> None:
    # Student's t at 99.5 % for four degrees of freedom is 4.604.
    values = [math.exp(step) for step in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found = tolerance(values, figures=1)
    assert math.log(found.mean) == pytest.approx(3.0)
    assert found.spread == pytest.approx(2.5**0.5)
    assert math.log(found.high) - 3.0 == pytest.approx(4.604 * (2.5 * 1.2) ** 0.5, rel=1e-3)
    assert tolerance(values, figures=20).high > found.high
    accepted = {"figures": {"a": values, "never": [0.0, 0.1, 0.2, 0.3, 0.4]}}
    assert tolerances(accepted) == {"a": found}


def test_a_moved_figure_is_told_in_a_sentence() -> None:
    accepted = {
        "figures": {
            "5 kHz / efficiency A4l": [0.20, 0.21, 0.22, 0.19, 0.20],
            "5 kHz / kept of the teacher's": [0.5, 0.52, 0.55, 0.48, 0.5],
            "5 kHz / rate_khz": [5.0, 5.1, 4.9, 5.0, 5.2],
            "5 kHz / threshold": [700, 710, 690, 705, 700],
        }
    }
    assert moved(results({"A4l": 0.21}), accepted) == []
    sentences = moved(results({"A4l": 0.07}), accepted)
    assert sentences[0].startswith("5 kHz / efficiency A4l: 0.07, expected 0.1")
    assert sentences[1].startswith("5 kHz / kept of the teacher's: 0.175, expected 0.3")
    (sentence,) = moved(results({"A4l": 0.2, "LQbtau": 0.1}), accepted)
    assert sentence == "other figures than accepted: ['5 kHz / efficiency LQbtau']"


def test_accepted_trainings_tell_a_lost_student() -> None:
    """A student that keeps half of what students keep is out of tolerance."""
    accepted = load_accepted()
    assert len(accepted["seeds"]) == len(set(accepted["seeds"])) >= 5
    assert {len(values) for values in accepted["figures"].values()} == {len(accepted["seeds"])}
    limits = tolerances(accepted)["10 kHz / kept of the teacher's"]
    assert limits.holds(limits.mean)
    assert not limits.holds(limits.mean / 2)


def test_accepting_runs_seeds_and_logs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The study itself is not run here; which runs are asked for, and what is written, is."""
    asked = []

    def run_study(study: Any, folder: Path, *, jobs: int) -> None:
        asked.append((study.seed, study.samples.files is None, folder.name, jobs))
        folder.mkdir(parents=True)
        text = json.dumps(results({"A4l": 0.2 + 0.01 * len(asked)}))
        (folder / "results.json").write_text(text)

    monkeypatch.setattr(retraining, "run_study", run_study)
    for name, path in (("ACCEPTED", "retrained.json"), ("CHANGES", "CHANGES.md")):
        monkeypatch.setattr(program, name, tmp_path / path)
    words = ["accept-retrained", "--why", "test", "--seeds", "5", "--folder", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["reference", *words])
    with pytest.raises(SystemExit) as left:
        program.run()
    assert left.value.code == 0
    assert asked[0] == (2026, True, "own", 2)
    assert asked[1:] == [(seed, False, str(seed), 2) for seed in range(2027, 2031)]
    accepted = json.loads((tmp_path / "retrained.json").read_text())
    assert accepted["seeds"] == list(range(2026, 2031))
    assert accepted["figures"]["5 kHz / efficiency A4l"] == pytest.approx(
        [0.21, 0.22, 0.23, 0.24, 0.25]
    )
    assert "retrained: test" in (tmp_path / "CHANGES.md").read_text()
    line = "5 kHz / efficiency A4l: mean 0.2296, spread 7 %, accepted from "
    assert line in capsys.readouterr().out


@pytest.mark.deep
def test_a_retrained_study_keeps_what_it_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(SystemExit) as left:
        run(["study", str(retraining.STUDY), "-o", str(folder), "-j", "2"])
    assert left.value.code == 0
    found = load_results(folder)
    assert [each["n_mismatch"] for each in found["comparisons"]] == [0, 0]
    accepted = load_accepted()
    again = "make accept-retrained WHY='...'"
    assert sample_hashes(found) == accepted["samples"], f"other samples; if that is right: {again}"
    sentences = moved(found, accepted)
    assert not sentences, "\n".join([f"if that is right: {again}", *sentences])
