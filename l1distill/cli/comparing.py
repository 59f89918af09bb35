"""``l1distill compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emulator.errors import SettingsError
from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Crossings,
    Files,
    Jobs,
    ModelFile,
    Source,
    SourceName,
    parse_integers,
    print_json,
)


def compare(
    model: ModelFile,
    files: Files,
    *,
    against: Annotated[
        str, typer.Option("--with", help="Executions, comma-separated: reference, csim, rtl.")
    ] = "reference,csim",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for mismatches.json.")
    ] = Path(),
    source: Source = SourceName.unpacked,
    crossings: Crossings = "0",
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Compare the engine event by event with other executions; exit 1 on any difference.

    Example:

        l1distill compare student.json zerobias.root --with reference,csim,rtl
    """
    from emulator.features import feature_rows
    from emulator.model import load_model
    from emulator.objects import read_events
    from firmware.compare import compare as compare_graph
    from firmware.compare import write_mismatches

    loaded = load_model(model)
    names = [name.strip() for name in against.split(",") if name.strip()]
    if not names:
        msg = "--with names no execution; give for example --with reference,csim"
        raise SettingsError(msg)
    events = read_events(
        files, source=source.value, crossings=parse_integers(crossings, "--crossings")
    )
    results = compare_graph(
        loaded.graph,
        feature_rows(events, loaded.layout),
        against=names,  # type: ignore[arg-type] # compare_graph refuses unknown names
        jobs=jobs,
    )
    failed = any(result.n_mismatch for result in results)
    # One of an earlier comparison would contradict this one.
    (output / "mismatches.json").unlink(missing_ok=True)
    if failed:
        write_mismatches(output / "mismatches.json", results)
    if as_json:
        print_json([result.as_dict() for result in results])
        return int(failed)
    for result in results:
        typer.echo(
            f"engine and {result.against}: {result.n_mismatch} mismatches in {result.n_events} "
            f"crossings ({result.events_per_second:.0f}/s)"
        )
        for mismatch in result.mismatches:
            first = mismatch.first_node
            where = (
                f"first differs at node {first.node}: {list(first.engine)} and {list(first.other)}"
                if first
                else "differs only as a whole"
            )
            typer.echo(f"  crossing {mismatch.event} {where}")
    if failed:
        typer.echo(f"the first mismatches are in {output / 'mismatches.json'}")
    return int(failed)
