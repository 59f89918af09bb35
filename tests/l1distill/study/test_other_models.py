"""Networks that a study rates beside its student."""

from __future__ import annotations

import json
import os
import runpy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from small_samples import make_small_model

from emulator.engine import evaluate_rows
from emulator.errors import SettingsError
from emulator.features import feature_rows
from emulator.fixed import to_float
from emulator.model import load_model, save_model
from l1distill.cli.main import run
from l1distill.emulation import chunks_of_events
from l1distill.score_table import ScoreTable
from l1distill.study.other_models import other_models
from l1distill.study.pipeline import planned, run_study
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[dict[str, Any]], Path]

SCRIPT = Path(__file__).resolve().parents[3] / "studies" / "hgq2_student.py"


def called(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(list(words))
    return int(caught.value.code or 0)


def test_a_model_is_rated_compared_and_shown_beside_the_student(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    model = make_small_model()
    save_model(model, tmp_path / "given.json")
    study = load_study(write_study({**content, "models": {"other": "given.json"}}))
    folder = tmp_path / "run"
    assert run_study(study, folder, jobs=1).equal
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    # Its scores are those of the plain-Python reference.
    (events,) = chunks_of_events([tmp_path / "measuring.root"])
    expected = evaluate_rows(model.graph, feature_rows(events, model.layout))["score"][:, 0]
    scored = ScoreTable.read(folder / "scores" / "measuring.parquet").scores
    np.testing.assert_array_equal(scored["other"], expected)
    targets = study.rates.targets_khz
    points = [one for one in results["working_points"] if one["model"] == "other"]
    assert [one["target_khz"] for one in points] == targets
    kept = [one["signal"] for one in results["efficiencies"] if one["model"] == "other"]
    assert sorted(set(kept)) == ["A", "b+c"]
    assert {(one["model"], one["reference"]) for one in results["paired"]} == {
        ("emulator", "teacher"),
        ("other", "teacher"),
        ("other", "emulator"),
    }
    (compared,) = (one for one in results["comparisons"] if one.get("model") == "other")
    assert (compared["with"], compared["n_events"], compared["n_mismatch"]) == ("reference", 300, 0)
    (shown,) = (one for one in results["models"] if one["name"] == "other")
    assert shown["sha256"] == model.network_sha256
    assert shown["luts_estimate"] > 0
    thresholds = load_model(folder / shown["model_file"]).thresholds
    reached = {one["target_khz"]: one["threshold"] for one in points if one["reached"]}
    assert {one.target_khz: one.threshold for one in thresholds} == reached
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "The engine running other and the plain-Python reference agree" in page
    assert "How do other networks do beside it?" in page
    # Another network in the file is another study from scoring on, and only from there.
    save_model(make_small_model(bias=9), tmp_path / "given.json")
    states = planned(study, folder)
    assert states["training"] == "up to date"
    assert states["scoring"] == states["comparison"] == "would run"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("teacher", "a model cannot be called 'teacher', which is in every study already"),
        ("HTT", "a model cannot be called 'HTT'"),
        ("tiny_student", "models.tiny_student: the student is called so"),
        ("a/b", "models.a/b"),
    ],
)
def test_names_are_free(
    name: str, sentence: str, content: dict[str, Any], write_study: Write
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load_study(write_study({**content, "models": {name: "given.json"}}))


def test_files_are_read_before_anything_runs(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    study = load_study(write_study({**content, "models": {"other": "given.json"}}))
    with pytest.raises(SettingsError, match=r"models\.other: .*given\.json"):
        planned(study, tmp_path / "run")
    model = make_small_model()
    save_model(
        replace(model, layout=replace(model.layout, order="readout")), tmp_path / "given.json"
    )
    with pytest.raises(SettingsError, match=r"in the order 'readout', the study's layout 'pt'"):
        other_models(study)


def test_a_student_of_hgq2_learns_the_lesson_and_comes_back_exactly(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    """The example of docs/hgq2.md, on a lesson of a few hundred crossings."""
    os.environ["KERAS_BACKEND"] = "torch"
    study, folder = write_study(content), tmp_path / "run"
    assert called("train", "lesson", str(study), "-o", str(folder)) == 0
    keras_file, model_file = tmp_path / "student.keras", tmp_path / "hgq2.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
        pytest.importorskip("hgq.layers")
        main = runpy.run_path(str(SCRIPT))["main"]
        small = ("--widths", "2", "--epochs", "2")
        main([str(folder / "lesson.npz"), str(keras_file), *small])
        words = ("--scaling", str(folder / "lesson_scaling.yaml"), "--events", "500", "-j", "1")
        assert called("model", "import", str(keras_file), *words, "-o", str(model_file)) == 0
        trained = keras.models.load_model(keras_file)
        with np.load(folder / "lesson.npz", allow_pickle=False) as lesson:
            rows, inputs = lesson["rows"], lesson["inputs"]
            assert len(rows) == len(lesson["targets"]) == 240
        expected = np.asarray(trained.predict(inputs, verbose=0))[:, 0]
    model = load_model(model_file)
    raws = evaluate_rows(model.graph, rows)[model.score][:, 0]
    np.testing.assert_array_equal(to_float(raws, model.graph[model.score].format), expected)
    assert len(set(raws.tolist())) > 20
    study = write_study({**content, "models": {"hgq2": model_file.name}})
    assert list(other_models(load_study(study))) == ["hgq2"]
