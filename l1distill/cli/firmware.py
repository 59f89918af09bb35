"""``l1distill firmware``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, ModelFile, print_json
from l1distill.console import Reporter, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.model import Model
    from firmware.cost import CostFigure
    from firmware.rtl import RtlSettings

Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder of the project; replaced.")]
OnBoard = Annotated[
    str, typer.Option(help="VU13P, or uGT: part and clock of the Global Trigger of Run 3.")
]
Clock = Annotated[
    float | None, typer.Option("--clock", help="Period of the clock in ns, if not the board's.")
]
Part = Annotated[str | None, typer.Option(help="Name of the FPGA, if not the board's.")]
#: Of reports; `firmware reports` shows all that they say.
QUANTITIES = {"luts", "ffs", "dsps", "latency_ns"}


def csim(
    model: ModelFile, output: Folder, *, jobs: Jobs = PROCESSORS, as_json: AsJson = False
) -> int:
    """Compile the C-simulation of a model file, or find it compiled; show what that took.

    Example:

        l1distill firmware csim student.json -o simulations
    """
    from emulator.model import load_model
    from firmware.csim import CSimulation

    simulation = CSimulation.build(load_model(model).graph, output, threads=jobs)
    cost = simulation.build_cost
    if as_json:
        print_json({"folder": str(simulation.project), **cost.as_dict()})
        return 0
    typer.echo(
        f"C-simulation in {simulation.project}, compiled in {cost.seconds:.1f} s with at most "
        f"{cost.peak_mib:.0f} MiB"
    )
    return 0


def rtl(
    model: ModelFile,
    output: Folder,
    *,
    board: OnBoard = "VU13P",
    clock: Clock = None,
    part: Part = None,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Write pipelined Verilog of a model file, simulate it, and measure its latency.

    Example:

        l1distill firmware rtl student.json -o rtl --clock 5
    """
    from emulator.model import load_model
    from firmware.rtl import build_project

    settings = _rtl_settings(board, clock, part)
    project = build_project(load_model(model).graph, output.resolve(), settings, jobs=jobs)
    if as_json:
        print_json(project.as_dict())
        return 0
    typer.echo(f"Verilog written to {project.folder / 'src'}, top module {project.top}")
    if project.timing is None:
        typer.echo("latency: not measured, no input that was tried moves the outputs")
    else:
        typer.echo(
            f"latency: {project.timing.latency_clocks} clocks, {project.latency_ns:g} ns at "
            f"{settings.clock_period_ns:g} ns a clock; a new crossing every "
            f"{project.timing.initiation_interval_clocks} clock (measured in the RTL simulation)"
        )
    size = project.estimate
    typer.echo(
        f"size: {size.luts:,} LUTs and {size.ffs:,} flip-flops, good to a factor of two "
        f"(estimate of {size.source})"
    )
    return 0


def estimate(
    model: ModelFile,
    *,
    board: OnBoard = "VU13P",
    clock: Clock = None,
    part: Part = None,
    plan: Annotated[
        bool, typer.Option(help="Ask alkaid too, about ten seconds (extra rtl).")
    ] = True,
    synthesis: Annotated[
        bool, typer.Option("--yosys", help="Ask Yosys too, minutes (extra yosys).")
    ] = False,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            help="Show what the vendor's tools reported of this network beside it; may be repeated.",
            metavar="DIR",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Estimate what a model file costs, flow by flow; each figure has its range and source.

    Example:

        l1distill firmware estimate student.json --yosys
    """
    from emulator.model import load_model
    from firmware.cost import estimate_cost

    settings = _rtl_settings(board, clock, part)
    loaded = load_model(model)
    reported = [figure for folder in reports or () for figure in _reported(folder, loaded)]
    ask = partial(estimate_cost, loaded.graph, settings, plan=plan, synthesis=synthesis)
    if synthesis:
        with Reporter().progress("Yosys") as progress:
            figures = ask(progress=progress)
    else:
        figures = ask()
    figures = (*figures, *reported)
    if as_json:
        print_json([figure.as_dict() for figure in figures])
        return 0
    print_table(
        ["quantity", "value", "range", "flow", "stage", "source"],
        [_row(figure) for figure in figures],
    )
    _print_flows(figures)
    return 0


def _rtl_settings(board: str, clock: float | None, part: str | None) -> RtlSettings:
    """Return clock and part of a board, or what was asked instead."""
    from firmware.hls import HlsSettings
    from firmware.rtl import RtlSettings

    chosen = HlsSettings.for_board(board, clock_period_ns=clock, part=part)
    return RtlSettings(clock_period_ns=chosen.clock_period_ns, part=chosen.part)


def _reported(folder: Path, model: Model) -> tuple[CostFigure, ...]:
    """Return the figures of reports, which must be of the model."""
    from emulator.errors import SettingsError
    from firmware.reports import read_reports

    found = read_reports(folder)
    if found.network_sha256 not in {"", model.network_sha256}:
        msg = (
            f"{folder}: reports network {found.network_sha256[:12]}, {model.name} is "
            f"{model.network_sha256[:12]}"
        )
        raise SettingsError(msg)
    return tuple(one for one in found.figures() if one.quantity in QUANTITIES)


def _print_flows(figures: Sequence[CostFigure]) -> None:
    """Show the LUTs of the flows side by side, the last word at each stage."""
    from firmware.cost import luts_by_stage

    rows = luts_by_stage(figures)
    flows = list(dict.fromkeys(flow for row in rows for flow in row.luts))
    typer.echo("LUTs, flows side by side:")
    print_table(
        ["stage", *flows],
        [[row.stage, *(_luts(row.luts.get(flow)) for flow in flows)] for row in rows],
    )
    for row in rows:
        if row.saved is not None:
            typer.echo(
                f"distributed arithmetic would save {row.saved:.0%} of the LUTs of the latency flow "
                f"({row.stage} of both, within their ranges)"
            )


def _luts(figure: CostFigure | None) -> str:
    if figure is None:
        return "–"
    span = "" if figure.is_counted else f" ({figure.low:,.0f} to {figure.high:,.0f})"
    return f"{figure.value:,.0f}{span}"


def _row(figure: CostFigure) -> list[str]:
    span = "counted" if figure.is_counted else f"{figure.low:,.0f} to {figure.high:,.0f}"
    value = f"{figure.value:,.0f}"
    return [figure.quantity, value, span, figure.flow, figure.stage, figure.source]
