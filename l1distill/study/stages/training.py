"""Training: teacher, float student, quantized student, and its export to a model file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from distill.cotraining import cotrain
from distill.data import TrainingData
from distill.export import export_model
from distill.recipe import Distilled, Stages, distill
from distill.sampling import Drawn, flattened_sample, mixed_outliers, split
from emulator.features import load_layout
from emulator.files import replace_file
from emulator.model import save_model
from l1distill.study.roles import TRAINING

if TYPE_CHECKING:
    from pathlib import Path

    from distill.recipe import Progress
    from distill.training import Epoch
    from l1distill.study.context import Context


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
    checkpoints = sorted(context.run.checkpoints.glob("*.pt"))
    return [context.run.exported(student), context.run.part("training"), *checkpoints]


def networks(context: Context, *, resume: bool) -> Distilled:
    """Return the trained networks; with ``resume``, finished ones come from their checkpoints."""
    common, seen = background(context)

    recipe = context.study.recipe()
    stages = Stages(
        context.run.checkpoints,
        resume,
        None if resume and not context.resume else say_losses(context),
    )
    together = context.study.distillation.cotraining.settings()
    if together is not None:
        return cotrain(common, recipe, together, for_student=seen, stages=stages)
    return distill(common, recipe, for_student=seen, stages=stages)


def say_losses(context: Context) -> Progress:
    """Return what prints the losses of each epoch."""

    def say(stage: str, epoch: Epoch) -> None:
        context.reporter.say(
            f"  {stage}: epoch {epoch.epoch}, loss {epoch.training_loss:.4g} on training, "
            f"{epoch.validation_loss:.4g} on validation background"
        )

    return say


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
