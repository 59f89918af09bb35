"""``l1distill inspect``, ``l1distill convert`` and ``l1distill emulate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Crossings,
    Files,
    Jobs,
    Kernel,
    ModelFile,
    Source,
    SourceName,
    parse_integers,
    print_caveats,
    print_json,
)
from l1distill.console import print_table

if TYPE_CHECKING:
    from emulator.features import FeatureLayout
    from emulator.features.layout import MuonPosition
    from emulator.objects import FileSummary


#: Eras of muons, as keys of a layout's era, and how they are said.
MUON_ERAS: tuple[tuple[dict[str, MuonPosition], str], ...] = (
    ({"muon_position": "measured"}, "muon phi as measured"),
    ({"muon_position": "vertex"}, "muon phi at the vertex"),
    ({"muon_eta": "measured"}, "muon eta as measured"),
    ({"muon_eta": "vertex"}, "muon eta at the vertex"),
)


def inspect(files: Files, *, source: Source = SourceName.unpacked, as_json: AsJson = False) -> int:
    """Show what files offer: trees, collections, crossings, ranges, saturated values, what is missing.

    Example:

        l1distill inspect L1Ntuple.root
    """
    from emulator.features import load_layout
    from emulator.features.support import era_inputs
    from emulator.objects import expand_paths, open_file

    layout = load_layout("axol1tl_57")
    summaries = [open_file(path, source=source.value).describe() for path in expand_paths(files)]
    if as_json:
        print_json(
            [
                {
                    **summary.as_dict(),
                    "missing_features": list(layout.missing_in(summary)),
                    "eras": [
                        {**era, "missing": _missing(layout, era, summary)} for era, _ in MUON_ERAS
                    ],
                    "era_inputs": [each.as_dict() for each in era_inputs(summary)],
                }
                for summary in summaries
            ]
        )
        return 0
    for summary in summaries:
        _print_summary(summary, layout)
    return 0


def _missing(
    layout: FeatureLayout, era: dict[str, MuonPosition], summary: FileSummary
) -> list[str]:
    """Return what a file lacks for the inputs of an era; rules of pT need nothing more."""
    changed = replace(layout.era, **era)  # type: ignore[arg-type] # keys of muons only
    return list(replace(layout, era=changed).missing_in(summary))


def _print_summary(summary: FileSummary, layout: FeatureLayout) -> None:
    from emulator.features.support import era_inputs

    typer.echo(f"{summary.path}: {summary.format_name}, {summary.entries} entries")
    if summary.trees:
        typer.echo(f"trees: {', '.join(summary.trees)}")
    typer.echo(f"objects: {summary.source} (offered: {', '.join(summary.sources)})")
    crossings = ", ".join(f"{item.crossing} ({item.entries})" for item in summary.crossings)
    typer.echo(f"crossings (entries with objects): {crossings or 'none'}")
    rows = []
    for collection in summary.collections:
        for field in collection.fields:
            extremes = (field.minimum, field.maximum)
            lowest, highest = ("-" if value is None else str(value) for value in extremes)
            rows.append(
                [
                    f"{collection.name}.{field.name}",
                    str(collection.count),
                    lowest,
                    highest,
                    str(field.n_saturated),
                    str(field.n_out_of_range),
                ]
            )
    print_table(["field", "objects", "lowest", "highest", "saturated", "out of range"], rows)
    typer.echo(f"fields that this file does not have: {', '.join(summary.missing) or 'none'}")
    missing = ", ".join(layout.missing_in(summary))
    typer.echo(f"layout {layout.name}: {'missing ' + missing if missing else 'complete'}")
    for era, name in MUON_ERAS:
        lacking = _missing(layout, era, summary)
        said = f"missing {', '.join(lacking)}" if lacking else "complete"
        typer.echo(f"  eras with {name}: {said}")
    typer.echo(f"weights: {'yes' if summary.weighted else 'no, every crossing counts the same'}")
    typer.echo(f"decisions: {summary.decisions or 'none'} for each entry")
    typer.echo("values: " + ("mapped from floats" if summary.float_valued else "hardware integers"))
    for each in era_inputs(summary):
        typer.echo(f"input {each}")
    for note in summary.notes:
        typer.echo(f"note: {note}")
    if summary.provenance:
        typer.echo(f"made by: {summary.provenance}")


def convert(
    files: Files,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A .root, .parquet, .txt, .txt.xz or .txt.gz file."),
    ],
    *,
    source: Source = SourceName.unpacked,
    crossings: Crossings = "0",
    most: Annotated[
        int | None, typer.Option(min=1, help="Take so many entries at most (an orbit has 3564).")
    ] = None,
    algorithms: Annotated[
        Path | None,
        typer.Option(
            help="The menu: names for a test vector's decisions, or the bits of named ones.",
            metavar="ALGOS.json",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Write L1 objects in another format: L1 NanoAOD, Parquet (public data set) or uGT test vector.

    Objects keep the order of the file. What the output cannot hold is named.

    Example:

        l1distill convert TestVector.txt.xz -o vector.root --algorithms algos_MENU.json
    """
    from emulator.menu import load_menu
    from l1distill.caveats import file_caveats
    from l1distill.convert import convert_files

    result = convert_files(
        files,
        output,
        source=source.value,
        crossings=parse_integers(crossings, "--crossings"),
        most=most,
        menu=None if algorithms is None else load_menu(algorithms),
    )
    if as_json:
        print_json(result.as_dict())
        return 0
    typer.echo(f"{result.n_crossings} crossings written to {result.output} ({result.format_name})")
    if result.left_out:
        typer.echo(f"left out, {result.format_name} has no place: {', '.join(result.left_out)}")
    if result.filled:
        typer.echo(f"written as 0, not every file tells them: {', '.join(result.filled)}")
    marked = [str(output)] if result.float_valued else files
    print_caveats(file_caveats(marked, source="unpacked" if result.float_valued else source.value))
    return 0


def emulate(
    model: ModelFile,
    files: Files,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="A .parquet, .arrow (largest, written fastest) or .root file for the scores.",
        ),
    ],
    *,
    source: Source = SourceName.unpacked,
    crossings: Crossings = "0",
    jobs: Jobs = PROCESSORS,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder where decoded files are kept, so that the next model need not decode them.",
            show_default="in the user's cache folder, at most 20 GB",
        ),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Decode the files, and keep nothing of them.")
    ] = False,
    trace: Annotated[
        list[str] | None,
        typer.Option(
            help="Write the integers of this node too; may be repeated. `model show` names the nodes.",
            metavar="NODE",
            show_default=False,
        ),
    ] = None,
    kernel: Kernel = None,
    as_json: AsJson = False,
) -> int:
    """Score L1 objects with a model: one row per crossing, with the decision at each threshold.

    Files are decoded once and kept; a second model, or a second time, runs at the speed of the engine.

    Example:

        l1distill emulate student.json L1Ntuple.root -o scores.parquet
    """
    from emulator.decoded import Store
    from emulator.errors import SettingsError
    from emulator.files import user_cache_folder
    from emulator.model import load_model
    from l1distill.caveats import file_caveats
    from l1distill.emulation import emulate_files

    if no_cache and cache is not None:
        msg = "--cache and --no-cache exclude each other"
        raise SettingsError(msg)
    store = None if no_cache else Store(cache or user_cache_folder() / "decoded")
    caveats = file_caveats(files, source=source.value)
    result = emulate_files(
        load_model(model),
        files,
        output,
        source=source.value,
        crossings=parse_integers(crossings, "--crossings"),
        threads=jobs,
        store=store,
        trace=trace or (),
        kernel=kernel,
    )
    if as_json:
        print_json({**result.as_dict(), "caveats": list(caveats)})
        return 0
    print_caveats(caveats)
    typer.echo(
        f"{result.n_crossings} crossings scored by {result.model}, scores {result.score_min} to "
        f"{result.score_max}, written to {result.output}"
    )
    for name, fires in result.fires.items():
        typer.echo(f"  {name}: {fires} fire")
    return 0
