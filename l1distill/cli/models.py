"""``l1distill model``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import AsJson, ModelFile, print_json
from l1distill.console import print_table

if TYPE_CHECKING:
    from emulator.engine import Plan
    from emulator.model import Model


def show(model: ModelFile, *, as_json: AsJson = False) -> int:
    """Show a network: layout, nodes with types and ranges, thresholds, identity.

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
    typer.echo(
        f"layout {loaded.layout.name}: {len(loaded.layout)} features, pT {era.pt}, "
        f"muon position {era.muon_position}"
    )
    _print_nodes(loaded, planned)
    typer.echo(f"score: {loaded.score}, one count is {2.0 ** -_score_fraction(loaded):g}")
    for threshold in loaded.thresholds:
        target = f" for {threshold.target_khz:g} kHz" if threshold.target_khz is not None else ""
        typer.echo(f"threshold {threshold.name}: score >= {threshold.threshold}{target}")
    return 0


def check(
    model: ModelFile,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Show what is proved of each node.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check a model file: every rule of every node, its hash, and the widths the engine proves.

    Example:

        l1distill model check --plan student.json
    """
    from emulator.engine import plan as make_plan
    from emulator.model import load_model

    loaded = load_model(model)
    planned = make_plan(loaded.graph)
    if as_json:
        print_json(_plain(loaded, planned))
        return 0
    if plan:
        print_table(
            ["node", "kernel", "stored bits", "computed bits", "reason"],
            [
                [
                    node.node,
                    node.kernel,
                    str(node.stored_bits),
                    str(node.computed_bits),
                    node.reason,
                ]
                for node in planned.nodes
            ],
        )
    tiles = f"{planned.tile_bits}-bit tiles" if planned.tile_bits else "Python integers (slow)"
    typer.echo(f"{loaded.name}: all rules hold; the engine runs it with {tiles}")
    return 0


def _score_fraction(model: Model) -> int:
    return model.graph.tensors[model.score].format.fraction


def _plain(model: Model, planned: Plan) -> dict[str, object]:
    return {
        "name": model.name,
        "network_sha256": model.network_sha256,
        "layout": model.layout.as_dict(),
        "score": model.score,
        "thresholds": [
            {"name": item.name, "threshold": item.threshold, "target_khz": item.target_khz}
            for item in model.thresholds
        ],
        "plan": planned.as_dict(),
    }


def _print_nodes(model: Model, planned: Plan) -> None:
    rows = []
    for node, proved in zip(model.graph.nodes, planned.nodes, strict=True):
        tensor = model.graph.tensors[node.name]
        rows.append(
            [
                node.name,
                proved.operation,
                ", ".join(node.inputs),
                str(tensor.size),
                str(tensor.format),
                f"{proved.low} … {proved.high}",
            ]
        )
    print_table(["node", "operation", "inputs", "size", "type", "raws"], rows)
