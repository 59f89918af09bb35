"""Report: ``results.json`` from the parts of all stages, then the page and its plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.files import replace_file
from emulator.graph import Dense
from emulator.model import load_model
from l1distill.baselines import BASELINES
from l1distill.report import write_report
from l1distill.study.costs import comparisons_of, model_costs
from l1distill.study.manifest import Manifest, versions
from l1distill.study.roles import EMULATOR, FLOAT_STUDENT, QUANTIZED_STUDENT, TEACHER
from l1distill.study.vendor_reports import kept_reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    others = {name: load_model(context.run.model(name)) for name in study.models}
    hashes = {each.network_sha256 for each in (model, *others.values())}
    reports = kept_reports(context.run)
    of_others = [one for one in reports if one["network_sha256"] not in hashes]
    if of_others:
        context.reporter.say(f"  {len(of_others)} reports of earlier networks are left out")
        reports = [one for one in reports if one not in of_others]
    costs = model_costs(
        model,
        comparisons_of(parts["comparisons"]),
        estimates=parts.pop("estimates"),
        reports=_reports_of(model, reports),
    )
    beside = [
        _network(
            name,
            other,
            model_costs(
                other,
                comparisons_of(parts["comparisons"], name),
                reports=_reports_of(other, reports),
            ),
        )
        for name, other in others.items()
    ]
    grid = parts.pop("grid")
    bits = study.rates.float_fraction_bits
    score_bits = _score_bits(model)
    return {
        "schema": SCHEMA,
        "study": study.name,
        "scenario": {
            **study.scenario.as_dict(),
            "crossing_rate_khz": study.scenario.crossing_rate_khz,
        },
        "models": _models(model, costs, beside),
        **parts.pop("rates"),
        "grid_steps": grid["steps"],
        "grid_notes": grid["notes"],
        "score_fraction": {
            TEACHER: bits,
            FLOAT_STUDENT: bits,
            QUANTIZED_STUDENT: score_bits,
            EMULATOR: score_bits,
            **{name: _score_bits(other) for name, other in others.items()},
        },
        **parts,
        "reports": reports,
        "versions": versions(),
        "timing": {name: round(state.seconds, 1) for name, state in manifest.stages.items()},
    }


_UNKNOWN = {
    "sha256": None,
    "ebops": None,
    "luts_estimate": None,
    "latency_ns_estimate": None,
    "multiplications": None,
}


def _models(
    model: Model, costs: Mapping[str, Any], beside: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what is known of each model; costs that nobody has estimated stay null."""
    networks = [
        {"name": name, "kind": name, **_UNKNOWN}
        for name in (TEACHER, FLOAT_STUDENT, QUANTIZED_STUDENT)
    ]
    emulated = {
        **_network(EMULATOR, model, costs),
        "kind": "emulator",
        "model_file": f"models/{model.name}.json",
    }
    baselines = [{"name": name, "kind": "baseline", **_UNKNOWN} for name in BASELINES]
    return [*networks, emulated, *beside, *baselines]


def _network(name: str, model: Model, costs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a network with a model file."""
    return {
        "name": name,
        "kind": "network",
        **_UNKNOWN,
        "model_file": f"models/{name}.json",
        "sha256": model.network_sha256,
        **costs,
        "multiplications": sum(
            sum(weight != 0 for row in node.weights for weight in row)
            for node in model.graph.nodes
            if isinstance(node, Dense)
        ),
        "origin": str(model.provenance.get("imported_from", "")),
    }


def _score_bits(model: Model) -> int:
    return model.graph.tensors[model.score].format.fraction


def _reports_of(model: Model, reports: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in reports if one["network_sha256"] == model.network_sha256]
