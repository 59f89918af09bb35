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
from l1distill.study.roles import MEASURING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.model import Model
    from firmware.cost import CostFigure
    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Compare event by event; differences are written with their first events."""
    settings = context.study.comparison
    model = load_model(context.run.exported(context.study.distillation.student.name))
    comparisons = compare(
        model.graph,
        _rows(context, model),
        against=settings.against,
        jobs=context.jobs,
        work_dir=context.run.simulations,
        settings=settings.hls_settings(),
        rtl_settings=settings.rtl_settings(),
    )
    written = [context.run.part("comparisons"), _write_estimates(context, model)]
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
    with replace_file(context.run.part("comparisons")) as temporary:
        plain = [comparison.as_dict() for comparison in comparisons]
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    mismatches = context.run.root / "mismatches.json"
    mismatches.unlink(missing_ok=True)
    if any(comparison.n_mismatch for comparison in comparisons):
        written.append(write_mismatches(mismatches, comparisons))
    return written


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
