"""The study on real zero bias, run on a small data set of the same schema."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from public_data_set import tables, write_zenodo
from rich.console import Console

from emulator.errors import InputFileError, SettingsError
from l1distill.console import Reporter
from l1distill.score_table import ScoreTable
from l1distill.study.pipeline import planned, run_study
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from l1distill.study.settings import Study

STUDIES = Path(__file__).resolve().parents[3] / "studies"

TRAINING = {"epochs": 1, "batch_size": 64}


def small(content: dict[str, Any]) -> dict[str, Any]:
    """The study as it stands, with less to do."""
    content["distillation"] = {
        "n_crossings": 200,
        "teacher": {"widths": [8, 3, 8], "training": TRAINING},
        "student": {
            "name": "tiny",
            "widths": [4],
            "training": TRAINING,
            "quantized_training": TRAINING,
        },
    }
    content["rates"] = {"targets_khz": [2000, 8000], "replicas": 20}
    content["comparison"] = {"against": ["reference"], "n_crossings": 50}
    return content


def zero_bias(folder: Path, run: int, rows: int, seed: int) -> None:
    """Zero bias of a run; every tenth crossing is of another one."""
    parts = tables(rows, seed=seed)
    info = parts["event_info"]
    runs = pa.array([run if place % 10 else 1 for place in range(rows)], pa.uint32())
    place = info.column_names.index("run")
    parts["event_info"] = info.set_column(place, "run", runs)
    write_zenodo(folder, parts)


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The study, shrunk, beside a small data set where the study expects the real one."""
    data = tmp_path / "data" / "anomaly_detection_cmsl1t"
    for seed, (run, split) in enumerate(((396102, "train"), (398183, "valid"), (398183, "test"))):
        zero_bias(data / "zerobias" / str(run) / split, run, 300, seed)
    content = small(yaml.safe_load((STUDIES / "zerobias_parquet.yaml").read_text()))
    for seed, name in enumerate(content["samples"]["files"]["signals"]):
        write_zenodo(data / "signal" / name, tables(40, seed=10 + seed, simulation=True))
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / "zerobias_parquet.yaml"
    path.write_text(yaml.safe_dump(content))
    shutil.copy(STUDIES / "zerobias_lumi_sections.json", path.parent)
    return path


def lumis(folder: Path) -> list[int]:
    """Sections of the crossings of a run that are not of the odd one."""
    info = pa.concat_tables(
        pq.read_table(each) for each in sorted((folder / "event_info").iterdir())
    )
    pairs = zip(info["run"].to_pylist(), info["lumi"].to_pylist(), strict=True)
    return [lumi for run, lumi in pairs if run != 1]


def run(study: Study, folder: Path) -> None:
    reporter = Reporter(Console(file=io.StringIO()))
    outcome = run_study(study, folder, jobs=1, reporter=reporter)
    assert outcome.equal


def test_the_study_as_it_stands_is_valid() -> None:
    study = load_study(STUDIES / "zerobias_parquet.yaml")
    assert study.samples.files is not None
    assert study.samples.files.runs == {
        "training": [396102],
        "setting": [398183],
        "measuring": [398183],
    }
    with pytest.raises(InputFileError, match="samples"):
        planned(study, Path("nowhere"))


def test_runs_on_the_schema_of_the_data_set(study_file: Path, tmp_path: Path) -> None:
    mask = study_file.parent / "zerobias_lumi_sections.json"
    mask.write_text(json.dumps({"396102": [[1, 9999]], "398183": [[1, 400]]}))
    folder = tmp_path / "run"
    run(load_study(study_file), folder)
    data = tmp_path / "data" / "anomaly_detection_cmsl1t" / "zerobias"
    for role, split in (("setting", "valid"), ("measuring", "test")):
        table = ScoreTable.read(folder / "scores" / f"{role}.parquet")
        expected = [lumi for lumi in lumis(data / "398183" / split) if lumi <= 400]
        assert table.identity["lumi"].tolist() == expected
        assert set(table.identity["run"].tolist()) == {398183}
    samples = json.loads((folder / "parts" / "samples.json").read_text())
    counts = {record["name"]: record["n_crossings"] for record in samples}
    assert counts["training"] == 270
    assert counts["setting"] == len([lumi for lumi in lumis(data / "398183/valid") if lumi <= 400])
    assert counts["haa-4b-ma15"] == 40
    results = json.loads((folder / "results.json").read_text())
    assert results["scenario"]["n_bunches"] == 2340
    assert {each["signal"] for each in results["efficiencies"]} == {
        "GluGluHTo2B_Par-MH-125",
        "VBFHto2Tau_Par-MH-125",
        "haa-4b-ma15",
    }
    assert [each["n_events"] for each in results["comparisons"] if each["with"] == "reference"] == [
        50
    ]
    # Another mask is another study.
    assert set(planned(load_study(study_file), folder).values()) == {"up to date"}
    mask.write_text(json.dumps({"396102": [[1, 100]], "398183": [[1, 9999]]}))
    assert planned(load_study(study_file), folder)["samples"] == "would run"


def test_roles_may_share_a_file_if_their_runs_differ(study_file: Path) -> None:
    content = yaml.safe_load(study_file.read_text())
    files = content["samples"]["files"]
    files["setting"] = files["training"]
    study_file.write_text(yaml.safe_dump(content))
    load_study(study_file)
    for runs in (
        {**files["runs"], "setting": [398183, 396102]},
        {"training": [396102]},
        {},
    ):
        content["samples"]["files"]["runs"] = runs
        study_file.write_text(yaml.safe_dump(content))
        with pytest.raises(SettingsError, match="is given twice; zero-bias sets must not share"):
            load_study(study_file)


def test_a_mask_that_is_none_is_refused(study_file: Path, tmp_path: Path) -> None:
    mask = study_file.parent / "zerobias_lumi_sections.json"
    mask.write_text("[]")
    with pytest.raises(InputFileError, match="is no lumi-section mask"):
        planned(load_study(study_file), tmp_path / "run")
    mask.write_text(json.dumps({"396102": [[9998, 9999]]}))
    with pytest.raises(SettingsError, match=r"training: none of the 300 crossings"):
        run_study(load_study(study_file), tmp_path / "run", jobs=1)
