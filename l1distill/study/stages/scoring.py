"""Scoring: integer scores of all networks and baselines on every evaluated sample."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from distill.export import ExportProof, prove_export
from distill.scores import float_student_scores, quantized_scores, teacher_scores, to_integer_grid
from emulator.features import feature_rows
from emulator.files import replace_file
from emulator.fixed import quantize
from emulator.model import load_model
from l1distill.baselines import baseline_scores
from l1distill.emulation import Scorer
from l1distill.score_table import ScoreTable, identity_columns
from l1distill.study.roles import MEASURING
from l1distill.study.stages.training import networks

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from distill.recipe import Distilled
    from l1distill.study.context import Context

#: Names of the networks in score tables and reports.
TEACHER, FLOAT_STUDENT, QUANTIZED_STUDENT, EMULATOR = (
    "teacher",
    "float student",
    "quantized student",
    "emulator",
)


def run(context: Context) -> list[Path]:
    """Score every sample, and prove the export on all measuring crossings."""
    trained = networks(context, resume=True)
    scorer = Scorer(
        load_model(context.run.exported(context.study.distillation.student.name)),
        threads=context.jobs,
    )
    written = []
    for sample in context.files.evaluated():
        parts: list[ScoreTable] = []
        rows: list[NDArray[np.int16]] = []
        for events in context.files.chunks(sample, scorer.model.layout.order):
            rows.append(feature_rows(events, scorer.model.layout))
            networks_say = _network_scores(context, trained, scorer, rows[-1])
            scores = {**networks_say, **baseline_scores(events)}
            parts.append(ScoreTable(identity_columns(events), scores))
        table = ScoreTable.joined(parts)
        table.write(context.run.scores(sample))
        written.append(context.run.scores(sample))
        context.reporter.say(f"  {sample}: {len(table)} crossings scored")
        if sample == MEASURING:
            every = np.concatenate(rows)
            proof = prove_export(trained.student, scorer.model.graph, every, threads=context.jobs)
            written.append(_write_proof(context, proof))
    return written


def _network_scores(
    context: Context, trained: Distilled, scorer: Scorer, rows: NDArray[np.int16]
) -> dict[str, NDArray[np.int64]]:
    bits = context.study.rates.float_fraction_bits
    score_format = scorer.model.graph.tensors[scorer.model.score].format
    return {
        TEACHER: to_integer_grid(np.log1p(teacher_scores(trained.teacher, rows)), bits),
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
