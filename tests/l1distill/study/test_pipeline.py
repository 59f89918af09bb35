"""The pipeline: what runs, what is skipped, what is refused; and one whole study."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import firmware.compare
from emulator.errors import InputFileError, SettingsError
from emulator.model import load_model
from l1distill.cli.main import run as run_program
from l1distill.console import Reporter
from l1distill.study import pipeline
from l1distill.study.manifest import Manifest
from l1distill.study.pipeline import STAGES, planned, run_study
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from firmware.compare import Comparison
    from l1distill.study.context import Context
    from l1distill.study.settings import Study
    from tests.l1distill.conftest import WriteSample

NAMES = [stage.name for stage in STAGES]


class Cheap:
    """Stages that write one small file each; they note their runs and can be made to fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failing: str | None = None
        self.content: dict[str, str] = {}
        self.mismatches = 0

    def stage(self, name: str) -> Callable[[Context], list[Path]]:
        """Return what takes the place of a stage."""

        def run(context: Context) -> list[Path]:
            self.ran.append(name)
            context.run.parts.mkdir(parents=True, exist_ok=True)
            path = context.run.part(name)
            path.write_text(self.content.get(name, name), encoding="utf-8")
            if name == self.failing:
                msg = f"{name} cannot go on"
                raise SettingsError(msg)
            return [path, *self.records(context, name)]

        return run

    def records(self, context: Context, name: str) -> list[Path]:
        """The two parts that a study's outcome is read from."""
        record = {"n_events": 300, "n_mismatch": 0}
        if name == "scoring":
            path, text = context.run.part("export"), json.dumps(record)
        elif name == "comparison":
            record["n_mismatch"] = self.mismatches
            path, text = context.run.part("comparisons"), json.dumps([record])
        else:
            return []
        path.write_text(text, encoding="utf-8")
        return [path]

    def taken(self) -> list[str]:
        """What ran since the last call."""
        ran, self.ran = self.ran, []
        return ran


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Cheap:
    """Put cheap stages, with the true dependencies, in the place of the real ones."""
    stages = Cheap()
    replaced = tuple(dataclasses.replace(stage, run=stages.stage(stage.name)) for stage in STAGES)
    monkeypatch.setattr(pipeline, "STAGES", replaced)
    return stages


def silent() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def up_to_date(study: Study, folder: Path) -> list[str]:
    return [name for name, state in planned(study, folder).items() if state == "up to date"]


@pytest.fixture
def finished(cheap: Cheap, study: Study, tmp_path: Path) -> Path:
    """A run folder in which every stage has run."""
    folder = tmp_path / "run"
    assert planned(study, folder)["samples"] == "would run"
    outcome = run_study(study, folder, reporter=silent())
    assert cheap.taken() == NAMES
    assert (outcome.n_compared, outcome.n_mismatch, outcome.equal) == (300, 0, True)
    return folder


def test_nothing_runs_twice(cheap: Cheap, study: Study, finished: Path) -> None:
    assert up_to_date(study, finished) == NAMES
    reporter = silent()
    assert run_study(study, finished, reporter=reporter).equal
    assert cheap.taken() == []
    file = reporter.console.file
    assert isinstance(file, io.StringIO)
    assert file.getvalue().splitlines() == [f"{name}: up to date" for name in NAMES]


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        (("seed",), 4, ["samples", "training", "rating"]),
        (("scenario",), "run2", ["samples", "rating", "anatomy", "report"]),
        (("distillation", "n_crossings"), 200, ["training"]),
        (("rates", "replicas"), 30, ["scoring", "rating", "anatomy", "report"]),
        (("comparison", "clock_period_ns"), 2.5, ["comparison"]),
    ],
)
def test_a_changed_section_runs_its_stages(
    cheap: Cheap,
    content: dict[str, Any],
    finished: Path,
    write_study: Callable[[dict[str, Any]], Path],
    where: tuple[str, ...],
    value: object,
    expected: list[str],
) -> None:
    place = content
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    changed = load_study(write_study(content))
    run_study(changed, finished, reporter=silent())
    assert cheap.taken() == expected
    assert up_to_date(changed, finished) == NAMES


def test_other_outputs_run_what_needs_them(cheap: Cheap, study: Study, finished: Path) -> None:
    cheap.content["training"] = "another network"
    (finished / "parts" / "training.json").unlink()
    plan = planned(study, finished)
    assert plan["samples"] == "up to date"
    assert plan["training"] == "would run"
    assert plan["rating"] == "would run (after training, scoring)"
    run_study(study, finished, reporter=silent())
    # Rating too, though the scores are the same: it writes the network's model file.
    assert cheap.taken() == [
        *("training", "scoring", "rating", "anatomy", "comparison"),
        "report",
    ]


def test_the_same_outputs_run_nothing_more(cheap: Cheap, study: Study, finished: Path) -> None:
    (finished / "parts" / "training.json").write_text("damaged", encoding="utf-8")
    run_study(study, finished, reporter=silent())
    assert cheap.taken() == ["training"]


def test_other_code_runs_everything(
    cheap: Cheap, study: Study, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "sources_sha256", lambda: "other code")
    assert up_to_date(study, finished) == []
    run_study(study, finished, reporter=silent())
    assert cheap.taken() == NAMES


def test_a_changed_sample_runs_the_samples(
    cheap: Cheap, study: Study, finished: Path, write_sample: WriteSample
) -> None:
    write_sample("measuring.root", 299, 3)
    run_study(study, finished, reporter=silent())
    assert cheap.taken() == ["samples"]


def test_a_changed_layout_file_runs_the_training(
    cheap: Cheap,
    content: dict[str, Any],
    sample_files: None,
    tmp_path: Path,
    write_study: Callable[[dict[str, Any]], Path],
) -> None:
    layout = tmp_path / "mine.yaml"
    text = "name: mine\nera: {pt: %s}\nblocks:\n  - {object: jet, slots: 2, fields: [pt]}\n"
    layout.write_text(text % "hardware", encoding="utf-8")
    study = load_study(write_study({**content, "layout": "mine.yaml"}))
    run_study(study, tmp_path / "run", reporter=silent())
    assert cheap.taken() == NAMES
    layout.write_text(text % "halved", encoding="utf-8")
    run_study(study, tmp_path / "run", reporter=silent())
    assert cheap.taken() == ["training"]


def test_a_failing_stage_leaves_no_state(cheap: Cheap, study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cheap.failing = "scoring"
    with pytest.raises(SettingsError, match="scoring cannot go on"):
        run_study(study, folder, reporter=silent())
    assert cheap.taken() == ["samples", "training", "scoring"]
    assert list(Manifest.load(folder).stages) == ["samples", "training"]
    cheap.failing = None
    run_study(study, folder, reporter=silent())
    assert cheap.taken() == ["scoring", "rating", "anatomy", "comparison", "report"]


def test_a_dry_run_touches_nothing(cheap: Cheap, study: Study, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    plan = planned(study, tmp_path / "run")
    assert list(plan) == NAMES
    assert plan["report"].startswith("would run (after samples, training")
    assert sorted(tmp_path.rglob("*")) == before
    assert cheap.taken() == []


def test_the_folder_of_another_study_is_refused(
    cheap: Cheap,
    content: dict[str, Any],
    finished: Path,
    write_study: Callable[[dict[str, Any]], Path],
) -> None:
    other = load_study(write_study({**content, "name": "other"}))
    kept = (finished / "study.yaml").read_bytes()
    for action in (planned, run_study):
        with pytest.raises(SettingsError, match="holds study 'tiny', not 'other'; give another f"):
            action(other, finished)
    assert (finished / "study.yaml").read_bytes() == kept
    assert cheap.taken() == []


def test_a_file_is_no_run_folder(cheap: Cheap, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "training.root"
    kept = path.read_bytes()
    with pytest.raises(InputFileError, match="is a file; a study needs a run folder"):
        run_study(study, path)
    assert path.read_bytes() == kept


def test_a_damaged_manifest_stops_the_study(cheap: Cheap, study: Study, finished: Path) -> None:
    (finished / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputFileError, match="is damaged"):
        run_study(study, finished)
    assert cheap.taken() == []


def test_a_missing_sample_is_refused_before_anything_is_made(
    cheap: Cheap, study: Study, tmp_path: Path
) -> None:
    (tmp_path / "b.root").unlink()
    for action in (planned, run_study):
        with pytest.raises(InputFileError, match=r"b\.root: no such sample file; the study names"):
            action(study, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_study_as_used_is_kept(study: Study, finished: Path) -> None:
    assert load_study(finished / "study.yaml") == study


def test_a_mismatch_is_no_success(
    cheap: Cheap,
    study: Study,
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cheap.mismatches = 2
    (finished / "parts" / "comparisons.json").unlink()
    assert not run_study(study, finished, reporter=silent()).equal
    with pytest.raises(SystemExit) as left:
        run_program(["study", str(tmp_path / "study.yaml"), "-o", str(finished)])
    assert left.value.code == 1
    assert "2 mismatches in 300 crossings" in capsys.readouterr().out


def corrupted(
    against: Callable[..., Comparison],
) -> Callable[..., Comparison]:
    """Compare with an engine whose first score is one count too high."""

    def compare(graph: Any, rows: Any, engine: Any, other: Any, **options: Any) -> Comparison:
        class Wrong:
            def run(self, rows: Any) -> Any:
                found = {name: values.copy() for name, values in engine.run(rows).items()}
                for values in found.values():
                    values[0] += 1
                return found

            def trace(self, rows: Any) -> Any:
                return engine.trace(rows)

        return against(graph, rows, Wrong(), other, **options)

    return compare


def test_a_whole_study(
    sample_files: None,
    content: dict[str, Any],
    write_study: Callable[[dict[str, Any]], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From given files to the report; again; another student's name; and a wrong engine."""
    folder = tmp_path / "run"

    def program() -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            run_program(["study", str(tmp_path / "study.yaml"), "-o", str(folder), "-j", "1"])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, captured.out, captured.err

    write_study(content)
    code, out, err = program()
    assert code == 0, err
    assert "0 mismatches in 300 crossings" in out
    check_results(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    assert (folder / "report.html").stat().st_size > 10_000
    assert not (folder / "mismatches.json").exists()
    thresholds = {
        each.name: each for each in load_model(folder / "models/tiny_student.json").thresholds
    }
    assert set(thresholds) <= {"2000kHz", "8000kHz"}
    assert thresholds["8000kHz"].scenario == "run3"
    assert thresholds["8000kHz"].target_khz == 8000
    assert not [path for path in folder.rglob("*") if ".tmp" in path.name]

    bring_reports(folder, tmp_path / "project")
    code, out, err = program()
    assert code == 0
    assert err.splitlines() == [f"{name}: up to date" for name in NAMES]

    content["distillation"]["student"]["name"] = "renamed"
    write_study(content)
    code, out, err = program()
    assert code == 0, err
    assert load_model(folder / "models/renamed.json").name == "renamed"

    monkeypatch.setattr(
        firmware.compare, "compare_executions", corrupted(firmware.compare.compare_executions)
    )
    (folder / "parts" / "comparisons.json").unlink()
    code, out, err = program()
    assert code == 1
    assert "1 mismatches in 300 crossings" in out
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert [each["n_mismatch"] for each in results["comparisons"]] == [1]
    assert (folder / "mismatches.json").is_file()


def bring_reports(folder: Path, project: Path) -> None:
    """Bring what a simulator would have said of the student into its run, by the command."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    network = next(each["sha256"] for each in results["models"] if each["name"] == "emulator")
    project.mkdir()
    summary = {"network_sha256": network, "strategy": "Latency", "clock_period_ns": 5}
    (project / "l1distill.json").write_text(json.dumps(summary), encoding="utf-8")
    cosim = "Cosimulation\n|Verilog|Pass|8|8|9|1|1|1|100|\n"
    (project / "x_cosim.rpt").write_text(cosim, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        run_program(["firmware", "reports", str(project), "--run", str(folder)])
    assert left.value.code == 0
    page = (folder / "report.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "(latency, 5 ns clock): 45.0 ns (co-simulation)." in page


def check_results(results: dict[str, Any]) -> None:
    """What the contract promises to tools."""
    assert results["schema"] == "l1distill-results/1"
    (comparison,) = results["comparisons"]
    assert (comparison["with"], comparison["n_events"], comparison["n_mismatch"]) == (
        "reference",
        300,
        0,
    )
    assert results["scenario"].items() >= {"sqrt_s_tev": 13.6, "n_bunches": 2340}.items()
    assert {"pileup", "inelastic_mb"} <= results["scenario"].keys()
    models = {each["name"]: each for each in results["models"]}
    networks = ["teacher", "float student", "quantized student", "emulator"]
    assert list(models)[:4] == networks
    assert "HTT" in models
    for each in models.values():
        assert {"kind", "sha256", "ebops", "luts_estimate", "latency_ns_estimate"} <= each.keys()
    assert len(models["emulator"]["sha256"]) == 64
    points = {(each["model"], each["target_khz"]): each for each in results["working_points"]}
    assert set(points) == {(name, target) for name in models for target in (2000.0, 8000.0)}
    for each in points.values():
        assert {"threshold", "rate_khz", "error_naive_khz", "error_khz"} <= each.keys()
        assert each["setting_rate_khz"] <= each["target_khz"]
    efficiencies = {
        (each["signal"], each["model"], each["target_khz"]): each
        for each in results["efficiencies"]
    }
    assert set(efficiencies) == {(signal, *key) for signal in ("A", "b+c") for key in points}
    for each in efficiencies.values():
        assert 0 <= each["low"] <= each["efficiency"] <= each["high"] <= 1
        assert each["denominator"] == "all crossings in the files"
