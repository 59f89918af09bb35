"""``l1distill check``: one model against its expectation, for the CI of those who made it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Jobs,
    ModelFile,
    Source,
    SourceName,
    named_files,
    print_caveats,
    print_json,
)

if TYPE_CHECKING:
    from emulator.model import Model
    from l1distill.bench import Verdict
    from l1distill.gates import Difference
    from l1distill.gates.check import Findings


class Csim(StrEnum):
    """Whether to compare with C-simulation."""

    auto = "auto"
    yes = "yes"
    no = "no"


def check(
    model: ModelFile,
    *,
    background: Annotated[
        list[str], typer.Option("--background", "-b", help="A zero-bias file; repeatable.")
    ],
    signal: Annotated[
        list[str] | None, typer.Option(help="A signal's file as NAME=FILE; repeatable.")
    ] = None,
    expect: Annotated[Path, typer.Option(help="The expectation.")] = Path("expectation.json"),
    write: Annotated[
        bool, typer.Option("--write", help="Write what is found as the new expectation.")
    ] = False,
    csim: Annotated[
        Csim, typer.Option(help="Compare with C-simulation; auto: if hls4ml and g++ are there.")
    ] = Csim.auto,
    crossings: Annotated[
        int,
        typer.Option(min=1, help="Crossings of each sample that the plain-Python reference runs."),
    ] = 1000,
    speed: Annotated[bool, typer.Option(help="Time the engine with this network.")] = True,
    source: Source = SourceName.unpacked,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Check a model against its expectation: bit-exactness, scores, fires, rates, cost and speed.

    Exit 1 if an execution differs in any bit, a fact is not exactly the expected one, or the engine is
    more than 30 % slower than accepted for this kind of machine.

    Example:

        l1distill check student.json --background zerobias.root --expect expectation.json
    """
    from emulator.model import load_model
    from l1distill.caveats import file_caveats
    from l1distill.gates.check import BACKGROUND, changes, find, judge_speed
    from l1distill.gates.expectation import Expectation

    signals = named_files(signal or [], reserved={BACKGROUND})
    loaded = load_model(model)
    before = None if write and not expect.exists() else Expectation.load(expect)
    findings = find(
        loaded,
        {BACKGROUND: background, **signals},
        csim=csim.value,
        reference_crossings=crossings,
        source=source.value,
        jobs=jobs,
    )
    paths = [*background, *(path for paths in signals.values() for path in paths)]
    caveats = file_caveats(paths, source=source.value)
    if not as_json:
        print_caveats(caveats)
    if write:
        return _write(loaded, findings, before, expect, caveats, speed=speed, as_json=as_json)
    assert before is not None  # noqa: S101 - only a missing file to be written leaves it out
    changed = changes(before, findings)
    verdict = judge_speed(loaded, findings.rows, before) if speed else None
    slow = verdict is not None and verdict.outcome == "fail"
    failed = bool(changed) or slow or not findings.bit_exact
    if as_json:
        print_json({**_plain(findings, changed, verdict, caveats), "passed": not failed})
        return int(failed)
    _print_comparisons(findings)
    _print_changes(changed, before.network_sha256 != loaded.network_sha256)
    _print_rates(findings)
    if verdict is not None:
        _print_speed(verdict)
    typer.echo("failed" if failed else "passed")
    return int(failed)


def _write(
    model: Model,
    findings: Findings,
    before: Any,
    path: Path,
    caveats: tuple[str, ...],
    *,
    speed: bool,
    as_json: bool,
) -> int:
    from l1distill.gates.check import changes, expectation_of

    if not as_json:
        _print_comparisons(findings)
    if not findings.bit_exact:
        typer.echo(f"executions differ; {path} is not written", err=True)
        return 1
    changed = changes(before, findings) if before is not None else ()
    expectation_of(model, findings, before=before, speed=speed).save(path)
    if as_json:
        print_json(_plain(findings, changed, None, caveats))
        return 0
    if before is not None:
        _print_changes(changed, before.network_sha256 != model.network_sha256)
    _print_rates(findings)
    typer.echo(f"{path}: written")
    return 0


def _plain(
    findings: Findings,
    changed: tuple[Difference, ...],
    verdict: Verdict | None,
    caveats: tuple[str, ...],
) -> dict[str, object]:
    return {
        "caveats": list(caveats),
        "comparisons": [comparison.as_dict() for comparison in findings.comparisons],
        "not_compared": list(findings.not_compared),
        "differences": [{**each.as_dict(), "change": each.change} for each in changed],
        "facts": findings.facts,
        "speed": None if verdict is None else {**verdict.as_dict(), "change": verdict.change},
    }


def _print_comparisons(findings: Findings) -> None:
    for each in findings.comparisons:
        typer.echo(
            f"engine and {each.against}: {each.n_mismatch} mismatches in {each.n_events} crossings"
        )
    for reason in findings.not_compared:
        typer.echo(f"not compared with {reason}")


def _print_changes(changed: tuple[Difference, ...], other_network: bool) -> None:
    from l1distill.gates import difference_table

    if not changed:
        typer.echo("every fact is as expected")
        return
    if other_network:
        typer.echo("the network is not the one of the expectation")
    typer.echo(difference_table(changed))


def _print_rates(findings: Findings) -> None:
    for sample, facts in findings.facts["samples"].items():
        for name, point in facts.items():
            if not isinstance(point, dict):
                continue
            measured = (
                f"{point['rate_khz']:.4g} kHz in scenario {findings.facts['scenario']}"
                if "rate_khz" in point
                else f"{100 * point['fraction']:.4g} %"
            )
            typer.echo(
                f"{sample} {name} (score >= {point['threshold']}): {point['fires']} of "
                f"{facts['crossings']} crossings, {measured}"
            )


def _print_speed(verdict: Verdict) -> None:
    rate = f"{verdict.cost.events_per_second / 1e6:.3g} M events/s on one thread"
    if verdict.change is None:
        typer.echo(f"speed: {rate}; no accepted cost for this kind of machine, so it is not gated")
        return
    typer.echo(
        f"speed: {rate}; cost {100 * verdict.change:+.0f} % of the accepted one: {verdict.outcome}"
    )
