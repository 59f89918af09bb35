"""``l1distill train lesson``: what a student learns, for programs that train students of another kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import yaml

from distill.recipe import Lesson, Stages, train_teacher
from distill.scaling import InputScaling
from emulator.features import load_layout
from emulator.files import replace_file
from l1distill.study.stages import training

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from distill.foreign_teachers import Teacher
    from l1distill.study.context import Context


def study_lesson(context: Context) -> tuple[Teacher, Lesson]:
    """Return the study's teacher, trained or read from its checkpoint, and what it teaches.

    Parameters
    ----------
    context
        The study; its samples must be there.
    """
    common, seen = training.background(context)
    context.run.checkpoints.mkdir(parents=True, exist_ok=True)
    # A teacher that is trained already is read; there is nothing to start anew about it.
    stages = Stages(context.run.checkpoints, resume=True, progress=training.say_losses(context))
    teacher: Teacher | None = training.given_teacher(context)
    if teacher is None:
        with training.named_origin(context, common, seen):
            teacher, _ = train_teacher(common, context.study.recipe(), stages)
    _, lesson = Lesson.by(teacher, common, seen)
    return teacher, lesson


def write_lesson(context: Context) -> list[Path]:
    """Write crossings and targets as numpy arrays, and the scaling of the inputs.

    ``lesson.npz`` holds ``rows`` (int16 hardware integers, axes crossing and feature), ``inputs`` (float32, the
    same scaled, exactly as ``lesson_scaling.yaml`` tells ``l1distill model import``), ``targets`` (float32, axis
    crossing), the same with ``check_`` to validate on, and the names of the ``features``.

    Returns
    -------
    The two files.
    """
    _, lesson = study_lesson(context)
    recipe = context.study.recipe().student
    scaling = InputScaling.fit(lesson.common, recipe.spec.input_format)
    layout = load_layout(context.study.layout)

    def part(rows: torch.Tensor, targets: torch.Tensor) -> dict[str, np.ndarray]:
        return {
            "rows": rows.numpy().astype(np.int16),
            "inputs": scaling.values(rows).numpy(),
            "targets": targets.numpy(),
        }

    checks = part(lesson.check_rows, lesson.check_targets)
    arrays = {
        **part(lesson.rows, lesson.targets),
        **{f"check_{name}": values for name, values in checks.items()},
        "features": np.array([str(feature) for feature in layout.features]),
    }
    paths = [context.run.root / name for name in ("lesson.npz", "lesson_scaling.yaml")]
    with replace_file(paths[0]) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    plain = {
        "format": str(scaling.format),
        "offset": list(scaling.offsets),
        "shift": list(scaling.shifts),
    }
    with replace_file(paths[1]) as temporary:
        text = yaml.safe_dump(plain, default_flow_style=None, sort_keys=False)
        temporary.write_text(text, encoding="utf-8")
    return paths
