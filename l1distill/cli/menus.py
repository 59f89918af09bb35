"""``l1distill menu``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import AsJson, Files, Source, SourceName, print_caveats, print_json
from l1distill.console import print_table

if TYPE_CHECKING:
    from emulator.menu import AgreementSummary, SeedAgreement


def check(
    algorithms: Annotated[
        Path,
        typer.Argument(help='The menu, as JSON {"bit": [seed, expression]}.', metavar="ALGOS.json"),
    ],
    files: Files,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv file for the table.")
    ] = None,
    consecutive: Annotated[
        bool,
        typer.Option(
            "--consecutive",
            help="The lines of test vectors are consecutive crossings, as simulated ones are: seeds "
            "that look at neighbouring crossings can be evaluated then.",
        ),
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show also the seeds that agree.")] = False,
    source: Source = SourceName.unpacked,
    as_json: AsJson = False,
) -> int:
    """Evaluate a menu's seeds on hardware integers and compare them with the published decisions.

    Exit 1 if a seed disagrees. A seed that never fires is not tested; what the file lacks, and what is
    not supported, is listed with its reason.

    Example:

        l1distill menu check algos_MENU.json vector.txt.xz
    """
    from emulator.errors import SettingsError
    from emulator.files import replace_file
    from emulator.menu import MenuAgreement, load_menu, summarize
    from emulator.results import table
    from l1distill.caveats import file_caveats
    from l1distill.published_bits import chunks_with_bits, decisions_by_bit

    if output is not None and output.suffix != ".csv":
        msg = f"{output}: the table is written as .csv"
        raise SettingsError(msg)
    menu = load_menu(algorithms)
    agreement = MenuAgreement(menu)
    for chunk, bits in chunks_with_bits(files, source=source.value, order="readout"):
        if consecutive and chunk.words is None:
            msg = f"{chunk.path}: --consecutive is for test vectors, whose lines are crossings"
            raise SettingsError(msg)
        agreement.add(chunk.events, decisions_by_bit(bits, menu), consecutive=consecutive)
    records = agreement.records()
    summary = summarize(records)
    if output is not None:
        with replace_file(output) as temporary:
            table(records).to_csv(temporary, index=False)
    caveats = file_caveats(files, source=source.value)
    failed = bool(summary.disagrees)
    if as_json:
        print_json(
            {
                "menu": menu.name,
                "summary": {
                    **summary.as_dict(),
                    "fraction_without_mismatch": summary.fraction_without_mismatch,
                    "fraction_of_those_in_the_file": summary.fraction_of_those_in_the_file,
                },
                "seeds": [record.as_dict() for record in records],
                "caveats": list(caveats),
            }
        )
        return int(failed)
    _print(menu.name, records, summary, every=every)
    print_caveats(caveats)
    return int(failed)


def _print(
    menu: str, records: tuple[SeedAgreement, ...], summary: AgreementSummary, *, every: bool
) -> None:
    shown = [record for record in records if every or record.status != "agrees"]
    print_table(
        ["seed", "bit", "status", "crossings", "fires", "extra", "missing", "why"],
        [
            [
                record.name,
                str(record.bit),
                record.status,
                str(record.n_crossings),
                str(record.fires),
                str(record.extra),
                str(record.missing),
                record.reason,
            ]
            for record in shown
        ],
    )
    others = len(records) - summary.n_seeds
    typer.echo(
        f"{menu}: of {summary.n_seeds} seeds of objects {summary.agrees} agree, "
        f"{summary.not_tested} never fire and are not tested, {summary.disagrees} disagree, "
        f"{summary.not_in_the_file} need what is not in the file, {summary.unsupported} are not "
        f"supported; {others} seeds of networks and external signals are not counted"
    )
    held = summary.n_seeds - summary.not_in_the_file
    typer.echo(
        f"evaluated without any mismatch: {100 * summary.fraction_without_mismatch:.1f} % of the "
        f"{summary.n_seeds} seeds of objects, {100 * summary.fraction_of_those_in_the_file:.1f} % of "
        f"the {held} whose inputs and decisions the file holds"
    )
