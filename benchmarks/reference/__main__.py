"""``python -m benchmarks.reference check | accept --why "..."``."""

from __future__ import annotations

import sys
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
