"""What is said of a training that is doubtful, or that ends in numbers that are none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from distill.errors import TrainingError
from l1distill.study.pipeline import run_until
from l1distill.study.settings import load_study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[dict[str, Any]], Path]


def test_a_small_teacher_is_noted(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    content["distillation"]["teacher"]["training"]["epochs"] = 3
    context = run_until(load_study(write_study(content)), tmp_path / "run", "training", jobs=1)
    notes = json.loads(context.run.part("training_notes").read_text(encoding="utf-8"))
    # (57 * 8 + 8 * 3) * 2 multiplications over 57 * 4 + 4.
    assert notes[0].startswith("the teacher has only 4.14 times the multiplications of the student")
    assert "last 2 epochs: it had not converged" in notes[1]


def test_a_loss_that_is_no_number_names_the_crossings(
    sample_files: None, content: dict[str, Any], write_study: Write, tmp_path: Path
) -> None:
    content["distillation"]["student"]["training"]["learning_rate"] = 1e30
    study = load_study(write_study(content))
    with pytest.raises(TrainingError) as caught:
        run_until(study, tmp_path / "run", "training", jobs=1)
    said = str(caught.value)
    found = re.search(r"; the batch holds entries ([\d, ]+), … of (\S+)$", said)
    assert found is not None, said
    entries = [int(one) for one in found[1].split(", ")]
    assert entries == sorted(entries)
    assert max(entries) < 500
    assert found[2].endswith("training.root")
    assert said.startswith("float-student: the loss is ")
