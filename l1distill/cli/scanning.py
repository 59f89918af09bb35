"""``l1distill scan``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, print_caveats
from l1distill.console import Reporter, print_table

if TYPE_CHECKING:
    from emulator.scan import Scan


class EngineName(StrEnum):
    """Where the files are worked on."""

    processes = "processes"
    dask = "dask"


def scan(
    scan_file: Annotated[Path, typer.Argument(help="The scan file.", metavar="SCAN.yaml")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The run folder.")],
    *,
    engine: Annotated[
        EngineName, typer.Option(help="Processes of this machine, or a Dask cluster.")
    ] = EngineName.processes,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, as tcp://HOST:8786.")
    ] = None,
    jobs: Jobs = PROCESSORS,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in the run folder.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Rate many models and objects on many samples, reading each file once.

    Files that are done are kept: a scan that was stopped goes on with --resume, to the same result.
    Example:

        l1distill scan scan.yaml -o runs/scan --jobs 2
    """
    from emulator.scan import engine_for, run_scan
    from l1distill.caveats import condition_caveats
    from l1distill.report.scan_page import write_scan_report
    from l1distill.scan_file import load_scan
    from l1distill.scan_output import write_scan

    chosen = engine_for(engine.value, jobs=jobs, scheduler=scheduler)
    plan = load_scan(scan_file)
    with Reporter().progress("scan") as progress:
        done = run_scan(plan, output, engine=chosen, resume=resume, report=progress)
    caveats = condition_caveats(plan.conditions)
    write_scan(done, output, caveats)
    write_scan_report(done, output, scan_file.stem, caveats)
    if as_json:
        typer.echo((output / "results.json").read_text(encoding="utf-8").rstrip())
    else:
        _print(done)
        print_caveats(caveats)
        typer.echo(f"report.html, tables and results.json: {output}")
    return 0


def _print(done: Scan) -> None:
    result = done.result
    typer.echo(
        f"{done.n_worked} files worked on in {done.seconds:.1f} s, {done.n_kept} kept from before; "
        f"{sum(each.n_events for each in result.samples)} crossings"
    )
    print_table(
        ["scorer", "condition", "target kHz", "threshold", "rate kHz", "± bootstrap", ""],
        [
            [
                point.model,
                condition,
                f"{point.target_khz:g}",
                str(point.threshold),
                f"{point.rate_khz:.3g}",
                f"{point.error_khz:.2g}",
                "" if point.for_ranking else "not for ranking",
            ]
            for condition, point in result.working_points
        ],
    )
    if result.efficiencies:
        print_table(
            ["signal", "condition", "scorer", "target kHz", "efficiency %", "68 % interval"],
            [
                [
                    item.signal,
                    condition,
                    item.model,
                    f"{item.target_khz:g}",
                    f"{100 * item.efficiency:.3g}",
                    f"{100 * item.low_total:.3g} … {100 * item.high_total:.3g}",
                ]
                for condition, item in result.efficiencies
            ],
        )
    _print_menu(done)
    for lost in result.lost:
        typer.echo(f"not read: {lost.condition}/{lost.sample}: {lost.problem}")
    for size in result.samples:
        if size.n_files_lost:
            typer.echo(
                f"note: {size.condition}/{size.sample}: {size.n_files_lost} of {size.n_files} files are "
                "missing; their events are in no numerator and no denominator"
            )
    for each in result.duplicates:
        typer.echo(
            f"note: {each.condition}/{each.sample}: {each.n_events} crossings come more than once "
            "(same run, lumi section, event and crossing)"
        )


def _print_menu(done: Scan) -> None:
    result = done.result
    seeds = result.all_of("seeds")
    if not seeds:
        return
    print_table(
        ["seed", "condition", "prescale", "rate kHz", "±", "pure kHz", "±", "proportional kHz"],
        [
            [
                seed.seed,
                condition,
                f"{seed.prescale:g}",
                f"{seed.rate_khz:.3g}",
                f"{seed.error_khz:.2g}",
                f"{seed.pure_khz:.3g}",
                f"{seed.pure_error_khz:.2g}",
                f"{seed.proportional_khz:.3g}",
            ]
            for condition, seed in seeds
        ],
        title="the menu",
    )
    for condition, kept in result.all_of("menu_efficiencies"):
        typer.echo(
            f"{condition}: the menu keeps {100 * kept.efficiency:.3g} % of {kept.signal} "
            f"({100 * kept.low:.3g} … {100 * kept.high:.3g})"
        )
    print_table(
        ["signal", "condition", "scorer", "pure kHz", "gain %", "68 % interval"],
        [
            [
                item.signal,
                condition,
                item.model,
                f"{item.target_khz:g}",
                f"{100 * item.efficiency:.3g}",
                f"{100 * item.low_total:.3g} … {100 * item.high_total:.3g}",
            ]
            for condition, item in result.all_of("pure_efficiencies")
        ],
        title="on top of the menu, at fixed pure rates",
    )
    for found in result.conditions.values():
        for note in found.notes:
            typer.echo(f"note: {note}")
