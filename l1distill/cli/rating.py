"""``l1distill rates``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from emulator.errors import SettingsError
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
    print_caveats,
    print_json,
)
from l1distill.cli.rating_output import (
    plain_rates,
    print_groups,
    print_rates,
    save_named_model,
    write_tables,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from emulator.features import Feature
    from emulator.objects.chunks import Source as SourceKind
    from emulator.objects.quantities import Binning
    from emulator.rates import RateScenario
    from l1distill.emulation import Scorer
    from l1distill.menu_file import RatedMenu
    from l1distill.score_table import ScoreTable


def rates(
    model: ModelFile,
    *,
    background: Annotated[
        list[str], typer.Option(help="Zero-bias files that set the thresholds; repeatable.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(help="Other zero-bias files that measure the rates; else half of the first."),
    ] = None,
    signal: Annotated[
        list[str] | None, typer.Option(help="A signal's file as NAME=FILE; repeatable.")
    ] = None,
    at: Annotated[str, typer.Option(help="Target rates in kHz, comma-separated.")] = "1,5,10",
    object_: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            help="An object or sum that is rated too, as thirdjet=jet[2].pt; repeatable, beside the "
            "usual ones.",
        ),
    ] = None,
    menu: Annotated[
        Path | None,
        typer.Option(help="A menu with prescales: its rates, and pure rates on top of it."),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(help="A name for each target; the thresholds go into a model file under -o."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Rates in groups: run, lumi, or NAME=TREE/BRANCH:EDGE,EDGE,... as the pile-up; "
            "repeatable."
        ),
    ] = None,
    turn_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Signals' efficiencies against a quantity, as "
            "genMET=Events/GenMET_pt:0,50,100,200 (lists give their largest); repeatable."
        ),
    ] = None,
    scenario: Annotated[str, typer.Option(help="Rate scenario.")] = "run3",
    bunches: Annotated[
        int | None, typer.Option(min=1, help="Colliding bunches, instead of the scenario's.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for tables and the model file.")
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
    from emulator.objects.quantities import Binning
    from l1distill.caveats import sample_caveats
    from l1distill.dependence import rates_in_groups, turn_ons
    from l1distill.emulation import Scorer
    from l1distill.evaluation import Bootstrap, evaluate
    from l1distill.menu_file import load_rated_menu
    from l1distill.menu_rating import rate_menu
    from l1distill.report.rates_page import write_rates_report
    from l1distill.score_grid import grid_steps, step_words

    # What was typed is checked before any file is read.
    chosen = _scenario(scenario, bunches)
    targets = parse_rates(at, "--at")
    point_names = _point_names(names, targets, output)
    named = named_files(signal or [], reserved={"setting", "measuring"})
    objects = _objects(object_ or [])
    groups = [Binning.parse(text) for text in by or []]
    turning = _turn_ons(turn_on or [], named)
    scorer = Scorer(load_model(model), threads=jobs)
    seeds = None if menu is None else load_rated_menu(menu, [scorer.model])
    setting = _scored(scorer, background, source.value, seeds, objects, () if measure else groups)
    if measure:
        measuring = _scored(scorer, measure, source.value, seeds, objects, groups)
    else:
        setting, measuring = _halves(setting)
    signals = {
        name: _scored(scorer, paths, source.value, seeds, objects, turning)
        for name, paths in named.items()
    }
    bootstrap = Bootstrap(seed=seed)
    result = evaluate(
        setting, measuring, signals, scenario=chosen, targets_khz=targets, bootstrap=bootstrap
    )
    rated = None
    if seeds is not None:
        rated = rate_menu(
            seeds.column,
            setting,
            measuring,
            signals,
            scenario=chosen,
            targets_khz=targets,
            bootstrap=bootstrap,
        )
    points = [each for each in result.working_points if each.model == scorer.model.name]
    frames = {
        "rates_in_groups": rates_in_groups(
            measuring, points, groups, scenario=chosen, bootstrap=bootstrap
        ),
        "turn_ons": turn_ons(signals, points, turning, bootstrap=bootstrap),
    }
    more = {name: frame for name, frame in frames.items() if len(frame)}
    zero_bias = {"background": background, **({"measure": measure} if measure else {})}
    steps = grid_steps(setting, [scorer.model.name], targets, chosen)
    caveats = sample_caveats(
        {**zero_bias, **named}, chosen, background=zero_bias, source=source.value
    )
    plain = {
        **plain_rates(result, rated, more),
        "grid_steps": [step.as_dict() for step in steps],
        "grid_notes": step_words(steps),
        "caveats": list(caveats),
    }
    if output is not None:
        write_tables(result, rated, output, more)
        write_rates_report(output, scorer.model.name, plain, result, tuple(objects))
        if point_names:
            save_named_model(scorer.model, result, setting, point_names, output)
    if as_json:
        print_json(plain)
        return 0
    print_rates(result, rated)
    print_groups(more)
    print_caveats([*caveats, *step_words(steps)])
    if output is not None:
        typer.echo(f"report.html, plots, tables and results.json: {output}")
    return 0


def _point_names(
    text: str | None, targets: Sequence[float], output: Path | None
) -> dict[float, str]:
    """Return the name of each target rate; empty if none is asked for."""
    if text is None:
        return {}
    names = [name.strip() for name in text.split(",")]
    if len(names) != len(targets) or len(set(names)) != len(names) or not all(names):
        msg = f"--names takes one name for each of the {len(targets)} rates of --at, got {text!r}"
        raise SettingsError(msg)
    if output is None:
        msg = "--names writes a model file: say into which folder with -o"
        raise SettingsError(msg)
    return dict(zip(targets, names, strict=True))


def _turn_ons(texts: Sequence[str], signals: Collection[str]) -> list[Binning]:
    from emulator.objects.quantities import Binning

    found = [Binning.parse(text) for text in texts]
    if found and not signals:
        msg = "--turn-on needs a --signal whose efficiency it is"
        raise SettingsError(msg)
    return found


def _objects(texts: Sequence[str]) -> dict[str, Feature]:
    """Return the usual objects and those that are asked for."""
    from l1distill.baselines import BASELINES, parse_object

    objects = dict(BASELINES)
    for text in texts:
        name, equals, rest = text.partition("=")
        if not (name and equals) or name in objects:
            msg = (
                f"--object takes NAME=COLLECTION[SLOT].FIELD with a name of its own, as "
                f"thirdjet=jet[2].pt, got {text!r}"
            )
            raise SettingsError(msg)
        objects[name] = parse_object(f"--object {name}", rest)
    return objects


def _scenario(name: str, bunches: int | None) -> RateScenario:
    from dataclasses import replace

    from emulator.rates import load_scenario

    scenario = load_scenario(name)
    return scenario if bunches is None else replace(scenario, n_bunches=bunches)


def _scored(
    scorer: Scorer,
    paths: Sequence[str],
    source: SourceKind,
    menu: RatedMenu | None,
    objects: Mapping[str, Feature],
    quantities: Sequence[Binning],
) -> ScoreTable:
    from emulator.objects import expand_paths
    from l1distill.baselines import baseline_scores
    from l1distill.dependence import read_binned
    from l1distill.emulation import chunks_of_files
    from l1distill.score_table import ScoreTable, identity_columns

    identity: list[dict[str, np.ndarray]] = []
    scores: list[dict[str, np.ndarray]] = []
    decisions: list[np.ndarray] = []
    bits = menu is not None and menu.reads_bits
    order = scorer.model.layout.order
    for chunk in chunks_of_files(paths, source=source, order=order, bits=bits):
        score = scorer.scores(chunk.events)
        identity.append(identity_columns(chunk.events))
        scores.append({scorer.model.name: score, **baseline_scores(chunk.events, objects)})
        if menu is not None:
            decisions.append(menu.decisions(chunk, {scorer.model.name: score}))
    fired = np.concatenate(decisions) if menu is not None else None
    binned = read_binned(expand_paths(paths), quantities)
    return ScoreTable({**_joined(identity), **binned}, _joined(scores), fired)


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _halves(table: ScoreTable) -> tuple[ScoreTable, ScoreTable]:
    """Cut crossings in two; those that share a pool event stay on one side."""
    blocks = table.pool_ids if table.pool_ids is not None else np.arange(len(table))
    first = np.asarray(blocks).astype(np.uint64) % 2 == 0
    return table.taken(first), table.taken(~first)
