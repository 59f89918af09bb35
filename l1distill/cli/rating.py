"""``l1distill rates``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from l1distill.cli.options import (
    PROCESSORS,
    AsJson,
    Jobs,
    ModelFile,
    Seed,
    Source,
    SourceName,
    named_files,
    parse_rates,
    print_json,
)
from l1distill.console import print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.objects.chunks import Source as SourceKind
    from emulator.rates import RateScenario
    from l1distill.emulation import Scorer
    from l1distill.evaluation import Evaluation
    from l1distill.score_table import ScoreTable


def rates(
    model: ModelFile,
    *,
    background: Annotated[
        list[Path], typer.Option(help="Zero-bias files that set the thresholds; repeatable.")
    ],
    measure: Annotated[
        list[Path] | None,
        typer.Option(help="Other zero-bias files that measure the rates; else half of the first."),
    ] = None,
    signal: Annotated[
        list[str] | None, typer.Option(help="A signal's file as NAME=FILE; repeatable.")
    ] = None,
    at: Annotated[str, typer.Option(help="Target rates in kHz, comma-separated.")] = "1,5,10",
    scenario: Annotated[str, typer.Option(help="Rate scenario.")] = "run3",
    bunches: Annotated[
        int | None, typer.Option(min=1, help="Colliding bunches, instead of the scenario's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for tables as CSV.")
    ] = None,
    source: Source = SourceName.unpacked,
    seed: Seed = 0,
    jobs: Jobs = PROCESSORS,
    as_json: AsJson = False,
) -> int:
    """Set thresholds at fixed rates, measure them on other crossings, and take efficiencies there.

    Example:

        l1distill rates student.json --background tune.root --measure eval.root --signal A4l=a.root
    """
    from emulator.model import load_model
    from l1distill.caveats import sample_caveats
    from l1distill.emulation import Scorer
    from l1distill.evaluation import Bootstrap, evaluate

    # What was typed is checked before any file is read.
    chosen = _scenario(scenario, bunches)
    targets = parse_rates(at, "--at")
    named = named_files(signal or [], reserved={"setting", "measuring"})
    scorer = Scorer(load_model(model), threads=jobs)
    setting = _scored(scorer, background, source.value)
    if measure:
        measuring = _scored(scorer, measure, source.value)
    else:
        setting, measuring = _halves(setting)
    signals = {name: _scored(scorer, paths, source.value) for name, paths in named.items()}
    result = evaluate(
        setting,
        measuring,
        signals,
        scenario=chosen,
        targets_khz=targets,
        bootstrap=Bootstrap(seed=seed),
    )
    zero_bias = {"background": background, **({"measure": measure} if measure else {})}
    caveats = sample_caveats({**zero_bias, **named}, chosen, background=zero_bias)
    if output is not None:
        _write(result, output)
    if as_json:
        print_json({**_plain(result), "caveats": list(caveats)})
    else:
        _print(result)
        for caveat in caveats:
            typer.echo(f"note: {caveat}")
    return 0


def _scenario(name: str, bunches: int | None) -> RateScenario:
    from dataclasses import replace

    from emulator.rates import load_scenario

    scenario = load_scenario(name)
    return scenario if bunches is None else replace(scenario, n_bunches=bunches)


def _scored(scorer: Scorer, paths: Sequence[Path], source: SourceKind) -> ScoreTable:
    from l1distill.baselines import baseline_scores
    from l1distill.emulation import chunks_of_events
    from l1distill.score_table import ScoreTable, identity_columns

    identity: list[dict[str, np.ndarray]] = []
    scores: list[dict[str, np.ndarray]] = []
    for events in chunks_of_events(paths, source=source, order=scorer.model.layout.order):
        identity.append(identity_columns(events))
        scores.append({scorer.model.name: scorer.scores(events), **baseline_scores(events)})
    return ScoreTable(_joined(identity), _joined(scores))


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _halves(table: ScoreTable) -> tuple[ScoreTable, ScoreTable]:
    """Cut crossings in two; those that share a pool event stay on one side."""
    blocks = table.pool_ids if table.pool_ids is not None else np.arange(len(table))
    first = np.asarray(blocks).astype(np.uint64) % 2 == 0
    return _taken(table, first), _taken(table, ~first)


def _taken(table: ScoreTable, chosen: np.ndarray) -> ScoreTable:
    from l1distill.score_table import ScoreTable

    return ScoreTable(
        {name: column[chosen] for name, column in table.identity.items()},
        {name: column[chosen] for name, column in table.scores.items()},
    )


def _plain(result: Evaluation) -> dict[str, object]:
    return {
        "scenario": result.scenario.as_dict(),
        "working_points": [record.as_dict() for record in result.working_points],
        "efficiencies": [record.as_dict() for record in result.efficiencies],
    }


def _write(result: Evaluation, folder: Path) -> None:
    from emulator.files import replace_file
    from emulator.results import table

    frames = {
        "working_points": table(result.working_points),
        "efficiencies": table(result.efficiencies),
    }
    for name, frame in frames.items():
        with replace_file(folder / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)


def _print(result: Evaluation) -> None:
    scenario = result.scenario
    typer.echo(
        f"scenario {scenario.name}: {scenario.sqrt_s_tev:g} TeV, {scenario.n_bunches} bunches, "
        f"pile-up {scenario.pileup:g}, {scenario.crossing_rate_khz:.0f} kHz of crossings"
    )
    print_table(
        ["model", "target kHz", "threshold", "rate kHz", "± naive", "± bootstrap", ""],
        [
            [
                point.model,
                f"{point.target_khz:g}",
                str(point.threshold),
                f"{point.rate_khz:.3g}",
                f"{point.error_naive_khz:.2g}",
                f"{point.error_khz:.2g}",
                "" if point.for_ranking else "not for ranking",
            ]
            for point in result.working_points
        ],
    )
    if not result.efficiencies:
        return
    print_table(
        [
            "signal",
            "model",
            "target kHz",
            "efficiency %",
            "68 % interval",
            "with threshold's error",
        ],
        [
            [
                item.signal,
                item.model,
                f"{item.target_khz:g}",
                f"{100 * item.efficiency:.3g}",
                f"{100 * item.low:.3g} … {100 * item.high:.3g}",
                f"{100 * item.low_total:.3g} … {100 * item.high_total:.3g}",
            ]
            for item in result.efficiencies
        ],
    )
