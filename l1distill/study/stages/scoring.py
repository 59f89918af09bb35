"""Scoring: integer scores of all networks and baselines on every evaluated sample."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from distill.export import ExportProof, prove_export
from distill.scores import (
    float_student_scores,
    log_grid,
    quantized_scores,
    teacher_scores,
    to_integer_grid,
)
from emulator.errors import SettingsError
from emulator.features import feature_rows
from emulator.files import replace_file
from emulator.fixed import quantize
from emulator.model import load_model
from l1distill.baselines import baseline_scores
from l1distill.emulation import Scorer
from l1distill.menu_file import MINI, load_rated_menu, plain_prescales
from l1distill.score_table import ScoreTable, identity_columns
from l1distill.study.given_scores import ScoreFile
from l1distill.study.other_models import other_scorers
from l1distill.study.roles import EMULATOR, FLOAT_STUDENT, MEASURING, QUANTIZED_STUDENT, TEACHER
from l1distill.study.stages.training import networks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from distill.recipe import Distilled
    from l1distill.menu_file import RatedMenu
    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Score every sample, and prove the export on all measuring crossings."""
    trained = networks(context, resume=True)
    scorer = Scorer(
        load_model(context.run.exported(context.study.distillation.student.name)),
        threads=context.jobs,
    )
    others = other_scorers(context.study, context.jobs)
    its = context.study.distillation.teacher.given
    given = {name: ScoreFile(its, name) for name in context.files.evaluated()} if its else {}
    menu, left_out = _menu(context)
    written = [_write_menu(context, menu, left_out)]
    for sample in context.files.evaluated():
        parts: list[ScoreTable] = []
        rows: list[NDArray[np.int16]] = []
        binnings = context.study.rates.binnings(sample)
        for events, columns in context.files.binned_chunks(
            sample, scorer.model.layout.order, binnings
        ):
            rows.append(feature_rows(events, scorer.model.layout))
            taught = (
                teacher_scores(trained.teacher, rows[-1])
                if isinstance(trained.teacher, nn.Module)
                else given[sample].of(identity_columns(events))
            )
            networks_say = _network_scores(context, trained, scorer, rows[-1], taught)
            others_say = {name: other.scores(events) for name, other in others.items()}
            scores = {**networks_say, **others_say, **baseline_scores(events)}
            parts.append(
                ScoreTable(
                    {**identity_columns(events), **columns},
                    scores,
                    menu.rules.of_events(events, sample),
                    menu.column.seeds,
                )
            )
        table = ScoreTable.joined(parts)
        table.write(context.run.scores(sample))
        written.append(context.run.scores(sample))
        context.reporter.say(f"  {sample}: {len(table)} crossings scored")
        if sample == MEASURING:
            every = np.concatenate(rows)
            proof = prove_export(trained.student, scorer.model.graph, every, threads=context.jobs)
            written.append(_write_proof(context, proof))
    return written


def _menu(context: Context) -> tuple[RatedMenu, dict[str, str]]:
    """Return the menu, and why which of its seeds are left out.

    Only the packaged menu, which nobody chose, may lack what the samples cannot decide.
    """
    menu = load_rated_menu(context.study.rates.menu)
    if menu.reads_bits:
        msg = f"{context.study.rates.menu}: a study has no decisions that a seed could be read from"
        raise SettingsError(msg)
    left_out: dict[str, str] = {}
    if context.study.rates.menu == MINI:
        for sample in context.files.evaluated():
            # A chunk of the first file tells which fields there are.
            for events in context.files.chunks(sample, "pt"):
                left_out |= menu.rules.unsupported(events[:100])
                break
    return menu.without(left_out), left_out


def _write_menu(context: Context, menu: RatedMenu, left_out: Mapping[str, str]) -> Path:
    path = context.run.part("menu")
    with replace_file(path) as temporary:
        plain = {"prescales": plain_prescales(menu.column), "left_out": left_out}
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return path


def _network_scores(
    context: Context,
    trained: Distilled,
    scorer: Scorer,
    rows: NDArray[np.int16],
    taught: NDArray[np.float64],
) -> dict[str, NDArray[np.int64]]:
    bits = context.study.rates.float_fraction_bits
    score_format = scorer.model.graph.tensors[scorer.model.score].format
    return {
        TEACHER: log_grid(taught, bits, floor=trained.target.floor),
        FLOAT_STUDENT: to_integer_grid(float_student_scores(trained.float_student, rows), bits),
        # Exact: every score is a value of the type.
        QUANTIZED_STUDENT: quantize(quantized_scores(trained.student, rows), score_format),
        EMULATOR: scorer.scores_of_rows(rows),
    }


def _write_proof(context: Context, proof: ExportProof) -> Path:
    path = context.run.part("export")
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(proof.as_dict(), indent=1) + "\n", encoding="utf-8")
    return path
