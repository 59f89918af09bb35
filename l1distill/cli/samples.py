"""``l1distill samples``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, Seed, print_json
from l1distill.console import Reporter


def generate(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")],
    *,
    tier: Annotated[str, typer.Option(help="How much to make, for example quick.")] = "quick",
    pileup: Annotated[
        float, typer.Option(min=0.0, help="Mean number of collisions in a crossing.")
    ] = 50.0,
    seed: Seed = 1,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Make zero-bias crossings and signals with Pythia, as ROOT files in the L1 NanoAOD layout.

    Example:

        l1distill samples generate --tier quick -o samples
    """
    from emulator.samples import generate as generate_samples

    with Reporter().progress("samples") as progress:
        manifest = generate_samples(
            tier, output, scenario_pileup=pileup, seed=seed, jobs=jobs, progress=progress
        )
    if as_json:
        print_json(manifest.as_dict())
        return 0
    for file in manifest.files:
        typer.echo(f"{output / file.name}: {file.crossings} crossings of {file.process}")
    return 0
