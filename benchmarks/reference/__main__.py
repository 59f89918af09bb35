"""``python -m benchmarks.reference check | accept --why "..." | accept-retrained --why "..."``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.reference import (
    CHANGES,
    EXPECTED,
    compute_facts,
    load_expected,
    model_files,
    rows_of,
)
from benchmarks.reference.acceptance import accept as accept_facts
from benchmarks.reference.retraining import ACCEPTED, summary, tolerances, train_seeds
from emulator.errors import L1Error
from emulator.model import load_model
from firmware.compare import compare
from l1distill.gates import difference_table, differences

app = typer.Typer(help="Compare the project with its committed reference.", no_args_is_help=True)


@app.command()
def check() -> int:
    """Compare all facts with the accepted ones; exit 1 if one moved."""
    found = differences(load_expected(), compute_facts())
    typer.echo(difference_table(found) if found else "every fact is as accepted")
    return int(bool(found))


@app.command()
def accept(
    why: Annotated[str, typer.Option(help="The reason, for the log.")],
    crossings: Annotated[
        int, typer.Option(min=1, help="Crossings on which engine and reference must agree.")
    ] = 1000,
) -> int:
    """Accept the facts as they are now and log what changed; refuse if engine and reference differ."""
    for path in model_files():
        model = load_model(path)
        (compared,) = compare(model.graph, rows_of(model, "measuring")[:crossings])
        if compared.n_mismatch:
            typer.echo(
                f"{path.name}: engine and reference differ on {compared.n_mismatch} of "
                f"{compared.n_events} crossings; nothing is accepted",
                err=True,
            )
            return 1
    found = accept_facts(load_expected(), compute_facts(), why=why, expected=EXPECTED, log=CHANGES)
    typer.echo(difference_table(found) if found else "nothing has changed, nothing to accept")
    return 0


@app.command("accept-retrained")
def accept_retrained(
    why: Annotated[str, typer.Option(help="The reason, for the log.")],
    seeds: Annotated[
        int, typer.Option(min=5, help="Trainings, from which the tolerance follows.")
    ] = 10,
    folder: Annotated[Path, typer.Option(help="Where the studies are run; kept.")] = Path(
        "build/retrained"
    ),
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 2,
) -> int:
    """Run the quick study with several seeds and accept what its students keep, and log it."""
    old = json.loads(ACCEPTED.read_text(encoding="utf-8")) if ACCEPTED.is_file() else {}
    new = train_seeds(folder, seeds, jobs=jobs)
    told = (summary(old), summary(new))
    accept_facts(old, new, why=f"retrained: {why}", expected=ACCEPTED, log=CHANGES, told=told)
    for name, limits in tolerances(new).items():
        typer.echo(
            f"{name}: mean {limits.mean:.4g}, spread {100 * limits.spread:.0f} %, "
            f"accepted from {limits.low:.4g} to {limits.high:.4g}"
        )
    return 0


def run() -> None:
    """Run the program and leave with its exit code."""
    try:
        code = app(standalone_mode=False)
    except L1Error as error:
        typer.echo(f"reference: {error}", err=True)
        code = 2
    except typer.TyperException as error:
        typer.echo(f"reference: {error.format_message()}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
