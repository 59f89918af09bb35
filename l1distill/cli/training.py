"""``l1distill train``: one training stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, TensorBoard, print_json

if TYPE_CHECKING:
    from l1distill.study.context import Context
    from l1distill.study.settings import Study

StudyFile = Annotated[Path, typer.Argument(help="The study file.", metavar="STUDY.yaml")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The run folder.")]


def _with_samples(study_file: Path, output: Path, jobs: int, *, tensorboard: bool) -> Context:
    """Return the study with its samples in place."""
    from l1distill.study.pipeline import run_until
    from l1distill.study.settings import load_study

    study = load_study(study_file)
    return run_until(study, output, "samples", jobs=jobs, tensorboard=tensorboard)


def _train_student(study: Study, output: Path, jobs: int, *, tensorboard: bool) -> None:
    """Train what the study asks for, go on where it was interrupted, and say where the student lies."""
    from l1distill.study.pipeline import run_until

    context = run_until(study, output, "training", jobs=jobs, resume=True, tensorboard=tensorboard)
    typer.echo(f"model file: {context.run.exported(study.distillation.student.name)}")


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
    tensorboard: TensorBoard = False,
    as_json: AsJson = False,
) -> None:
    """Search for students: accept sets against LUTs and latency, on background.

    Goes on where an interrupted search stopped. Example:

        l1distill train search studies/quick.yaml -o runs/quick --trials 20
    """
    from l1distill.study.searching import objective_words, run_search

    context = _with_samples(study_file, output, jobs, tensorboard=tensorboard)
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
    search = context.study.search
    typer.echo(
        f"LUTs ({search.flow}, {search.stage}) and latency are quick estimates from published networks, good to "
        "a factor of two; `firmware estimate` gives each one's range and source"
    )
    typer.echo(
        f"report, tables and model files: {outcome.folder}; database: {outcome.storage.split('@')[-1]}"
    )


def teacher(
    study_file: StudyFile,
    output: Output,
    *,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Compare all scores of both kinds of teachers on all signals."
        ),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="With --scores: so many seeds, from the study's on.")
    ] = 3,
    jobs: Jobs = PROCESSORS,
    tensorboard: TensorBoard = False,
    as_json: AsJson = False,
) -> None:
    """Train the teacher alone, or compare the scores that teachers have.

    Examples
    --------
        l1distill train teacher studies/quick.yaml -o runs/quick

        l1distill train teacher studies/quick.yaml -o runs/quick --scores
    """
    from distill.recipe import Stages, train_teacher
    from l1distill.study.stages.training import background, say_losses

    context = _with_samples(study_file, output, jobs, tensorboard=tensorboard)
    if scores:
        _compare_scores(context, seeds, as_json=as_json)
        return
    context.run.checkpoints.mkdir(parents=True, exist_ok=True)
    common, _ = background(context)
    stages = Stages(context.run.checkpoints, resume=True, progress=say_losses(context))
    _, history = train_teacher(common, context.study.recipe(), stages)
    if as_json:
        print_json(history.as_dict())
        return
    typer.echo(
        f"loss {history.best_loss:.4g} on validation background; checkpoint: {context.run.checkpoints / 'teacher.pt'}"
    )


def _compare_scores(context: Context, n_seeds: int, *, as_json: bool) -> None:
    from l1distill.console import print_table
    from l1distill.report.words import percent, span
    from l1distill.study.teacher_scores import compare_scores

    found, ended = compare_scores(context, n_seeds)
    if as_json:
        print_json(
            {
                "scores": [one.as_dict() for one in found],
                "convergence": [one.as_dict() for one in ended],
            }
        )
        return
    rows = [
        [
            f"{one.kind} {one.score}",
            one.signal,
            f"{one.target_khz:g}",
            percent(one.efficiency),
            span(one.low, one.high, scale=100),
            percent(one.mean),
            "–" if one.spread is None else percent(one.spread),
            (one.broken and f"BROKEN: {one.broken}")
            or ("" if one.for_ranking else "not for ranking"),
        ]
        for one in found
    ]
    columns = ("score", "signal", "kHz", "%", "68 %", "mean of seeds", "spread", "")
    print_table(columns, rows, "Efficiencies in per cent")
    for each in ended:
        losses = ", ".join(f"{loss:.4g}" for loss in each.losses)
        typer.echo(
            f"{each.kind}: validation losses {losses}; spread {100 * each.spread:.2g} %, fell by "
            f"{100 * each.still_falling:.2g} % over the last two epochs: "
            f"{'converged' if each.converged else 'NOT converged'}"
        )


def cotrain(
    study_file: StudyFile,
    output: Output,
    *,
    mode: Annotated[
        str | None, typer.Option(help="joint or alternating; by default what the study says.")
    ] = None,
    jobs: Jobs = PROCESSORS,
    tensorboard: TensorBoard = False,
) -> None:
    """Train teacher and student at the same time, and export the student as a model file.

    Example:

        l1distill train cotrain studies/quick.yaml -o runs/joint --mode joint
    """
    from emulator.errors import SettingsError
    from l1distill.study.settings import load_study

    study = load_study(study_file)
    if mode is not None:
        study = study.cotrained(mode)
    if study.distillation.cotraining.mode == "none":
        msg = f"{study_file}: distillation.cotraining.mode is 'none'; give --mode joint or alternating"
        raise SettingsError(msg)
    _train_student(study, output, jobs, tensorboard=tensorboard)


def student(
    study_file: StudyFile,
    output: Output,
    *,
    jobs: Jobs = PROCESSORS,
    tensorboard: TensorBoard = False,
) -> None:
    """Train teacher and student, and export the student as a model file.

    Example:

        l1distill train student studies/quick.yaml -o runs/quick
    """
    from l1distill.study.settings import load_study

    _train_student(load_study(study_file), output, jobs, tensorboard=tensorboard)


def lesson(
    study_file: StudyFile,
    output: Output,
    *,
    jobs: Jobs = PROCESSORS,
    tensorboard: TensorBoard = False,
) -> None:
    """Write what students learn, for programs that train students of another kind, as HGQ2.

    Example:

        l1distill train lesson studies/quick.yaml -o runs/quick
    """
    from l1distill.study.lesson import write_lesson

    context = _with_samples(study_file, output, jobs, tensorboard=tensorboard)
    arrays, scaling = write_lesson(context)
    typer.echo(f"crossings and targets: {arrays}; scaling of the inputs: {scaling}")


def orders(
    orders_file: Annotated[
        Path, typer.Argument(help="The file of the comparison.", metavar="ORDERS.yaml")
    ],
    output: Output,
    *,
    max_units: Annotated[
        int | None,
        typer.Option(min=0, help="Stop after so many units; the same command goes on later."),
    ] = None,
    jobs: Jobs = PROCESSORS,
    tensorboard: TensorBoard = False,
    as_json: AsJson = False,
) -> None:
    """Compare quantization before and after the search, co-training, and controls, at equal budget.

    Runs each arm of each seed once, goes on where it was interrupted, and writes a report of what is
    there. Example:

        l1distill train orders studies/seed_study.yaml -o runs/seed_study
    """
    import json

    from l1distill.console import Reporter
    from l1distill.orders.report import write_orders_report
    from l1distill.orders.run import run_orders
    from l1distill.orders.settings import load_orders

    settings, study = load_orders(orders_file)
    units, n_units = run_orders(
        settings,
        study,
        output,
        jobs=jobs,
        max_units=max_units,
        tensorboard=tensorboard,
        reporter=Reporter(),
    )
    page, _, record, *_ = write_orders_report(settings, study, units, n_units, output)
    if as_json:
        print_json(json.loads(record.read_text(encoding="utf-8")))
        return
    typer.echo(f"{len(units)} of {n_units} units are done; report: {page}")
