"""Comparison: the engine against reference, C-simulation and RTL on all measuring crossings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from emulator.features import feature_rows
from emulator.files import replace_file
from emulator.model import load_model
from firmware.compare import compare, write_mismatches
from firmware.cost import planned_figures, synthesised_figures
from l1distill.study.other_models import other_models
from l1distill.study.roles import MEASURING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model
    from firmware.compare import Comparison
    from firmware.cost import CostFigure
    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Compare event by event; differences are written with their first events."""
    student = load_model(context.run.exported(context.study.distillation.student.name))
    comparisons = _compared(context, student, context.run.simulations)
    records = [comparison.as_dict() for comparison in comparisons]
    written = [_write_estimates(context, student)]
    written += _write_differences(context.run.root / "mismatches.json", comparisons)
    for name, model in other_models(context.study).items():
        context.reporter.say(f"  {name}:")
        found = _compared(context, model, context.run.simulations / name)
        records += [{**comparison.as_dict(), "model": name} for comparison in found]
        written += _write_differences(context.run.root / f"mismatches_{name}.json", found)
    with replace_file(context.run.part("comparisons")) as temporary:
        temporary.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    return [context.run.part("comparisons"), *written]


def _compared(context: Context, model: Model, work_dir: Path) -> tuple[Comparison, ...]:
    settings = context.study.comparison
    comparisons = compare(
        model.graph,
        _rows(context, model),
        against=settings.against,
        jobs=context.jobs,
        work_dir=work_dir,
        settings=settings.hls_settings(),
        rtl_settings=settings.rtl_settings(),
    )
    for comparison in comparisons:
        context.reporter.say(
            f"  engine and {comparison.against}: {comparison.n_mismatch} mismatches in "
            f"{comparison.n_events} crossings"
        )
        if comparison.build is not None:
            cost = comparison.build
            context.reporter.say(
                f"    compiled in {cost.seconds:.1f} s with at most {cost.peak_mib:.0f} MiB"
            )
    return comparisons


def _write_differences(path: Path, comparisons: Sequence[Comparison]) -> list[Path]:
    """Write what differs; a file of an earlier run goes."""
    path.unlink(missing_ok=True)
    if not any(comparison.n_mismatch for comparison in comparisons):
        return []
    return [write_mismatches(path, comparisons)]


def _write_estimates(context: Context, model: Model) -> Path:
    """Ask the programs that the study names what the network costs."""
    wanted = context.study.comparison.estimates
    rtl = context.study.comparison.rtl_settings()
    figures: list[CostFigure] = []
    if "alkaid" in wanted:
        figures += planned_figures(model.graph, rtl)
    if "yosys" in wanted:
        with context.reporter.progress("Yosys") as progress:
            figures += synthesised_figures(model.graph, rtl, progress=progress)
    path = context.run.part("estimates")
    with replace_file(path) as temporary:
        plain = [figure.as_dict() for figure in figures]
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return path


def _rows(context: Context, model: Model) -> NDArray[np.int16]:
    """Return the features of the measuring crossings, or of as many as the study asks for."""
    wanted = context.study.comparison.n_crossings
    parts: list[NDArray[np.int16]] = []
    taken = 0
    for events in context.files.chunks(MEASURING, model.layout.order):
        parts.append(feature_rows(events, model.layout))
        taken += len(parts[-1])
        if wanted is not None and taken >= wanted:
            break
    return np.concatenate(parts)[:wanted]
