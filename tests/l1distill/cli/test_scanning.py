"""``l1distill scan`` and the scan file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from browser import faults_at
from small_samples import make_small_model

from emulator.errors import InputFileError, SettingsError
from emulator.model import save_model
from l1distill.baselines import BASELINES
from l1distill.scan_file import load_scan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.l1distill.cli.conftest import Program, Refused
    from tests.l1distill.conftest import WriteSample

SCENARIO = {
    "name": "small",
    "sqrt_s_tev": 13.6,
    "n_bunches": 1,
    "pileup": 60.0,
    "inelastic_mb": 78.58,
    "inelastic_source": "test",
}


@pytest.fixture
def scan_file(tmp_path: Path, model_file: Path, write_sample: WriteSample) -> Path:
    """A scan of two models and an object on four small files."""
    save_model(make_small_model("other", bias=-20), tmp_path / "other.json")
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        write_sample(f"{name}.root", 400, seed)
    write_sample("signal.root", 100, 4, boost=3)
    content = {
        "schema": "l1distill-scan/1",
        "models": [model_file.name, "other.json"],
        "objects": {"HTT": "htt[0].pt"},
        "targets_khz": [0.5, 1],
        "reference": "HTT",
        "menu": "menu.yaml",
        "by": ["run", "jet=Events/L1Jet_pt:0,20,40,500"],
        "turn_on": ["jet=Events/L1Jet_pt:0,20,40,500"],
        "bootstrap": {"replicas": 40},
        "retries": {"tries": 1},
        "conditions": {
            "pu60": {
                "scenario": SCENARIO,
                "setting": ["a.root", "b.root"],
                "measuring": ["c.root"],
                "signals": {"A4l": ["signal.root"]},
            }
        },
    }
    menu = {
        "schema": "l1distill-menu/1",
        "seeds": {
            "L1_HTT": {"expression": "HTT150"},
            "L1_Jet": {"expression": "JET60", "prescale": 2.5},
            "ML": {"threshold": "tight", "model": "small", "prescale": 0},
        },
    }
    (tmp_path / "menu.yaml").write_text(yaml.safe_dump(menu))
    path = tmp_path / "scan.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def changed(path: Path, **changes: Any) -> Path:
    """Change keys at the top of a scan file; ``None`` takes one out."""
    content = yaml.safe_load(path.read_text()) | changes
    path.write_text(
        yaml.safe_dump({key: part for key, part in content.items() if part is not None})
    )
    return path


def test_a_scan(program: Program, scan_file: Path, tmp_path: Path) -> None:
    ended = program("scan", scan_file, "-o", tmp_path / "run", "-j", 1)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("4 files worked on in ")
    assert sum(line.split()[:2] == ["small", "pu60"] for line in ended.out.splitlines()) == 2
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [each["name"] for each in results["models"]] == ["small", "other"]
    assert len(results["working_points"]) == len(results["efficiencies"]) == 6
    assert len(results["comparisons"]) == 4
    assert results["conditions"][0]["scenario"]["n_bunches"] == 1
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Which are worth their LUTs at 1" in page
    pareto = json.loads((tmp_path / "run" / "plots" / "pareto_pu60_A4l.json").read_text())
    assert [each["model"] for each in pareto["points"]] == ["small", "other"]
    best = max(each["efficiency"] for each in pareto["points"])
    for each in pareto["points"]:
        assert each["on_front"] == (each["efficiency"] == best), "both cost the same"
    assert results["prescales"] == {"L1_HTT": 1, "L1_Jet": "5/2", "ML": 0}
    assert [each["seed"] for each in results["seeds"]] == ["L1_HTT", "L1_Jet", "ML", "any seed"]
    assert len(results["pure_efficiencies"]) == 6
    assert {each["quantity"] for each in results["rates_in_groups"]} == {"run", "jet"}
    assert {each["model"] for each in results["turn_ons"]} == {"small", "other", "HTT"}
    assert page.count("<img") == 4, "a front, rates by run and jet, a turn-on"
    for width in (390, 1280):
        assert faults_at(tmp_path / "run" / "report.html", tmp_path, width=width) == []
    tables = {path.name for path in (tmp_path / "run" / "tables").iterdir()}
    assert {"working_points.csv", "working_points.parquet", "lost.csv"} <= tables
    points = pd.read_parquet(tmp_path / "run" / "tables" / "working_points.parquet")
    assert points["condition"].tolist() == ["pu60"] * 6
    assert points["threshold"].tolist() == [each["threshold"] for each in results["working_points"]]


def test_a_killed_scan_goes_on_to_the_same_file(
    program: Program, scan_file: Path, tmp_path: Path
) -> None:
    whole = program("scan", scan_file, "-o", tmp_path / "whole", "-j", 1, "--json")
    code = "from l1distill.cli.main import run; run()"
    command = [sys.executable, "-c", code, "scan", scan_file, "-o", tmp_path / "run", "-j", "1"]
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(tmp_path.glob("run/pieces/[0-9]*.npz")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert process.returncode != 0, "killed before it ended"
    assert 1 <= len(list(tmp_path.glob("run/pieces/[0-9]*.npz"))) < 4
    resumed = program("scan", scan_file, "-o", tmp_path / "run", "--resume", "-j", 1, "--json")
    assert resumed.json == whole.json
    ours, theirs = ((tmp_path / name / "results.json").read_bytes() for name in ("run", "whole"))
    assert ours == theirs


def test_lost_files_are_said(program: Program, scan_file: Path, tmp_path: Path) -> None:
    (tmp_path / "b.root").write_bytes(b"")
    ended = program("scan", scan_file, "-o", tmp_path / "run", "-j", 1)
    assert ended.code == 2
    assert "b.root: the file is empty (0 bytes); finished files are kept" in ended.err
    assert not (tmp_path / "run" / "results.json").exists()
    changed(scan_file, unreadable="skip")
    ended = program("scan", scan_file, "-o", tmp_path / "run", "--resume", "-j", 1)
    assert ended.code == 0, ended.err
    assert "not read: pu60/setting: " in ended.out
    assert (
        "1 of 2 files are missing; their events are in no numerator and no denominator" in ended.out
    )


def test_duplicates_are_said(program: Program, scan_file: Path, tmp_path: Path) -> None:
    (tmp_path / "b.root").write_bytes((tmp_path / "a.root").read_bytes())
    ended = program("scan", scan_file, "-o", tmp_path / "run", "-j", 1)
    assert "note: pu60/setting: 400 crossings come more than once" in ended.out


def test_a_folder_with_a_scan_is_refused(
    program: Program, refused: Refused, scan_file: Path, tmp_path: Path
) -> None:
    program("scan", scan_file, "-o", tmp_path / "run", "-j", 1)
    sentence = refused("scan", scan_file, "-o", tmp_path / "run", "-j", 1)
    assert "holds a scan; go on with --resume" in sentence
    sentence = refused("scan", scan_file, "-o", tmp_path / "x", "--engine", "dask")
    assert "needs the address of a scheduler" in sentence


def test_the_baselines_are_scanned_if_no_objects_are_given(scan_file: Path) -> None:
    plan = load_scan(changed(scan_file, objects=None, reference="small"))
    assert tuple(plan.counting.objects) == tuple(BASELINES)
    assert load_scan(changed(scan_file, objects={})).counting.objects == {}


def test_paths_are_relative_to_the_scan_file(scan_file: Path, tmp_path: Path) -> None:
    plan = load_scan(changed(scan_file, cache="decoded"))
    assert plan.conditions[0].samples["measuring"] == (str(tmp_path / "c.root"),)
    assert plan.counting.cache == str(tmp_path / "decoded")


def test_patterns_and_addresses_of_files(scan_file: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(scan_file.read_text())["conditions"]["pu60"]
    content |= {"setting": ["[ab].root"], "measuring": ["root://eos.example//store/c.root"]}
    plan = load_scan(changed(scan_file, conditions={"pu60": content}))
    samples = plan.conditions[0].samples
    assert samples["setting"] == (str(tmp_path / "a.root"), str(tmp_path / "b.root"))
    assert samples["measuring"] == ("root://eos.example//store/c.root",)
    content["setting"] = ["none*.root"]
    with pytest.raises(InputFileError, match=r"none\*\.root: no file matches this pattern"):
        load_scan(changed(scan_file, conditions={"pu60": content}))


def test_large_files_are_cut(scan_file: Path, tmp_path: Path) -> None:
    size_mb = (tmp_path / "a.root").stat().st_size / 1e6
    plan = load_scan(changed(scan_file, piece_mb=size_mb / 2.5))
    parts = plan.conditions[0].parts
    assert parts[str(tmp_path / "a.root")] == 3
    assert sum(piece.path.endswith("a.root") for piece in plan.pieces()) == 3
    assert load_scan(changed(scan_file, piece_mb=None)).conditions[0].parts == {}


CONDITION = {"scenario": "run3", "setting": ["a.root"], "measuring": ["b.root"]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"modles": []}, "modles: is no key that is known here; nearest: models"),
        ({"models": None}, "models: is missing"),
        ({"models": []}, "models: list should have at least 1 item"),
        ({"models": ["small.json", "small.json"]}, "another model is called 'small' too"),
        ({"schema": "x"}, "schema: input should be 'l1distill-scan/1', found 'x'"),
        ({"objects": {"HTT": "htt"}}, "objects.HTT: write an object as 'jet[0].pt', not 'htt'"),
        ({"objects": {"X": "jet[12].pt"}}, "slot 12 of 'jet'"),
        ({"objects": {"X": "jett[0].pt"}}, "no object 'jett'; nearest: jet"),
        ({"objects": {"small": "jet[0].pt"}}, "objects: 'small' is the name of a model"),
        ({"by": ["runs"]}, "by: a quantity is run, lumi or NAME=TREE/BRANCH:EDGE,EDGE"),
        ({"turn_on": ["run", "run"]}, "turn_on: two quantities are called 'run'"),
        ({"reference": "none"}, "reference: 'none' is none of small, other, HTT"),
        ({"targets_khz": [0]}, "targets_khz.0: input should be greater than 0, found 0"),
        ({"targets_khz": [12]}, "targets_khz: at most the 11.2 kHz of crossings in 'pu60'"),
        ({"unreadable": "ignore"}, "unreadable: input should be 'fail' or 'skip'"),
        ({"bootstrap": {"replica": 3}}, "bootstrap.replica: is no key that is known here"),
        ({"retries": {"tries": 0}}, "retries.tries: input should be greater than or equal to 1"),
        ({"cache": "scan.yaml/decoded"}, "scan.yaml is a file"),
        ({"cache": "small.json"}, "small.json must be a folder, and it is a file"),
        ({"conditions": {}}, "conditions: dictionary should have at least 1 item"),
        (
            {"conditions": {"pu60": {**CONDITION, "signal": {}}}},
            "conditions.pu60.signal: is no key that is known here; nearest: signals",
        ),
        (
            {"conditions": {"pu60": {**CONDITION, "signals": {"setting": ["x"]}}}},
            "a signal cannot be called 'setting'",
        ),
        (
            {"conditions": {"pu60": {**CONDITION, "scenario": "run9"}}},
            "conditions.pu60.scenario: packaged scenarios: no scenario 'run9'",
        ),
    ],
)
def test_scan_files_that_are_refused(
    scan_file: Path, changes: dict[str, Any], sentence: str
) -> None:
    changed(scan_file, **changes)
    with pytest.raises((SettingsError, InputFileError)) as caught:
        load_scan(scan_file)
    assert str(caught.value).startswith(f"{scan_file}: ")
    assert sentence in str(caught.value)


def test_missing_files_of_a_scan(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such scan file"):
        load_scan(tmp_path / "none.yaml")
    with pytest.raises(InputFileError, match=r"none\.yaml: no such menu file"):
        load_scan(changed(scan_file, menu="none.yaml"))
    with pytest.raises(InputFileError, match=r"none\.json: no such model file"):
        load_scan(changed(scan_file, models=["none.json"]))
