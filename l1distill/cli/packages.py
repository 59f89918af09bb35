"""``l1distill firmware package``, ``verify`` and ``reports``: what goes to others and comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.hls_projects import VectorFiles
from l1distill.cli.options import AsJson, ModelFile, Seed, Source, SourceName, print_json
from l1distill.console import print_table

if TYPE_CHECKING:
    from emulator.objects.chunks import Order
    from firmware.package import Package, PackageEvents


def package(
    model: ModelFile,
    files: VectorFiles = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The package; an earlier one is replaced.")
    ],
    version: Annotated[
        str, typer.Option(help="Version of the model, part of C++ names and conditions.")
    ] = "v1",
    algorithm: Annotated[str, typer.Option(help="The network as the menu calls it.")] = "AXO",
    menu: Annotated[
        str | None, typer.Option(help="Take the thresholds of this menu; all by default.")
    ] = None,
    first_bit: Annotated[
        int, typer.Option(min=0, help="Algorithm bit of the first threshold that has none.")
    ] = 0,
    events: Annotated[
        int, typer.Option("--events", min=1, help="Crossings in the vectors.")
    ] = 5_000,
    seed: Seed = 1,
    check: Annotated[
        bool, typer.Option(help="Build the library and run it on the vectors before delivery.")
    ] = True,
    source: Source = SourceName.unpacked,
    as_json: AsJson = False,
) -> int:
    """Write what an experiment takes over: C++ model, menu, vectors, QONNX, checksums.

    The C++ model is a library with create_model and destroy_model, as CMSSW's model loader expects
    them. It is built here and must give our scores on all vectors, bit for bit. Without files the
    vectors are random hardware integers, which test implementations and say nothing of physics.

    Example:

        l1distill firmware package student.json zerobias.root -o delivery --version v2
    """
    from emulator.model import load_model
    from firmware.package import PackageEvents, write_package

    loaded = load_model(model)
    crossings = (
        _first_crossings(files, events, source, loaded.layout.order)
        if files
        else PackageEvents.random(events, seed)
    )
    written = write_package(
        loaded,
        output,
        crossings,
        version=version,
        algorithm=algorithm,
        menu=menu,
        first_bit=first_bit,
        check=check,
    )
    if as_json:
        print_json(written.as_dict())
    else:
        _print(written, check=check)
    return 0


def _first_crossings(
    files: list[str], events: int, source: SourceName, order: Order
) -> PackageEvents:
    from firmware.package import PackageEvents
    from l1distill.first_crossings import first_events

    read = first_events(files, events, source=source.value, order=order)
    names = ", ".join(Path(name).name for name in files)
    return PackageEvents(read, f"the first {len(read)} of {names}")


def _print(written: Package, *, check: bool) -> None:
    typer.echo(f"package written to {written.folder}")
    proof = f"gives our scores on all {written.n_events} crossings" if check else "was not built"
    typer.echo(f"its library {written.library} {proof}")
    print_table(
        ["seed", "bit", "condition", "threshold"],
        [
            [one.seed, str(one.bit), one.expression, str(one.threshold)]
            for one in written.conditions
        ],
    )
    for part, reason in written.left_out.items():
        typer.echo(f"left out: {part}: {reason}")


def verify(
    folder: Annotated[Path, typer.Argument(help="A package.", metavar="DIR")],
    *,
    as_json: AsJson = False,
) -> int:
    """Compare the files of a package with its checksums; exit 1 if one is changed or missing.

    Example:

        l1distill firmware verify delivery
    """
    from firmware.package import verify_package

    found = verify_package(folder)
    if as_json:
        print_json(found.as_dict())
        return int(not found.intact)
    for name in found.changed:
        typer.echo(f"changed: {name}")
    for name in found.missing:
        typer.echo(f"missing: {name}")
    for name in found.extra:
        typer.echo(f"not of the package: {name}")
    n_good = found.n_files - len(found.changed) - len(found.missing)
    typer.echo(f"{n_good} of {found.n_files} files are as they were written")
    return int(not found.intact)


def reports(
    folder: Annotated[
        Path,
        typer.Argument(help="A project after synthesis, or copies of its reports.", metavar="DIR"),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the record as JSON too.", metavar="FILE.json"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Bring them into results and report of the student's run folder.", metavar="RUN"
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Read what the vendor's tools reported: HLS, co-simulation, utilisation, timing.

    Each number comes with its flow and stage. With --run they stand beside the estimates in results.json
    and report.html of a study, also when it is run again. Exit 1 if co-simulation failed or timing is
    not met.

    Example:

        l1distill firmware reports hls --run runs/quick
    """
    from emulator.files import replace_file
    from firmware.reports import read_reports

    found = read_reports(folder)
    if run is not None:
        from l1distill.study.vendor_reports import add_reports

        model = add_reports(run, found, folder)
    if output is not None:
        with replace_file(output) as temporary:
            text = json.dumps(found.as_dict(), indent=1)
            temporary.write_text(f"{text}\n", encoding="utf-8")
    if as_json:
        print_json(found.as_dict())
        return int(bool(found.complaints))
    if found.network:
        typer.echo(f"{found.network}, network {found.network_sha256}")
    print_table(
        ["quantity", "value", "flow", "stage", "source"],
        [
            [one.quantity, f"{one.value:,.6g}", one.flow, one.stage, one.source]
            for one in found.figures()
        ],
    )
    for complaint in found.complaints:
        typer.echo(complaint)
    if run is not None:
        typer.echo(f"brought into {run / 'results.json'} and report.html, as costs of {model}")
    return int(bool(found.complaints))
