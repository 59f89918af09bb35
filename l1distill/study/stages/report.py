"""Report: ``results.json`` from the parts of all stages, then the page and its plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.files import replace_file
from emulator.graph import Dense
from emulator.model import load_model
from l1distill.baselines import BASELINES
from l1distill.report import write_report
from l1distill.study.costs import model_costs
from l1distill.study.manifest import Manifest, versions
from l1distill.study.stages.scoring import EMULATOR, FLOAT_STUDENT, QUANTIZED_STUDENT, TEACHER
from l1distill.study.vendor_reports import kept_reports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.model import Model
    from l1distill.study.context import Context

SCHEMA = "l1distill-results/1"


def run(context: Context) -> list[Path]:
    """Collect the results and write the report."""
    results = context.run.root / "results.json"
    with replace_file(results) as temporary:
        temporary.write_text(json.dumps(_results(context), indent=1) + "\n", encoding="utf-8")
    with context.reporter.progress("report") as progress:
        progress(0, 1, "plots and page")
        written = write_report(context.run.root)
        progress(1, 1, "plots and page")
    return [results, *written]


def _results(context: Context) -> dict[str, Any]:
    study = context.study
    parts = {
        name: json.loads(context.run.part(name).read_text(encoding="utf-8"))
        for name in (
            *("samples", "caveats", "training", "training_notes", "export", "rates", "grid"),
            *("anatomy", "comparisons", "estimates"),
        )
    }
    model = load_model(context.run.model(study.distillation.student.name))
    manifest = Manifest.load(context.run.root)
    reports = kept_reports(context.run)
    of_others = [one for one in reports if one["network_sha256"] != model.network_sha256]
    if of_others:
        context.reporter.say(f"  {len(of_others)} reports of earlier networks are left out")
        reports = [one for one in reports if one not in of_others]
    costs = model_costs(
        model, parts["comparisons"], estimates=parts.pop("estimates"), reports=reports
    )
    grid = parts.pop("grid")
    bits = study.rates.float_fraction_bits
    score_bits = model.graph.tensors[model.score].format.fraction
    return {
        "schema": SCHEMA,
        "study": study.name,
        "scenario": {
            **study.scenario.as_dict(),
            "crossing_rate_khz": study.scenario.crossing_rate_khz,
        },
        "models": _models(model, costs),
        **parts.pop("rates"),
        "grid_steps": grid["steps"],
        "grid_notes": grid["notes"],
        "score_fraction": {
            TEACHER: bits,
            FLOAT_STUDENT: bits,
            QUANTIZED_STUDENT: score_bits,
            EMULATOR: score_bits,
        },
        **parts,
        "reports": reports,
        "versions": versions(),
        "timing": {name: round(state.seconds, 1) for name, state in manifest.stages.items()},
    }


def _models(model: Model, costs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is known of each model; costs that nobody has estimated stay null."""
    unknown = {
        "sha256": None,
        "ebops": None,
        "luts_estimate": None,
        "latency_ns_estimate": None,
        "multiplications": None,
    }
    networks = [
        {"name": name, "kind": name, **unknown}
        for name in (TEACHER, FLOAT_STUDENT, QUANTIZED_STUDENT)
    ]
    emulated = {
        "name": EMULATOR,
        "kind": "emulator",
        **unknown,
        "model_file": f"models/{model.name}.json",
        "sha256": model.network_sha256,
        **costs,
        "multiplications": sum(
            sum(weight != 0 for row in node.weights for weight in row)
            for node in model.graph.nodes
            if isinstance(node, Dense)
        ),
    }
    baselines = [{"name": name, "kind": "baseline", **unknown} for name in BASELINES]
    return [*networks, emulated, *baselines]
