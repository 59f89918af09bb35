"""The commands of docs/tutorial.md, run as they stand there on L1Ntuples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from damage import some_events, write_l1ntuple

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


def run(command: list[str] | str, folder: Path) -> str:
    """Run a command as a reader does, with this project's program; return what it printed."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    words = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else command
    ended = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the tutorial names."""
    rng = np.random.default_rng(17)
    for name, n, mean_pt in (("zerobias", 20_000, 12.0), ("signal", 500, 40.0)):
        events = some_events(rng, n, mean_pt=mean_pt)
        jets = np.asarray([max(each, default=0) / 2 for each in events["jet", "pt"].tolist()])
        write_l1ntuple(
            tmp_path / f"{name}.root",
            events,
            event={"nPV_True": rng.uniform(35, 65, n).astype(np.float32)},
            generator={"jetPt": (jets * rng.normal(1, 0.1, n)).astype(np.float32)},
        )
    model = ROOT / "benchmarks" / "reference" / "models" / "distilled_57_32_16_1.json"
    assert "benchmarks/reference/models/distilled_57_32_16_1.json" in TUTORIAL
    shutil.copy(model, tmp_path / "student.json")
    return tmp_path


def test_the_tutorial(folder: Path) -> None:
    commands = blocks("sh")
    assert len(commands) == 5
    said = [run(command, folder) for command in commands]
    assert "20000 entries" in said[0].replace(",", "") or "20000" in said[0].replace(",", "")
    assert len(pd.read_parquet(folder / "scores.parquet")) == 20_000
    points = pd.read_parquet(folder / "rates" / "working_points.parquet")
    assert {"HTT", "MET", "third muon"} < set(points["model"])
    assert set(points["target_khz"]) == {10.0, 100.0}
    assert (points["setting_rate_khz"] <= points["target_khz"]).all()
    assert "on top of the menu, at fixed pure rates:" in said[3]
    groups = pd.read_csv(folder / "rates_by" / "rates_in_groups.csv")
    piled = groups[groups["quantity"] == "pile-up"]
    assert piled["low_edge"].tolist() == [0.0, 45.0, 55.0]
    assert piled["n_total"].sum() == 10_000, "the half that measures"
    turn_on = pd.read_csv(folder / "rates_by" / "turn_ons.csv")
    assert set(turn_on["signal"]) == {"mine"}
    assert turn_on["n_total"].sum() > 400
    (code,) = blocks("python")
    assert "pure_khz" in run([sys.executable, "-c", code], folder)


def test_the_tutorial_starts_on_a_real_file(reference_data: Path, folder: Path) -> None:
    shutil.copy(
        reference_data / "l1ntuple" / "cms_l1ntuple_run3mc_1ev.root", folder / "zerobias.root"
    )
    inspect, emulate = (run(command, folder) for command in blocks("sh")[:2])
    assert "l1UpgradeTree/L1UpgradeTree" in inspect
    assert "1 crossing" in emulate
    assert len(pd.read_parquet(folder / "scores.parquet")) == 1
