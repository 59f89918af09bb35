"""The commands of docs/ci.md, run as they stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "benchmarks" / "reference"
DOCUMENT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def workflow() -> dict[str, str]:
    """Commands of the workflow by the name of their step."""
    (text,) = blocks("yaml")
    steps = yaml.safe_load(text)["jobs"]["check"]["steps"]
    return {step["name"]: step["run"] for step in steps if "run" in step}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The files that the document names, of the committed reference."""
    copies = {
        "student.json": "models/distilled_57_32_16_1.json",
        "zerobias.root": "samples/zerobias_train.root",
        "signal_A4l.root": "samples/signal_A4l.root",
    }
    for name, source in copies.items():
        assert name in DOCUMENT
        shutil.copy(REFERENCE / source, tmp_path / name)
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell of a CI does, with this project's program."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_document(repository: Path) -> None:
    (write,) = blocks("sh")
    # The network is compiled once here, by the check.
    ended = run(f"{write.strip()} --csim no", repository)
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads((repository / "expectation.json").read_text())["speed"]) == 1

    steps = workflow()
    assert list(steps) == ["install", "model file", "bits, rates, speed"]
    assert steps.pop("install").startswith("pip install 'l1distill[")
    for command in steps.values():
        # How fast this machine is just now is no property of the code.
        ended = run(command.replace("l1distill check", "l1distill check --no-speed"), repository)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "engine and csim: 0 mismatches in 725 crossings" in ended.stdout
    assert ended.stdout.endswith("passed\n")

    shutil.copy(REFERENCE / "models" / "narrow_57_32_16_1.json", repository / "student.json")
    ended = run(f"{command} --no-speed --csim no --crossings 10", repository)
    assert ended.returncode == 1
    assert "samples / background / scores_sha256" in ended.stdout
    assert ended.stdout.endswith("failed\n")
