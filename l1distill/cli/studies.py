"""``l1distill study`` and ``l1distill report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, TensorBoard, print_json


def study(
    study_file: Annotated[Path, typer.Argument(help="The study file.", metavar="STUDY.yaml")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The run folder.")],
    *,
    jobs: Jobs = PROCESSORS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted training.")
    ] = False,
    tensorboard: TensorBoard = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say which stages would run.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Run the main job: samples, teacher, student, emulation, rates, comparison, report.

    Stages whose inputs have not changed are skipped. Example:

        l1distill study studies/quick.yaml -o runs/quick
    """
    from l1distill.study.pipeline import planned, run_study
    from l1distill.study.settings import load_study

    settings = load_study(study_file)
    if dry_run:
        states = planned(settings, output)
        if as_json:
            print_json(states)
        else:
            for stage, state in states.items():
                typer.echo(f"{stage}: {state}")
        return 0
    outcome = run_study(settings, output, jobs=jobs, resume=resume, tensorboard=tensorboard)
    if as_json:
        typer.echo((output / "results.json").read_text(encoding="utf-8"))
    else:
        typer.echo(
            f"{outcome.n_mismatch} mismatches in {outcome.n_compared} crossings; "
            f"report: {output / 'report.html'}"
        )
    return 0 if outcome.equal else 1


def report(
    run_folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    *,
    as_json: AsJson = False,
) -> int:
    """Make the report of a run again: page, plots and points.

    Example:

        l1distill report runs/quick
    """
    from l1distill.report import write_report

    written = write_report(run_folder)
    if as_json:
        print_json([str(path) for path in written])
    else:
        typer.echo(f"{len(written)} files written; report: {run_folder / 'report.html'}")
    return 0
