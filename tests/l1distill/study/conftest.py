"""A tiny study on given files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from emulator.objects import write_nano
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from l1distill.study.settings import Study
    from tests.l1distill.conftest import MakeEvents


def tiny_content() -> dict[str, Any]:
    """A study that takes seconds: a few hundred crossings, one epoch, no C-simulation."""
    training = {"epochs": 1, "batch_size": 64}
    return {
        "schema": "l1distill-study/1",
        "name": "tiny",
        "seed": 3,
        "scenario": "run3",
        "samples": {
            "files": {
                "training": ["training.root"],
                "setting": ["setting.root"],
                "measuring": ["measuring.root"],
                "signals": {"A": ["a.root"], "b+c": ["b.root"]},
            }
        },
        "distillation": {
            "n_crossings": 300,
            "teacher": {"widths": [8, 3, 8], "training": dict(training)},
            "student": {
                "name": "tiny_student",
                "widths": [4],
                "training": dict(training),
                "quantized_training": dict(training),
            },
        },
        "rates": {"targets_khz": [2000, 8000], "replicas": 20},
        "comparison": {"against": ["reference"]},
    }


@pytest.fixture
def content() -> dict[str, Any]:
    """Keys and values of a tiny study, to be changed."""
    return tiny_content()


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a study file into the test's folder."""

    def write(values: dict[str, Any]) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def drawn_samples(make_events: MakeEvents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the samples of the tiny study."""
    folder = tmp_path_factory.mktemp("samples")
    drawn = {
        "training": make_events(500, 1),
        "setting": make_events(300, 2),
        "measuring": make_events(300, 3),
        "a": make_events(60, 4, boost=4, weighted=False),
        "b": make_events(60, 5, boost=2, weighted=False),
    }
    for name, events in drawn.items():
        write_nano(folder / f"{name}.root", [events], provenance={})
    return folder


@pytest.fixture
def sample_files(drawn_samples: Path, tmp_path: Path) -> None:
    """The samples of the tiny study, beside its file."""
    shutil.copytree(drawn_samples, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def study(
    sample_files: None, content: dict[str, Any], write_study: Callable[[dict[str, Any]], Path]
) -> Study:
    """The tiny study, checked."""
    return load_study(write_study(content))
