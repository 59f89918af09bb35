"""``l1distill samples``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from l1distill.cli.options import PROCESSORS, AsJson, Jobs, Seed, parse_rates, print_json
from l1distill.console import Reporter

if TYPE_CHECKING:
    from collections.abc import Mapping


def generate(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")],
    *,
    tier: Annotated[str, typer.Option(help="How much to make, for example quick.")] = "quick",
    pileup: Annotated[
        str,
        typer.Option(
            help="Collisions in a crossing: the mean of Poisson numbers, fixed:N, a packaged profile "
            "(pileup_spread), or a YAML file with a histogram of means."
        ),
    ] = "50",
    scale: Annotated[
        float, typer.Option(help="This many times the units of the tier; 0.1 for a tenth.")
    ] = 1.0,
    part: Annotated[
        str, typer.Option(help="Make only part i of n, for a cluster.", metavar="i/n")
    ] = "1/1",
    tiers: Annotated[
        Path | None, typer.Option(help="YAML of tiers other than the packaged ones.")
    ] = None,
    processes: Annotated[
        Path | None, typer.Option(help="YAML of processes other than the packaged one.")
    ] = None,
    response: Annotated[
        Path | None, typer.Option(help="Response card other than the packaged one.")
    ] = None,
    seed: Seed = 1,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Make zero-bias crossings and signals with Pythia, as ROOT files in the L1 NanoAOD layout.

    An interrupted run goes on where it was when it is started again.

    Example:

        l1distill samples generate --tier quick -o samples

        l1distill samples generate --tier release --scale 3 --part 2/12 -o samples

        l1distill samples generate --pileup fixed:40 -o samples
    """
    from emulator.samples import generate as generate_samples
    from emulator.samples import load_generator, load_response, load_tier
    from emulator.samples.pileup import load_pileup

    with Reporter().progress("samples") as progress:
        manifest = generate_samples(
            load_tier(tier, tiers) if tiers else tier,
            output,
            scenario_pileup=load_pileup(pileup),
            seed=seed,
            jobs=jobs,
            scale=scale,
            part=_part(part),
            generator=load_generator(processes) if processes else None,
            response=load_response(response) if response else None,
            progress=progress,
        )
    if as_json:
        print_json(manifest.as_dict())
        return 0
    for file in manifest.files:
        typer.echo(f"{output / file.name}: {file.crossings} crossings of {file.process}")
    if manifest.cpu_seconds:
        typer.echo(_processor_time(manifest.cpu_seconds))
    return 0


def plan(
    samples: Annotated[
        Path, typer.Argument(help="Folder of generated samples to learn from.", metavar="SAMPLES")
    ],
    *,
    rate: Annotated[float, typer.Option(help="Rate of the score, kHz.")],
    error: Annotated[float, typer.Option(help="Wanted statistical error of the rate, percent.")],
    model: Annotated[
        Path | None, typer.Option(help="Score of this model file.", metavar="MODEL.json")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Or a plain seed: HTT, MET, 'leading muon' and so on.")
    ] = None,
    scenario: Annotated[str, typer.Option(help="Rate scenario.")] = "run3_pu50",
    tier: Annotated[
        str | None, typer.Option(help="Fail if this tier does not reach the wanted error.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Scale of that tier.")] = 1.0,
    law: Annotated[
        bool,
        typer.Option("--law", help="Measure how the error falls with the number of units."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Say how many pool events and crossings a wanted error takes, and what limits it.

    Example:

        l1distill samples plan samples --model student.json --rate 1 --error 10

        l1distill samples plan samples --score HTT --rate 1 --error 10 --tier release

        l1distill samples plan samples --model student.json --rate 1 --error 10 --law
    """
    from l1distill.sample_plan import plan_for_score, require_tier

    found = plan_for_score(
        samples,
        model=model,
        score=score,
        rate_khz=rate,
        error_percent=error,
        scenario=scenario,
        law=law,
    )
    if tier is not None:
        require_tier(found, tier, scale)
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(found.text())
    return 0


def describe(
    samples: Annotated[
        Path, typer.Argument(help="Folder of generated samples.", metavar="SAMPLES")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the card.")],
    *,
    pileups: Annotated[
        str, typer.Option(help="Mean pile-ups to overlay the pools at, comma-separated.")
    ] = "30,40,50,60",
    cards: Annotated[
        int, typer.Option(min=0, help="Response cards to draw at random inside their bands.")
    ] = 8,
    scenario: Annotated[str, typer.Option(help="Rate scenario.")] = "run3_pu50",
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Write the sample card: spectra, rates of standard seeds, resolutions and turn-ons, as a page.

    Example:

        l1distill samples describe samples -o card
    """
    from emulator.rates import load_scenario
    from emulator.samples.description import describe as describe_samples
    from l1distill.sample_card import write_sample_card

    wanted = parse_rates(pileups, "--pileups")
    if not all(0.0 < pileup < 1000.0 for pileup in wanted):
        msg = f"--pileups takes numbers between 0 and 1000, got {pileups!r}"
        raise typer.BadParameter(msg)
    with Reporter().progress("sample card") as progress:
        description = describe_samples(
            samples,
            total_khz=load_scenario(scenario).crossing_rate_khz,
            pileups=wanted,
            cards=cards,
            seed=seed,
            progress=progress,
        )
    written = write_sample_card(description, output)
    if as_json:
        print_json(description.as_dict())
    else:
        typer.echo(f"{written[0]}: {len(description.rates[0].seeds)} seeds")
    return 0


def closure(
    samples: Annotated[
        Path, typer.Argument(help="Folder of generated samples with its pools.", metavar="SAMPLES")
    ],
    *,
    crossings: Annotated[int, typer.Option(min=100, help="Crossings of each kind.")] = 200_000,
    pileup: Annotated[
        str | None, typer.Option(help="As in `generate`; that of the samples by default.")
    ] = None,
    scenario: Annotated[str, typer.Option(help="Rate scenario.")] = "run3_pu50",
    seed: Seed = 1,
    as_json: AsJson = False,
) -> int:
    """Compare rates in stratified crossings with those in natural ones from the same pools.

    Example:

        l1distill samples closure samples --crossings 400000
    """
    from l1distill.sample_closure import closure_of, closure_table

    with Reporter().progress("closure") as progress:
        found = closure_of(
            samples,
            crossings=crossings,
            pileup=pileup,
            scenario=scenario,
            seed=seed,
            progress=progress,
        )
    if as_json:
        print_json(found.as_dict())
    else:
        typer.echo(closure_table(found))
    return 0


def _processor_time(cpu_seconds: Mapping[str, float]) -> str:
    parts = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in cpu_seconds.items())
    return f"processor time {sum(cpu_seconds.values()) / 60.0:.1f} min ({parts})"


def _part(text: str) -> tuple[int, int]:
    first, slash, last = text.partition("/")
    if not (slash and first.isdigit() and last.isdigit()):
        msg = f"--part takes i/n, for example 2/12, got {text!r}"
        raise typer.BadParameter(msg)
    return int(first), int(last)
