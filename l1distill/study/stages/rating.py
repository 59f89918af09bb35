"""Rating: thresholds at fixed rates, efficiencies, tables, and the thresholds in the model file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd

from emulator.files import replace_file
from emulator.model import NamedThreshold, load_model, save_model
from emulator.results import plain_rows, table
from l1distill.dependence import rates_in_groups, turn_ons
from l1distill.evaluation import Bootstrap, compare_models, evaluate
from l1distill.menu_file import load_rated_menu
from l1distill.menu_rating import rate_menu
from l1distill.score_grid import grid_steps, step_words
from l1distill.score_table import ScoreTable
from l1distill.study.other_models import other_models
from l1distill.study.roles import EMULATOR, MEASURING, SETTING, TEACHER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from emulator.model import Model
    from emulator.rates import PrescaleColumn, WorkingPoint
    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Evaluate all models on the scores of the samples."""
    study = context.study
    bootstrap = Bootstrap(study.rates.replicas, study.seed)
    targets = study.rates.targets_khz
    setting = ScoreTable.read(context.run.scores(SETTING))
    measuring = ScoreTable.read(context.run.scores(MEASURING))
    signals = {name: ScoreTable.read(context.run.scores(name)) for name in context.files.signals}
    samples = json.loads(context.run.part("samples").read_text(encoding="utf-8"))
    denominators = {record["name"]: record["denominator"] for record in samples}
    evaluation = evaluate(
        setting,
        measuring,
        signals,
        scenario=study.scenario,
        targets_khz=targets,
        bootstrap=bootstrap,
        denominators={name: denominators[name] for name in signals},
    )
    pairs = [(EMULATOR, TEACHER)]
    pairs += [(name, other) for name in study.models for other in (TEACHER, EMULATOR)]
    paired = [
        record
        for model, reference in pairs
        for record in compare_models(
            setting,
            signals,
            model=model,
            reference=reference,
            scenario=study.scenario,
            targets_khz=targets,
            bootstrap=bootstrap,
        )
    ]
    column = scored_column(context, setting)
    menu = rate_menu(
        column,
        setting,
        measuring,
        signals,
        scenario=study.scenario,
        targets_khz=targets,
        bootstrap=bootstrap,
        # Nobody asked for a menu: one that leaves nothing on small samples is no reason to stop.
        strict=False,
    )
    # Baselines have no turn-on of their own here: the student's is what the study is about.
    points = [point for point in evaluation.working_points if point.model == EMULATOR]
    groups = rates_in_groups(
        measuring,
        points,
        study.rates.binnings(MEASURING),
        scenario=study.scenario,
        bootstrap=bootstrap,
    )
    turning = next((study.rates.binnings(signal) for signal in signals), ())
    curves = turn_ons(signals, points, turning, bootstrap=bootstrap)
    tables = {
        **menu.tables(),
        **{
            name: frame
            for name, frame in (("rates_in_groups", groups), ("turn_ons", curves))
            if len(frame)
        },
        "working_points": table(evaluation.working_points),
        "efficiencies": table(evaluation.efficiencies),
        "paired": table(paired),
        "rate_curves": pd.concat(
            [
                frame.assign(model=model)[["model", *frame.columns]]
                for model, frame in evaluation.rate_curves.items()
            ]
        ),
        "efficiency_curves": _joined(evaluation.efficiency_curves.values()),
    }
    written = [
        path for name, frame in tables.items() for path in _write_table(context, name, frame)
    ]
    written += _write_models(context, evaluation.working_points)
    written.append(_write_grid(context, setting))
    written.append(context.run.part("rates"))
    with replace_file(context.run.part("rates")) as temporary:
        plain = {
            "working_points": [record.as_dict() for record in evaluation.working_points],
            "efficiencies": [record.as_dict() for record in evaluation.efficiencies],
            "paired": [record.as_dict() for record in paired],
            "menu": menu.as_dict(),
            "rates_in_groups": plain_rows(groups),
            "turn_ons": plain_rows(curves),
        }
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return written


def _write_grid(context: Context, setting: ScoreTable) -> Path:
    """Note how much a step of each network's score moves the rate, and say where it is too much."""
    study = context.study
    networks = [name for name in (TEACHER, EMULATOR, *study.models) if name in setting.scores]
    steps = grid_steps(setting, networks, study.rates.targets_khz, study.scenario)
    notes = step_words(steps)
    for note in notes:
        context.reporter.say(f"  note: {note}")
    with replace_file(context.run.part("grid")) as temporary:
        plain = {"steps": [one.as_dict() for one in steps], "notes": notes}
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return context.run.part("grid")


def scored_column(context: Context, scored: ScoreTable) -> PrescaleColumn:
    """Return prescales of the seeds that were evaluated."""
    menu = load_rated_menu(context.study.rates.menu)
    return menu.without(set(menu.column.seeds) - set(scored.seeds)).column


def _joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join curves; those that no rate leads to have no columns and are left out."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled) if filled else pd.DataFrame({"rate_khz": []})


def _write_table(context: Context, name: str, frame: pd.DataFrame) -> list[Path]:
    """Write a table as CSV and as Parquet."""
    path = context.run.table(name)
    with replace_file(path) as temporary:
        frame.to_csv(temporary, index=False)
    with replace_file(path.with_suffix(".parquet")) as temporary:
        frame.to_parquet(temporary, index=False)
    return [path, path.with_suffix(".parquet")]


def _write_models(context: Context, points: tuple[WorkingPoint, ...]) -> list[Path]:
    """Store the thresholds in the model files, under names like ``10kHz``."""
    student = context.study.distillation.student.name
    exported = load_model(context.run.exported(student))
    others = other_models(context.study)
    written = [_write_model(context, exported, context.run.model(student), points, EMULATOR)]
    written += [
        _write_model(context, model, context.run.model(name), points, name)
        for name, model in others.items()
    ]
    return written


def _write_model(
    context: Context, model: Model, path: Path, points: tuple[WorkingPoint, ...], scored_as: str
) -> Path:
    samples = json.loads(context.run.part("samples").read_text(encoding="utf-8"))
    sample = next(record for record in samples if record["role"] in {"tune", SETTING})
    thresholds = [
        NamedThreshold(
            name=f"{point.target_khz:g}kHz",
            threshold=point.threshold,
            target_khz=point.target_khz,
            scenario=context.study.scenario.name,
            sample_sha256=sample["sha256"],
        )
        for point in points
        if point.model == scored_as and point.reached
    ]
    save_model(model.with_thresholds(thresholds), path)
    return path
