"""Paired ratios of two networks in words: what distillation cost, and how other networks do beside the student."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1distill.report.words import khz, number, span

if TYPE_CHECKING:
    from l1distill.report.run_folder import Plain, RunResults


def ratio_line(run: RunResults, model: str | None, reference: str | None) -> str | None:
    """Say between what the ratios of two models' efficiencies lie, where both can be ranked."""
    ranked = [
        one
        for one in run.records("paired")
        if one["ratio"] is not None
        and (one["model"], one["reference"]) == (model, reference)
        and all(
            run.for_ranking(str(one[key]), float(one["target_khz"]))
            for key in ("model", "reference")
        )
    ]
    if not ranked:
        return None
    lowest = min(ranked, key=lambda one: float(one["ratio"]))
    highest = max(ranked, key=lambda one: float(one["ratio"]))
    return (
        f"Efficiency of {_named(run, model)} over {_named(run, reference)}, on the same crossings: from "
        f"{_ratio_words(lowest)} to {_ratio_words(highest)}."
    )


def beside_lines(run: RunResults) -> list[str]:
    """Say for each network beside the student what it is, costs and keeps; nothing if there is none."""
    if run.of_kind("emulator") is None:
        return []
    models = {str(one["name"]): one for one in run.records("models")}
    student = models[run.student or ""]
    lines = []
    for name, kind in run.kinds.items():
        if kind != "network" or name not in models:
            continue
        one = models[name]
        origin = f", imported from a {one['origin']}" if one.get("origin") else ""
        cost = "costs unknown"
        if one.get("luts_estimate") is not None:
            cost = f"about {number(one['luts_estimate'])} LUTs by estimate"
            if student.get("luts_estimate") is not None:
                cost += f" (the {run.student}: {number(student['luts_estimate'])})"
        ratio = ratio_line(run, name, run.student)
        lines.append(f"{name}{origin}: {cost}. {ratio or 'No rate can be ranked.'}")
    return lines


def _named(run: RunResults, model: str | None) -> str:
    return str(model) if run.kinds.get(str(model)) == "network" else f"the {model}"


def _ratio_words(one: Plain) -> str:
    interval = span(one["ratio_low"], one["ratio_high"])
    return f"{number(one['ratio'])} ({interval}) for {one['signal']} at {khz(one['target_khz'])}"
