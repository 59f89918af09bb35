"""``l1distill firmware build``: an HLS project for a user with the vendor's tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, ModelFile, Seed, Source, SourceName
from l1distill.cli.options import print_json as print_record

if TYPE_CHECKING:
    from emulator.model import Model
    from firmware.hls import HlsSettings, Vectors

VectorFiles = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files with L1 objects whose first crossings become vectors; random integers if none.",
        metavar="[FILE]...",
        show_default=False,
    ),
]
VectorEvents = Annotated[int, typer.Option("--events", min=1, help="Crossings in the vectors.")]


def build(
    model: ModelFile,
    files: VectorFiles = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of the project; an earlier one is replaced."),
    ],
    study: Annotated[
        Path | None,
        typer.Option(
            help="Take back end, strategy, reuse, board, part and clock from a study file; options win.",
            metavar="STUDY.yaml",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(help="VU13P, or uGT: part and clock of the Global Trigger of Run 3."),
    ] = None,
    backend: Annotated[str | None, typer.Option(help="Vitis or Vivado.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Latency, Resource or distributed_arithmetic.")
    ] = None,
    reuse_factor: Annotated[
        int | None, typer.Option(help="Multiplications per multiplier.")
    ] = None,
    clock: Annotated[
        float | None, typer.Option("--clock", help="Period of the clock in ns.")
    ] = None,
    part: Annotated[str | None, typer.Option(help="Name of the FPGA.")] = None,
    events: VectorEvents = 1_000,
    check: Annotated[
        bool, typer.Option(help="Compile the test bench with g++ and run it, seconds.")
    ] = True,
    source: Source = SourceName.unpacked,
    seed: Seed = 1,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Write the hls4ml project of a model file: C++, weights, test bench with vectors, scripts, README.

    The test bench compares each crossing of its vectors bit for bit with what the plain-Python
    reference gives, and fails in C-simulation and co-simulation alike if one differs; exit 1 if it
    does here. The README in the project says how to run synthesis and to bring reports back.

    Example:

        l1distill firmware build student.json zerobias.root -o hls --strategy distributed_arithmetic
    """
    from emulator.model import load_model
    from firmware.hls import run_test_bench, write_full_project

    loaded = load_model(model)
    settings = _settings(
        study,
        board,
        backend=backend,
        strategy=strategy,
        reuse_factor=reuse_factor,
        clock_period_ns=clock,
        part=part,
    )
    folder = write_full_project(
        loaded.graph,
        output,
        vectors_of(loaded, files, events, source, seed),
        settings,
        name=loaded.name,
        network_sha256=loaded.network_sha256,
        jobs=jobs,
    )
    result = run_test_bench(folder) if check else None
    if as_json:
        bench = None if result is None else result.as_dict()
        print_record({"folder": str(folder), "test_bench": bench})
        return int(result is not None and not result.passed)
    typer.echo(
        f"hls4ml project ({settings.backend}, {settings.strategy}, {settings.part}, "
        f"{settings.clock_period_ns:g} ns) written to {folder}"
    )
    if result is not None:
        verdict = "passes" if result.passed else "FAILS"
        typer.echo(f"its test bench {verdict}: {result.said.removeprefix('INFO: ')}")
    typer.echo(f"how to run synthesis and bring reports back: {folder / 'README.md'}")
    return int(result is not None and not result.passed)


def vectors_of(
    model: Model, files: list[str] | None, events: int, source: SourceName, seed: int
) -> Vectors:
    """Return the first crossings of files as rows of the model, or random ones without files."""
    from emulator.features import feature_rows
    from firmware.hls import Vectors
    from l1distill.first_crossings import first_events

    if not files:
        return Vectors.random(model.graph, events, seed)
    read = first_events(files, events, source=source.value, order=model.layout.order)
    names = ", ".join(Path(name).name for name in files)
    return Vectors(feature_rows(read, model.layout), f"the first {len(read)} crossings of {names}")


def _settings(study: Path | None, board: str | None, **chosen: str | float | None) -> HlsSettings:
    """Join what options say with what a study file says."""
    from firmware.hls import HlsSettings

    if study is None:
        return HlsSettings.for_board(board or "VU13P", **chosen)
    from l1distill.study.settings import load_study

    comparison = load_study(study).comparison
    given = comparison.model_dump(
        include={"backend", "strategy", "reuse_factor", "part", "clock_period_ns"}
    )
    if board is not None:  # part and clock of the study are those of another board
        given |= {"part": None, "clock_period_ns": None}
    options = {name: value for name, value in chosen.items() if value is not None}
    return HlsSettings.for_board(board or comparison.board, **{**given, **options})
