"""Report: ``results.json`` from the parts of all stages, then the page and its plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.files import replace_file
from emulator.graph import Dense, total_ebops
from emulator.model import Model, load_model
from firmware.cost import CostFigure, analytic_figures
from l1distill.baselines import BASELINES
from l1distill.report import write_report
from l1distill.study.manifest import Manifest, versions
from l1distill.study.stages.scoring import EMULATOR, FLOAT_STUDENT, QUANTIZED_STUDENT, TEACHER

if TYPE_CHECKING:
    from pathlib import Path

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
            *("samples", "caveats", "training", "export", "rates", "anatomy"),
            "comparisons",
        )
    }
    model = load_model(context.run.model(study.distillation.student.name))
    manifest = Manifest.load(context.run.root)
    bits = study.rates.float_fraction_bits
    score_bits = model.graph.tensors[model.score].format.fraction
    return {
        "schema": SCHEMA,
        "study": study.name,
        "scenario": {
            **study.scenario.as_dict(),
            "crossing_rate_khz": study.scenario.crossing_rate_khz,
        },
        "models": _models(model, parts["comparisons"]),
        **parts.pop("rates"),
        "score_fraction": {
            TEACHER: bits,
            FLOAT_STUDENT: bits,
            QUANTIZED_STUDENT: score_bits,
            EMULATOR: score_bits,
        },
        **parts,
        "versions": versions(),
        "timing": {name: round(state.seconds, 1) for name, state in manifest.stages.items()},
    }


def model_costs(model: Model, comparisons: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the costs of a model; ``costs`` holds all of them with ranges and sources.

    They are quick estimates, and the latency that was measured if the RTL was simulated.
    """
    simulated = [CostFigure(**one["latency"]) for one in comparisons if one.get("latency")]
    figures = (*analytic_figures(model.graph), *simulated)

    def chosen(quantity: str, flow: str, stage: str) -> CostFigure:
        key = (quantity, flow, stage)
        return next(one for one in figures if (one.quantity, one.flow, one.stage) == key)

    luts = chosen("luts", "latency", "HLS report")
    latency = (
        simulated[0] if simulated else chosen("latency_ns", "distributed arithmetic", "estimate")
    )
    return {
        "ebops": total_ebops(model.graph),
        "luts_estimate": round(luts.value),
        "luts_flow": luts.flow,
        "luts_stage": luts.stage,
        "latency_ns_estimate": round(latency.value, 1),
        "latency_flow": latency.flow,
        "latency_stage": latency.stage,
        "latency_source": latency.source,
        "costs": [figure.as_dict() for figure in figures],
    }


def _models(model: Model, comparisons: list[dict[str, Any]]) -> list[dict[str, Any]]:
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
        **model_costs(model, comparisons),
        "multiplications": sum(
            sum(weight != 0 for row in node.weights for weight in row)
            for node in model.graph.nodes
            if isinstance(node, Dense)
        ),
    }
    baselines = [{"name": name, "kind": "baseline", **unknown} for name in BASELINES]
    return [*networks, emulated, *baselines]
