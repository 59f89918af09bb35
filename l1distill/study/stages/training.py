"""Training: teacher, float student, quantized student, and its export to a model file."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distill.cotraining import cotrain
from distill.data import TrainingData
from distill.errors import TrainingError
from distill.export import export_model
from distill.recipe import Distilled, Stages, distill
from distill.sampling import Drawn, flattened_sample, mixed_outliers, split
from emulator.features import load_layout
from emulator.files import replace_file
from emulator.model import save_model
from emulator.objects import expand_paths, open_file
from l1distill.study.given_scores import training_scores
from l1distill.study.roles import TRAINING
from l1distill.study.selection import Selection
from l1distill.study.soundness import training_notes
from l1distill.study.tensorboard import LossLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from distill.foreign_teachers import GivenScores
    from distill.recipe import Progress
    from distill.training import Epoch
    from l1distill.study.context import Context

# Entries of a file that an error names.
_SHOWN = 10


def run(context: Context) -> list[Path]:
    """Train from the start (or, with ``resume``, from the last checkpoint) and export."""
    context.run.checkpoints.mkdir(parents=True, exist_ok=True)
    trained = networks(context, resume=context.resume)
    student = context.study.distillation.student.name
    model = export_model(
        trained.student,
        load_layout(context.study.layout),
        student,
        provenance={"study": context.study.name, "seed": context.study.seed},
    )
    save_model(model, context.run.exported(student))
    with replace_file(context.run.part("training")) as temporary:
        histories = [history.as_dict() for history in trained.histories]
        temporary.write_text(json.dumps(histories, indent=1) + "\n", encoding="utf-8")
    notes = training_notes(trained)
    for note in notes:
        context.reporter.say(f"  note: {note}")
    with replace_file(context.run.part("training_notes")) as temporary:
        temporary.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
    checkpoints = sorted(context.run.checkpoints.glob("*.pt"))
    parts = [context.run.part(name) for name in ("training", "training_notes")]
    return [context.run.exported(student), *parts, *checkpoints]


def networks(context: Context, *, resume: bool) -> Distilled:
    """Return the trained networks; with ``resume``, finished ones come from their checkpoints."""
    common, seen = background(context)
    with named_origin(context, common, seen):
        return _trained(context, common, seen, resume=resume)


def _trained(context: Context, common: Drawn, seen: Drawn, *, resume: bool) -> Distilled:
    recipe = context.study.recipe()
    stages = Stages(
        context.run.checkpoints,
        resume,
        None if resume and not context.resume else say_losses(context),
    )
    together = context.study.distillation.cotraining.settings()
    if together is not None:
        return cotrain(common, recipe, together, for_student=seen, stages=stages)
    teacher = given_teacher(context)
    return distill(common, recipe, for_student=seen, stages=stages, teacher=teacher)


def given_teacher(context: Context) -> GivenScores | None:
    """Return the scores that the study gives in files, if it does."""
    given = context.study.distillation.teacher.given
    return None if given is None else training_scores(context, given)


@contextmanager
def named_origin(context: Context, common: Drawn, seen: Drawn) -> Iterator[None]:
    """Add to an error of training which entries of which files the batch came from."""
    try:
        yield
    except TrainingError as error:
        if not error.crossings:
            raise
        drawn = common if error.stage == "teacher" else seen
        places = drawn.training.places[list(error.crossings)]
        msg = f"{error}; the batch holds {_entries(context, places)}"
        raise TrainingError(msg) from error


def _entries(context: Context, places: NDArray[np.int64]) -> str:
    """Name the first crossings of a batch by file and entry, as they are drawn."""
    ends: list[tuple[int, str]] = []
    total = 0
    for path in context.files.zero_bias[TRAINING]:
        for each in expand_paths(path):
            total += open_file(each, source=context.files.source).entries
            ends.append((total, str(each)))
    shown: dict[str, list[int]] = {}
    for place in places[places >= 0].tolist():
        start = 0
        for end, name in ends:
            if place < end:
                shown.setdefault(name, []).append(place - start)
                break
            start = end
    chosen = context.files.selections.get(TRAINING, Selection()) != Selection()
    selected = ", counted among those that are selected" if chosen else ""
    return "; ".join(
        f"entries {', '.join(str(one) for one in sorted(entries)[:_SHOWN])}"
        f"{', …' if len(entries) > _SHOWN else ''} of {name}{selected}"
        for name, entries in shown.items()
    )


def say_losses(context: Context, group: str = "") -> Progress:
    """Return what prints the losses of each epoch, and writes them for TensorBoard if that is asked for.

    Networks that are trained by the same stages have a group each.
    """
    log = loss_log(context, group)

    def say(stage: str, epoch: Epoch) -> None:
        if log is not None:
            log(stage, epoch)
        context.reporter.say(
            f"  {stage}: epoch {epoch.epoch}, loss {epoch.training_loss:.4g} on training, "
            f"{epoch.validation_loss:.4g} on validation background"
        )

    return say


def loss_log(context: Context, group: str = "") -> LossLog | None:
    """Return what writes for TensorBoard, if that is asked for."""
    return LossLog(context.run.root / "tensorboard" / group) if context.tensorboard else None


def background(context: Context) -> tuple[Drawn, Drawn]:
    """Return the crossings that the teacher learns from, and those that the student does."""
    study, files = context.study, context.files
    layout = load_layout(study.layout)
    data = TrainingData.from_chunks(files.chunks(TRAINING, layout.order), layout)
    fraction = study.distillation.validation_fraction
    parts = split(data, fraction, seed=study.seed)
    n_validation = round(study.distillation.n_crossings * fraction)
    sizes = (study.distillation.n_crossings - n_validation, n_validation)

    def drawn(power: float, outliers: float = 0.0) -> Drawn:
        return Drawn(
            *(
                _with_outliers(part, size, power, outliers, seed=study.seed + place)
                for place, (part, size) in enumerate(zip(parts, sizes, strict=True))
            )
        )

    student = study.distillation.student
    return drawn(1.0), drawn(student.sampling_power, student.outlier_fraction)


def _with_outliers(
    data: TrainingData, n_crossings: int, power: float, outliers: float, *, seed: int
) -> TrainingData:
    """Draw crossings, a fraction of them made up."""
    n_made = round(n_crossings * outliers)
    drawn = flattened_sample(data, n_crossings - n_made, power=power, seed=seed)
    return drawn.joined(mixed_outliers(data, n_made, seed=seed)) if n_made else drawn
