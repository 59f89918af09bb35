"""``l1distill train``: stages alone, and a search that goes on."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import L1Error, SettingsError
from emulator.model import load_model
from l1distill.cli.main import run
from l1distill.study.searching import objective_words
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[dict[str, Any]], Path]

SEARCH = {
    "trials": 2,
    "target_khz": 8000,
    "training": {"epochs": 1},
    "quantized_training": {"epochs": 1},
    "space": {"depth": 1, "widths": [2, 4], "inputs": {"jets": ["jet.pt"]}},
}


def called(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(list(words))
    return int(caught.value.code or 0)


def test_train_and_search_go_on(
    sample_files: None,
    content: dict[str, Any],
    write_study: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, folder = str(write_study({**content, "search": SEARCH})), tmp_path / "run"
    assert called("train", "teacher", study, "-o", str(folder)) == 0
    assert "loss" in capsys.readouterr().out
    assert called("train", "search", study, "-o", str(folder)) == 0
    out, err = capsys.readouterr()
    assert "2 trials finished" in out
    assert "no signal takes part" in out
    assert "teacher: epoch" not in err  # it came from its checkpoint
    assert called("train", "search", study, "-o", str(folder), "--trials", "3", "--json") == 0
    out, err = capsys.readouterr()
    assert err.count("  trial ") == 1
    front = json.loads(out)
    summary = json.loads((folder / "search" / "search.json").read_text(encoding="utf-8"))
    assert summary["front"] == front
    assert (summary["n_finished"], summary["judging_signals"]) == (3, ["A", "b+c"])
    for one in front:
        model = load_model(folder / "search" / "models" / f"trial_{one['number']:04d}.json")
        assert model.score == "score"
    assert len((folder / "search" / "trials.csv").read_text(encoding="utf-8").splitlines()) >= 2
    assert called("train", "student", study, "-o", str(folder)) == 0
    assert load_model(folder / "checkpoints" / "tiny_student.json").name == "tiny_student"


def test_tensorboard_follows_every_stage(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    study, run = str(write_study({**content, "search": SEARCH})), str(tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert called("train", "search", study, "-o", run, "--tensorboard", "--workers", "2") == 0
        assert called("train", "student", study, "-o", run, "--tensorboard") == 0
        from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

        found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "run" / "tensorboard"))
        found.Reload()
        curves = {name: sorted(tags["scalars"]) for name, tags in found.Runs().items()}
        trials = [one.step for one in found.Scalars("search", "search/luts")]
    losses = ["loss/training", "loss/validation"]
    assert {name: curves[name] for name in ("teacher", "float-student", "student")} == {
        "teacher": losses,
        "float-student": losses,
        "student": losses,
    }
    assert curves["search"] == ["search/agreement", "search/latency_ns", "search/luts"]
    assert len(set(trials)) == len(trials) >= 1


def test_teacher_and_student_may_be_trained_together(
    sample_files: None,
    content: dict[str, Any],
    write_study: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content["distillation"]["cotraining"] = {"head_start": 0, "student_epochs": 2}
    study, folder = str(write_study(content)), tmp_path / "run"
    assert called("train", "cotrain", study, "-o", str(folder)) == 2
    assert "mode is 'none'; give --mode joint or alternating" in capsys.readouterr().err
    assert called("train", "cotrain", study, "-o", str(folder), "--mode", "mutual") == 2
    assert "mode must be joint or alternating, got 'mutual'" in capsys.readouterr().err
    assert called("train", "cotrain", study, "-o", str(folder), "--mode", "alternating") == 0
    histories = json.loads((folder / "parts" / "training.json").read_text(encoding="utf-8"))
    assert [len(one["epochs"]) for one in histories] == [1, 2, 1]
    assert load_model(folder / "checkpoints" / "tiny_student.json").name == "tiny_student"


def test_tuning_signals_do_not_judge(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    search = {**SEARCH, "tuning_signals": ["A"]}
    study = str(write_study({**content, "search": search}))
    assert called("train", "search", study, "-o", str(tmp_path / "run")) == 0
    summary = json.loads((tmp_path / "run" / "search" / "search.json").read_text(encoding="utf-8"))
    assert (summary["tuning_signals"], summary["judging_signals"]) == (["A"], ["b+c"])
    assert "tuning signals A; they must not judge" in summary["objective"]
    assert "no signal takes part" in objective_words([])
    page = (tmp_path / "run" / "search" / "report.html").read_text(encoding="utf-8")
    assert "This search was TUNED on A: what its students keep of these is no result." in page
    assert "Only b+c may judge them." in page
    assert "Efficiency for the tuning signals" in page


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"tuning_signals": ["C"]}, "search.tuning_signals: there is no signal 'C'"),
        ({"tuning_signals": ["A", "b+c"]}, "at least one signal must be left to judge with"),
        ({"space": {"weight_bits": [8, 25]}}, r"search\.space: .*between 2 and 24, got 8 to 25"),
        ({"space": {"widths": [0]}}, r"search\.space: .*must be at least 1"),
    ],
)
def test_mistakes_have_their_place(
    search: dict[str, Any], message: str, content: dict[str, Any], write_study: Write
) -> None:
    with pytest.raises(L1Error, match=message) as caught:
        load_study(write_study({**content, "search": search}))
    assert isinstance(caught.value, SettingsError)
