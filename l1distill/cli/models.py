"""``l1distill model``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Crossings,
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
    from emulator.engine import Plan
    from emulator.model import Model
    from l1distill.foreign import ImportOptions


def show(model: ModelFile, *, as_json: AsJson = False) -> int:
    """Show a network: layout, nodes with types, ranges, EBOPs and weights, thresholds, identity.

    EBOPs are effective bit operations, the sum of the products of bit widths over all multiplications
    (arXiv:2405.00645): near LUT + 55 DSP when all are unrolled.

    Example:

        l1distill model show student.json
    """
    from emulator.engine import plan
    from emulator.model import load_model

    loaded = load_model(model)
    planned = plan(loaded.graph)
    if as_json:
        print_json(_plain(loaded, planned))
        return 0
    typer.echo(f"{loaded.name}, network {loaded.network_sha256}")
    era = loaded.layout.era
    eta = "" if era.muon_eta == "vertex" else f", muon eta {era.muon_eta}"
    order = "" if loaded.layout.order == "pt" else f", objects in {loaded.layout.order} order"
    typer.echo(
        f"layout {loaded.layout.name}: {len(loaded.layout)} features, pT {era.pt}, "
        f"muon position {era.muon_position}{eta}{order}"
    )
    _print_nodes(loaded, planned)
    typer.echo(f"score: {loaded.score}, one count is {2.0 ** -_score_fraction(loaded):g}")
    for threshold in loaded.thresholds:
        target = f" for {threshold.target_khz:g} kHz" if threshold.target_khz is not None else ""
        bit = f", bit {threshold.bit} of {threshold.menu}" if threshold.menu else ""
        typer.echo(f"threshold {threshold.name}: score >= {threshold.threshold}{target}{bit}")
    return 0


def import_network(
    source: Annotated[
        Path,
        typer.Argument(
            help="A network: JSON l1-fixed-point-network/1, Keras with HGQ2 (.keras), QONNX (.onnx), "
            "a serialised hls4ml model (.fml), or a torch state dict (.pt) with --types.",
            metavar="SOURCE",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model file.", metavar="MODEL.json")
    ],
    *,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Features of a foreign network: a name or a YAML file.", show_default=False
        ),
    ] = None,
    types: Annotated[
        Path | None,
        typer.Option(help="Types of the layers of a torch nn.Sequential, YAML.", metavar="FILE"),
    ] = None,
    scaling: Annotated[
        Path | None,
        typer.Option(
            help="Offsets and shifts between hardware integers and the inputs of a foreign network, YAML.",
            metavar="FILE",
        ),
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="The output that is the score, if there are several.")
    ] = None,
    events: Annotated[
        int | None,
        typer.Option(
            help="Random events on which hls4ml's C-simulation of a foreign network must give the "
            "same; 20000 if omitted, 0 for no proof.",
            min=0,
            show_default=False,
        ),
    ] = None,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Make a model file of a network in another form, exactly, or refuse it naming the layer.

    What the file is, its content says. The worked example of the JSON form is checked; networks of
    other programs are compared with the C-simulation of hls4ml. No code in the file is run.

    Example:

        l1distill model import axol1tl_v3.json -o axol1tl_v3_model.json

        l1distill model import student.keras -o student.json

        l1distill model import student.pt --types student_types.yaml -o student.json
    """
    from emulator.errors import SettingsError
    from firmware.foreign import EVENTS
    from l1distill.foreign import DEFAULT_LAYOUT, ImportOptions, foreign_kind

    if output.resolve() == source.resolve():
        msg = f"{output}: is read from and would be replaced; give the model file another name"
        raise SettingsError(msg)
    kind = foreign_kind(source)
    if kind is not None:
        options = ImportOptions(
            layout=layout or DEFAULT_LAYOUT,
            types=types,
            scaling=scaling,
            score=score,
            n_events=EVENTS if events is None else events,
            threads=jobs,
        )
        return _import_foreign(source, output, kind, options, as_json=as_json)
    for name, value in (
        *(("layout", layout), ("types", types), ("scaling", scaling)),
        *(("score", score), ("events", events)),
    ):
        if value is not None:
            msg = f"{source}: the JSON form says all itself, --{name} is for networks of other programs"
            raise SettingsError(msg)
    return _import_form(source, output, as_json=as_json)


def _import_foreign(
    source: Path, output: Path, kind: str, options: ImportOptions, *, as_json: bool
) -> int:
    from emulator.model import save_model
    from l1distill.foreign import import_foreign

    model, proof = import_foreign(source, kind, options)
    save_model(model, output)
    if as_json:
        print_json(
            {
                "model": str(output),
                "name": model.name,
                "network_sha256": model.network_sha256,
                "imported_from": model.provenance["imported_from"],
                "proof": None if proof is None else proof.as_dict(),
            }
        )
        return 0
    typer.echo(
        f"{model.name}: {model.provenance['imported_from']}, {len(model.layout)} features, network "
        f"{model.network_sha256}, written to {output}"
    )
    if proof is None:
        typer.echo("not compared with hls4ml's C-simulation, as asked")
    else:
        typer.echo(
            f"hls4ml's C-simulation: {proof.n_mismatch} mismatches in {proof.n_events} random "
            f"events with {proof.n_values} different results"
        )
    return 0


def _import_form(source: Path, output: Path, *, as_json: bool) -> int:
    from emulator.engine import check_example
    from emulator.errors import ModelFileError
    from emulator.model import import_network_form, save_model

    model, example = import_network_form(source)
    if example is not None:
        try:
            check_example(model, example)
        except ModelFileError as error:
            msg = f"{source}: {error}"
            raise ModelFileError(msg) from error
    save_model(model, output)
    checked = example is not None
    if as_json:
        print_json(
            {
                "model": str(output),
                "name": model.name,
                "network_sha256": model.network_sha256,
                "example_checked": checked,
                "thresholds": [asdict(threshold) for threshold in model.thresholds],
            }
        )
        return 0
    typer.echo(
        f"{model.name}: {len(model.layout)} features, {len(model.thresholds)} thresholds, network "
        f"{model.network_sha256}, written to {output}"
    )
    example_said = (
        "gives the same raws in every layer" if checked else "none is given, none checked"
    )
    typer.echo(f"worked example: {example_said}")
    return 0


def check(
    model: ModelFile,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show what is proved of each node.")] = False,
    kernel: Kernel = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            help="Count wraps and saturations on a file of L1 objects; may be repeated.",
            metavar="FILE",
        ),
    ] = None,
    source: Source = SourceName.unpacked,
    crossings: Crossings = "0",
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Check a model file: every rule of every node, its hash, its overflows, the widths proved.

    A number that leaves the range of its type wraps, saturates or becomes 0, and nothing else tells:
    the commonest way in which a trigger network goes wrong. Where that is possible is proved for all
    inputs; --on counts how often it happens.

    Example:

        l1distill model check student.json --on L1Ntuple.root
    """
    from emulator.engine import plan as make_plan
    from emulator.model import load_model
    from l1distill.caveats import file_caveats
    from l1distill.model_caveats import model_caveats
    from l1distill.overflow_counts import overflow_report

    loaded = load_model(model)
    planned = make_plan(loaded.graph, kernel)
    report = overflow_report(
        loaded,
        on or (),
        source=source.value,
        crossings=parse_integers(crossings, "--crossings"),
        threads=jobs,
    )
    caveats = (*model_caveats(loaded, planned), *file_caveats(on or (), source=source.value))
    if as_json:
        overflows = report.as_dict()
        print_json({**_plain(loaded, planned), "overflows": overflows, "caveats": list(caveats)})
        return 0
    if plan:
        _print_plan(planned)
    typer.echo(f"{loaded.name}: all rules hold; the engine runs it with {_kernels(planned)}")
    if on and report.counts:
        columns = ["node", "place", "type", "effect", "crossings", "share", "overflows"]
        print_table(columns, report.table())
    for sentence in report.sentences():
        typer.echo(sentence)
    print_caveats(caveats)
    return 0


def _print_plan(planned: Plan) -> None:
    print_table(
        ["node", "kernel", "raws", "stored bits", "computed bits", "reason"],
        [
            [
                node.node,
                node.kernel,
                f"{node.low} … {node.high}",
                str(node.stored_bits),
                str(node.computed_bits),
                node.reason,
            ]
            for node in planned.nodes
        ],
    )


def _kernels(planned: Plan) -> str:
    """Name the kernels of a plan: those of lanes, then the tiles that run the rest."""
    lanes = [node.kernel for node in planned.nodes if node.kernel.startswith(("scale", "dot"))]
    names: list[str] = list(dict.fromkeys(lanes))
    others = [node for node in planned.nodes if node.kernel not in {"load", "none", *lanes}]
    if others and planned.tile_bits:
        names.append(f"{planned.tile_bits}-bit tiles")
    elif others:
        names.append("Python integers (slow)")
    return ", ".join(names) or "nothing: its inputs are its outputs"


def _score_fraction(model: Model) -> int:
    return model.graph.tensors[model.score].format.fraction


def _plain(model: Model, planned: Plan) -> dict[str, object]:
    from emulator.graph import graph_cost, total_ebops

    return {
        "name": model.name,
        "network_sha256": model.network_sha256,
        "layout": model.layout.as_dict(),
        "score": model.score,
        "thresholds": [
            {"name": item.name, "threshold": item.threshold, "target_khz": item.target_khz}
            for item in model.thresholds
        ],
        "ebops": total_ebops(model.graph),
        "cost": [cost.as_dict() for cost in graph_cost(model.graph)],
        "plan": planned.as_dict(),
    }


def _print_nodes(model: Model, planned: Plan) -> None:
    from emulator.graph import graph_cost

    rows = []
    costs = graph_cost(model.graph)
    for node, proved, cost in zip(model.graph.nodes, planned.nodes, costs, strict=True):
        tensor = model.graph.tensors[node.name]
        rows.append(
            [
                node.name,
                proved.operation,
                ", ".join(node.inputs),
                " × ".join(map(str, tensor.shape)),
                str(tensor.format),
                f"{proved.low} … {proved.high}",
                str(cost.ebops) if cost.ebops else "-",
                f"{cost.n_nonzero} of {cost.n_weights}" if cost.n_weights else "-",
            ]
        )
    columns = ["node", "operation", "inputs", "shape", "type", "raws", "EBOPs", "nonzero weights"]
    print_table(columns, rows)
    n_weights, n_nonzero = (
        sum(getattr(cost, name) for cost in costs) for name in ("n_weights", "n_nonzero")
    )
    ebops = sum(cost.ebops for cost in costs)
    typer.echo(f"total: {ebops} EBOPs, {n_nonzero} of {n_weights} weights are not 0")
