"""``l1distill train teacher --scores``: every score of every kind of teacher on all signals, with errors."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from distill.recipe import Stages, train_teacher
from distill.scores import to_integer_grid
from distill.teachers import SCORES
from emulator.features import feature_rows, load_layout
from emulator.files import replace_file
from emulator.results import Record, table
from l1distill.evaluation import Bootstrap, evaluate
from l1distill.score_table import ScoreTable, identity_columns
from l1distill.study.roles import MEASURING, SETTING
from l1distill.study.soundness import Convergence, convergence
from l1distill.study.stages import training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from distill.sampling import Drawn
    from distill.teachers import Autoencoder, TeacherKind, TeacherScore
    from distill.training import History
    from emulator.rates import Efficiency, WorkingPoint
    from l1distill.study.context import Context

# Float scores become integers on a grid this fine; see `distill.scores.to_integer_grid`.
_GRID_BITS = 20
_CHUNK = 8192
#: A signal tells whether a score works if so many of its crossings are accepted.
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class ScoreEfficiency(Record):
    """What one score keeps of one signal at one rate.

    Parameters
    ----------
    kind, score
        Of the teacher, see `distill.teachers.TeacherSpec`.
    signal, target_khz
        What is kept, and at which target rate.
    efficiency, low, high
        Of the first seed, with its 68 % interval, the error of the threshold included.
    mean, spread
        Mean and standard deviation over the seeds; no spread with a single one.
    for_ranking
        Whether the rate is known well enough to rank by.
    broken
        Why the score is no score, empty if it is one.
    """

    kind: str
    score: str
    signal: str
    target_khz: float
    efficiency: float
    low: float
    high: float
    mean: float
    spread: float | None
    for_ranking: bool
    broken: str


def broken_score(points: Sequence[WorkingPoint], kept: Sequence[Efficiency]) -> str:
    """Say why a score does not work, if it does not: what it keeps must fall with the rate.

    Parameters
    ----------
    points, kept
        Of one score, at several target rates.

    Returns
    -------
    A sentence, or nothing if the score works as far as these tell.
    """
    for point in points:
        if not point.reached:
            return (
                f"so many crossings share its highest value that no threshold gives "
                f"{point.target_khz:g} kHz"
            )
    rates = sorted({one.target_khz for one in kept})
    if len(rates) < 2:
        return ""
    by_rate = {(one.signal, one.target_khz): one for one in kept}
    for signal in dict.fromkeys(one.signal for one in kept):
        few, many = by_rate[signal, rates[0]], by_rate[signal, rates[-1]]
        if many.n_accepted >= _ENOUGH and few.n_accepted >= many.n_accepted:
            return (
                f"it keeps as much of {signal} at {rates[0]:g} kHz as at {rates[-1]:g} kHz, "
                f"{100 * many.efficiency:.3g} %"
            )
    return ""


@dataclass(frozen=True)
class _Sample:
    """Crossings of a sample."""

    identity: Mapping[str, NDArray[Any]]
    rows: NDArray[np.int16]


def compare_scores(
    context: Context, n_seeds: int
) -> tuple[tuple[ScoreEfficiency, ...], tuple[Convergence, ...]]:
    """Train both kinds of teachers with several seeds and compare their scores.

    Parameters
    ----------
    context
        The study, with its samples in place.
    n_seeds
        Seeds, from the study's on.

    Returns
    -------
    What each score keeps of each signal, and how the trainings ended. Both are also written, as
    ``tables/teacher_scores.csv`` and ``parts/teacher_scores.json``.
    """
    common, _ = training.background(context)
    samples = _samples(context)
    seeds = range(context.study.seed, context.study.seed + n_seeds)
    efficiencies: list[dict[tuple[str, str, float], Efficiency]] = []
    points: list[WorkingPoint] = []
    histories: dict[str, list[History]] = {kind: [] for kind in SCORES}
    for seed in seeds:
        scores: dict[str, dict[str, NDArray[np.int64]]] = {name: {} for name in samples}
        for kind, names in SCORES.items():
            teacher, history = _trained(context, common, kind, seed)
            histories[kind].append(history)
            for sample, content in samples.items():
                found = _all_scores(teacher, names, content.rows)
                scores[sample] |= {f"{kind} {name}": values for name, values in found.items()}
        first = not efficiencies
        its, kept = _rated(
            context, samples, scores, replicas=context.study.rates.replicas if first else 20
        )
        efficiencies.append(kept)
        if first:
            points = its
    rows = _joined(efficiencies, points)
    ended = tuple(convergence(kind, its) for kind, its in histories.items())
    _write(context, rows, ended)
    return rows, ended


def _samples(context: Context) -> dict[str, _Sample]:
    layout = load_layout(context.study.layout)
    found = {}
    for name in (SETTING, MEASURING, *context.files.signals):
        parts, rows = [], []
        for events in context.files.chunks(name, layout.order):
            rows.append(feature_rows(events, layout))
            parts.append(identity_columns(events))
        identity = {key: np.concatenate([one[key] for one in parts]) for key in parts[0]}
        found[name] = _Sample(identity, np.concatenate(rows))
    return found


def _trained(
    context: Context, common: Drawn, kind: TeacherKind, seed: int
) -> tuple[Autoencoder, History]:
    recipe = context.study.model_copy(update={"seed": seed}).recipe()
    spec = replace(recipe.teacher, kind=kind, score="mse")
    folder = context.run.checkpoints / "teachers" / f"{kind}_{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    stages = Stages(folder, resume=True, progress=training.say_losses(context, folder.name))
    context.reporter.say(f"  {kind}, seed {seed}")
    return train_teacher(common, replace(recipe, teacher=spec), stages)


def _all_scores(
    teacher: Autoencoder, names: Sequence[TeacherScore], rows: NDArray[np.int16]
) -> dict[str, NDArray[np.int64]]:
    """Return the logarithm of each score on a fine integer grid."""
    doubles = teacher.double()
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    with torch.no_grad():
        for start in range(0, len(rows), _CHUNK):
            chunk = torch.from_numpy(rows[start : start + _CHUNK].astype(np.float64))
            for name in names:
                found[name].append(doubles.score_of(name, chunk).numpy())
    return {
        name: to_integer_grid(np.log1p(np.concatenate(parts)), _GRID_BITS)
        for name, parts in found.items()
    }


def _rated(
    context: Context,
    samples: Mapping[str, _Sample],
    scores: Mapping[str, dict[str, NDArray[np.int64]]],
    *,
    replicas: int,
) -> tuple[list[WorkingPoint], dict[tuple[str, str, float], Efficiency]]:
    tables = {name: ScoreTable(one.identity, scores[name]) for name, one in samples.items()}
    evaluation = evaluate(
        tables.pop(SETTING),
        tables.pop(MEASURING),
        tables,
        scenario=context.study.scenario,
        targets_khz=context.study.rates.targets_khz,
        bootstrap=Bootstrap(replicas, context.study.seed),
        curves=False,
    )
    kept = {(one.model, one.signal, one.target_khz): one for one in evaluation.efficiencies}
    return list(evaluation.working_points), kept


def _joined(
    efficiencies: Sequence[Mapping[tuple[str, str, float], Efficiency]],
    points: Sequence[WorkingPoint],
) -> tuple[ScoreEfficiency, ...]:
    rows = []
    for (model, signal, target), first in efficiencies[0].items():
        values = [each[model, signal, target].efficiency for each in efficiencies]
        its = [point for point in points if point.model == model]
        kept = [one for (name, _, _), one in efficiencies[0].items() if name == model]
        kind, score = model.split()
        rows.append(
            ScoreEfficiency(
                kind,
                score,
                signal,
                target,
                first.efficiency,
                first.low_total,
                first.high_total,
                float(np.mean(values)),
                float(np.std(values, ddof=1)) if len(values) > 1 else None,
                next(one.for_ranking for one in its if one.target_khz == target),
                broken_score(its, kept),
            )
        )
    return tuple(rows)


def _write(
    context: Context, rows: tuple[ScoreEfficiency, ...], ended: tuple[Convergence, ...]
) -> None:
    with replace_file(context.run.table("teacher_scores")) as temporary:
        table(rows).to_csv(temporary, index=False)
    content = {
        "scores": [one.as_dict() for one in rows],
        "convergence": [one.as_dict() for one in ended],
    }
    with replace_file(context.run.part("teacher_scores")) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
