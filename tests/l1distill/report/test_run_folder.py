"""Reading a run folder, and what is said of one that is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import InputFileError
from l1distill.report.run_folder import RunResults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_roles_come_from_kinds(made_run: Path) -> None:
    run = RunResults.load(made_run)
    assert (run.student, run.teacher) == ("emulator", "teacher")
    assert run.networks == ["teacher", "float student", "quantized student", "emulator"]
    assert run.baselines[0] == "HTT"
    assert run.targets_khz == [1.0, 5.0, 10.0]
    assert run.signals == ["A to 4l", "HV Zprime"]
    assert run.is_simulation


def test_given_files_are_not_called_simulation(run_folder: Path) -> None:
    text = "samples:\n  generate: null\n  files:\n    training: [a.root]\n"
    (run_folder / "study.yaml").write_text(text, encoding="utf-8")
    assert not RunResults.load(run_folder).is_simulation
    (run_folder / "study.yaml").write_text("samples: [", encoding="utf-8")
    assert not RunResults.load(run_folder).is_simulation


def test_scores_stand_for_values(made_run: Path) -> None:
    run = RunResults.load(made_run)
    assert float(run.score_values("emulator", 24)) == 1.5  # type: ignore[arg-type]
    assert float(run.score_values("HTT", 24)) == 24.0  # type: ignore[arg-type]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is no run folder; give the folder"):
        RunResults.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("results.json", r"results\.json: no results to report; run the study again"),
        ("tables/rate_curves.csv", r"rate_curves\.csv: no such table; run the study again"),
        ("tables/efficiency_curves.csv", r"efficiency_curves\.csv: no such table"),
    ],
)
def test_missing_file_says_what_to_do(run_folder: Path, file: str, message: str) -> None:
    (run_folder / file).unlink()
    with pytest.raises(InputFileError, match=message):
        RunResults.load(run_folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("results.json", "{", "is damaged"),
        ("results.json", "[]", "is of schema None"),
        ("results.json", '{"schema": "l1distill-results/9"}', "is of schema 'l1distill-results/9'"),
        ("results.json", '{"schema": "l1distill-results/1"}', "does not name its study"),
        ("manifest.json", "[]", "is no manifest"),
        ("tables/rate_curves.csv", "", "cannot be read as a table"),
        ("tables/rate_curves.csv", "model,threshold\n", "lacks the columns rate_khz, error_khz"),
        (
            "tables/rate_curves.csv",
            "model,threshold,rate_khz,error_khz\na,1,much,2\n",
            "holds text for a number",
        ),
        ("scores/measuring.parquet", "PAR1", "cannot be read as scores"),
    ],
)
def test_damaged_file_is_refused(run_folder: Path, file: str, content: str, message: str) -> None:
    (run_folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(InputFileError, match=message):
        RunResults.load(run_folder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scenario": {"name": "x"}}, "'scenario' lacks sqrt_s_tev"),
        ({"working_points": None}, "has no list 'working_points'"),
        ({"efficiencies": [{"signal": "x"}]}, "'efficiencies' lacks model"),
        ({"comparisons": {"with": "csim"}}, "has no list 'comparisons'"),
        ({"caveats": [1]}, "holds 'caveats' in a form that is not known"),
        ({"training": ["teacher"]}, "holds 'training' in a form that is not known"),
    ],
)
def test_results_of_another_form_are_refused(
    change: Callable[..., RunResults], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputFileError, match=message):
        change(**values)


def test_signal_called_na_keeps_its_name(run_folder: Path) -> None:
    for name in ("results.json", "tables/efficiency_curves.csv"):
        path = run_folder / name
        path.write_text(path.read_text("utf-8").replace("HV Zprime", "NA"), encoding="utf-8")
    run = RunResults.load(run_folder)
    assert set(run.efficiency_curves["signal"]) == set(run.signals) == {"A to 4l", "NA"}


def test_unknown_model_of_a_working_point_is_a_network(
    change: Callable[..., RunResults], run_folder: Path
) -> None:
    points = json.loads((run_folder / "results.json").read_text("utf-8"))["working_points"]
    run = change(models=[], working_points=points)
    assert run.kinds["emulator"] == "network"
    assert run.kinds["HTT"] == "baseline"
