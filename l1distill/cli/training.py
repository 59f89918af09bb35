"""``l1distill train``: one training stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, print_json

if TYPE_CHECKING:
    from l1distill.study.context import Context

StudyFile = Annotated[Path, typer.Argument(help="The study file.", metavar="STUDY.yaml")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The run folder.")]


def _context(study_file: Path, output: Path, jobs: int) -> Context:
    """Return the study with its samples in place."""
    from l1distill.study.pipeline import run_until
    from l1distill.study.settings import load_study

    return run_until(load_study(study_file), output, "samples", jobs=jobs)


def search(
    study_file: StudyFile,
    output: Output,
    *,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials in all; by default what the study says.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that search.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(help="Any Optuna storage URL; by default SQLite in the run folder."),
    ] = None,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> None:
    """Search for students: accept sets against LUTs and latency, on background.

    Goes on where an interrupted search stopped. Example:

        l1distill train search studies/quick.yaml -o runs/quick --trials 20
    """
    from l1distill.study.searching import objective_words, run_search

    context = _context(study_file, output, jobs)
    outcome = run_search(context, n_trials=trials, workers=workers, storage=storage)
    if as_json:
        print_json([one.as_dict() for one in outcome.front])
        return
    typer.echo(
        f"{outcome.n_finished} trials finished; objective: {objective_words(context.study.search.tuning_signals)}"
    )
    typer.echo("trial  agreement    LUTs  latency ns   EBOPs")
    for one in outcome.front:
        typer.echo(
            f"{one.number:5d}  {one.agreement:9.3f}  {one.luts:6.0f}  {one.latency_ns:10.1f}  {one.ebops:6.0f}"
        )
    typer.echo(
        f"tables and model files: {outcome.folder}; database: {outcome.storage.split('@')[-1]}"
    )


def teacher(study_file: StudyFile, output: Output, *, jobs: Jobs = PROCESSORS) -> None:
    """Train the teacher alone.

    Example:

        l1distill train teacher studies/quick.yaml -o runs/quick
    """
    from distill.recipe import Stages, train_teacher
    from l1distill.study.stages.training import background, say_losses

    context = _context(study_file, output, jobs)
    context.run.checkpoints.mkdir(parents=True, exist_ok=True)
    common, _ = background(context)
    stages = Stages(context.run.checkpoints, resume=True, progress=say_losses(context))
    _, history = train_teacher(common, context.study.recipe(), stages)
    typer.echo(
        f"loss {history.best_loss:.4g} on validation background; checkpoint: {context.run.checkpoints / 'teacher.pt'}"
    )


def cotrain(
    study_file: StudyFile,
    output: Output,
    *,
    mode: Annotated[
        str | None, typer.Option(help="joint or alternating; by default what the study says.")
    ] = None,
    jobs: Jobs = PROCESSORS,
) -> None:
    """Train teacher and student at the same time, and export the student as a model file.

    Example:

        l1distill train cotrain studies/quick.yaml -o runs/joint --mode joint
    """
    from emulator.errors import SettingsError
    from l1distill.study.pipeline import run_until
    from l1distill.study.settings import load_study

    study = load_study(study_file)
    if mode is not None:
        study = study.cotrained(mode)
    if study.distillation.cotraining.mode == "none":
        msg = f"{study_file}: distillation.cotraining.mode is 'none'; give --mode joint or alternating"
        raise SettingsError(msg)
    context = run_until(study, output, "training", jobs=jobs, resume=True)
    typer.echo(f"model file: {context.run.exported(study.distillation.student.name)}")


def student(study_file: StudyFile, output: Output, *, jobs: Jobs = PROCESSORS) -> None:
    """Train teacher and student, and export the student as a model file.

    Example:

        l1distill train student studies/quick.yaml -o runs/quick
    """
    from l1distill.study.pipeline import run_until
    from l1distill.study.settings import load_study

    context = run_until(load_study(study_file), output, "training", jobs=jobs, resume=True)
    typer.echo(f"model file: {context.run.exported(context.study.distillation.student.name)}")
