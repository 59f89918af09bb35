"""``l1distill study`` and ``l1distill report``, as far as nothing is trained.

A whole study is in ``tests/l1distill/study/test_pipeline.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.l1distill.cli.conftest import Program, Refused

QUICK = Path(__file__).resolve().parents[3] / "studies" / "quick.yaml"
STAGES = ["samples", "training", "scoring", "rating", "anatomy", "comparison", "report"]


def test_a_dry_run_says_what_would_run(program: Program, tmp_path: Path) -> None:
    ended = program("study", QUICK, "-o", tmp_path / "run", "--dry-run")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "samples: would run"
    assert lines[1] == "training: would run (after samples)"
    assert [line.split(":")[0] for line in lines] == STAGES
    found = program("study", QUICK, "-o", tmp_path / "run", "--dry-run", "--json").json
    assert list(found) == STAGES
    assert list(tmp_path.iterdir()) == []


def test_a_study_needs_a_folder(refused: Refused) -> None:
    assert "Missing option '--output' / '-o'" in refused("study", QUICK)


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_wrong_study_is_refused(refused: Refused, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "study.yaml"
    assert "study.yaml: no such study file" in refused("study", path, "-o", "run", *words)
    text = QUICK.read_text(encoding="utf-8")
    path.write_text(text.replace("replicas: 200", "replicas: 2"), encoding="utf-8")
    sentence = refused("study", path, "-o", "run", *words)
    assert "study.yaml: rates.replicas: input should be greater than or equal to 20" in sentence
    path.write_text(text + "\nbroken: [", encoding="utf-8")
    assert "cannot be read as YAML" in refused("study", path, "-o", "run", *words)
    assert not (tmp_path / "run").exists()


def test_the_report_of_nothing_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "none: is no run folder; give the folder" in refused("report", tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "empty" in refused("report", tmp_path / "empty")
