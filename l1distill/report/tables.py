"""The tables of the page as plain text cells; the template only lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from l1distill.report.summary import comparison_mood, export_record
from l1distill.report.verdicts import best
from l1distill.report.words import UNKNOWN, khz, number, percent, span, with_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.report.run_folder import Plain, RunResults


@dataclass(frozen=True)
class Cell:
    """A cell: its text, smaller lines under it, and how it is shown.

    ``look`` is one of the classes of the template: ``number``, ``hash``, ``good``, ``bad``, ``open``,
    ``best``.
    """

    text: str
    notes: tuple[str, ...] = ()
    look: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first ``heads`` cells of each row name the row."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    heads: int = 1


def make_table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], heads: int = 1
) -> Table | None:
    """Return a table, or None if it has no row."""
    if not rows:
        return None
    return Table(caption, tuple(columns), tuple(tuple(row) for row in rows), heads)


def number_cell(text: str) -> Cell:
    """Return a cell whose text is set as a number."""
    return Cell(text, look="number")


_RESULTS = {"good": "identical", "bad": "DIFFERENT", "open": "not tested"}


def compared_with(record: Plain) -> str:
    """Name what the engine was compared with; networks beside the student by their names too."""
    model = record.get("model")
    return str(record["with"]) if model is None else f"{model}: {record['with']}"


def comparison_table(run: RunResults) -> Table | None:
    """Return how the engine compares with other executions."""
    records = [(compared_with(one), one) for one in run.records("comparisons")]
    if (export := export_record(run)) is not None:
        records.append(("trained quantized student", export))
    rows = []
    for name, record in records:
        mood = comparison_mood(record)
        speed = record.get("events_per_second")
        rows.append(
            [
                Cell(name),
                Cell(_RESULTS[mood], look=mood),
                number_cell(f"{record['n_events']:,}"),
                Cell(f"{record['n_mismatch']:,}", look="number bad" if mood == "bad" else "number"),
                number_cell(
                    UNKNOWN if speed is None or not record["n_events"] else number(speed, 2)
                ),
            ]
        )
    return make_table(
        "The engine against other executions of the same network, event by event. Nothing is "
        "tolerated: one bit is a mismatch.",
        ("Compared with", "Result", "Crossings", "Mismatches", "Crossings/s of the other"),
        rows,
    )


def mismatch_table(run: RunResults) -> Table | None:
    """Return the first mismatches of all comparisons."""
    found: list[tuple[str, Plain]] = []
    for one in run.records("comparisons"):
        found += [(compared_with(one), mismatch) for mismatch in one.get("mismatches") or ()]
    export = export_record(run) or {}
    found += [("trained quantized student", mismatch) for mismatch in export.get("first") or ()]
    rows = []
    for name, mismatch in found:
        node = mismatch.get("first_node")
        outputs = mismatch.get("outputs") or ()
        rows.append(
            [
                Cell(name),
                number_cell(str(mismatch.get("event", UNKNOWN))),
                Cell("; ".join(_node_words(output) for output in outputs) or UNKNOWN),
                Cell(_node_words(node) if node else UNKNOWN),
            ]
        )
    return make_table(
        "The first mismatches. All that is known of them stands in mismatches.json.",
        ("Compared with", "Event", "Outputs that differ", "First node that differs"),
        rows,
    )


def _node_words(node: Any) -> str:
    if not isinstance(node, dict):
        return str(node)

    def some(values: Any) -> str:
        shown = list(values or ())
        return ", ".join(str(value) for value in shown[:4]) + (", …" if len(shown) > 4 else "")

    return f"{node.get('node')}: {some(node.get('engine'))} here, {some(node.get('other'))} there"


def working_point_table(run: RunResults) -> Table | None:
    """Return the working points of all models."""
    rows = []
    for model in run.models:
        for target in run.targets_khz:
            if (point := run.points.get((model, target))) is None:
                continue
            rows.append(
                [
                    Cell(model),
                    Cell(khz(target)),
                    Cell(f"{point['threshold']:,}", look="number"),
                    number_cell(with_error(point["rate_khz"], point["error_khz"])),
                    number_cell(number(point["error_setting_khz"], 2)),
                    number_cell(span(point["low_khz"], point["high_khz"])),
                    number_cell(number(point["error_naive_khz"], 2)),
                    number_cell(number(point["setting_rate_khz"])),
                    number_cell(f"{point['entries_passing']:,}"),
                    _ranking(point),
                ]
            )
    return make_table(
        "Working points: a crossing fires if its integer score is at or above the threshold. The "
        "threshold is the lowest whose rate on the setting crossings does not exceed the target; "
        "rates are measured on other crossings. Errors: bootstrap over pool events.",
        (
            *("Model", "Target", "Threshold", "Rate (kHz)", "± from setting it (kHz)"),
            *("68 % interval (kHz)", "Naive error (kHz)", "Rate where it was set (kHz)"),
            *("Crossings that fire", "Ranking"),
        ),
        rows,
        heads=2,
    )


def _ranking(point: Plain) -> Cell:
    if not point["reached"]:
        return Cell("not for ranking", ("target not reached",), "open")
    if not point["for_ranking"]:
        return Cell("not for ranking", ("more than 20 % error",), "open")
    return Cell("yes")


def efficiency_table(run: RunResults) -> Table | None:
    """Return the efficiencies of all models, the best of each row marked."""
    models = [
        model
        for model in run.models
        if any(key[1] == model for key in run.efficiencies)
    ]  # fmt: skip
    rows = []
    for signal in run.signals:
        for target in run.targets_khz:
            top = best(run, signal, target, models)
            if top is None:
                continue
            cells = [_efficiency(run, signal, model, target, top) for model in models]
            rows.append([Cell(signal), Cell(khz(target)), *cells])
    return make_table(
        "Efficiencies in per cent at the thresholds of the target rates. First line below: 68 % "
        "interval at this threshold; second line: with the error of the threshold. The largest of a "
        "row is marked, unless it is not for ranking (†: more than 20 % error on its rate, or the "
        "target is not reached).",
        ("Signal", "Target", *models),
        rows,
        heads=2,
    )


def _efficiency(run: RunResults, signal: str, model: str, target: float, top: Plain) -> Cell:
    found = run.efficiencies.get((signal, model, target))
    if found is None:
        return number_cell(UNKNOWN)
    ranked = run.for_ranking(model, target)
    # Equal ones (an emulator equals its network) are all the best.
    is_best = ranked and found["efficiency"] == top["efficiency"] > 0
    return Cell(
        percent(found["efficiency"]) + ("" if ranked else " †"),
        (
            span(found["low"], found["high"], scale=100),
            span(found["low_total"], found["high_total"], scale=100),
        ),
        "number best" if is_best else "number",
    )


def paired_table(run: RunResults) -> Table | None:
    """Return the paired ratios of two models' efficiencies."""
    rows = []
    for one in run.records("paired"):
        target = float(one["target_khz"])
        ranked = all(run.for_ranking(str(one[key]), target) for key in ("model", "reference"))
        ratio = UNKNOWN if one["ratio"] is None else number(one["ratio"])
        bounds = UNKNOWN if one["ratio"] is None else span(one["ratio_low"], one["ratio_high"])
        difference = one.get("difference")
        rows.append(
            [
                Cell(str(one["signal"])),
                Cell(khz(target)),
                Cell(f"{one['model']} / {one['reference']}"),
                number_cell(ratio),
                number_cell(bounds),
                number_cell(UNKNOWN if difference is None else percent(difference)),
                number_cell(
                    UNKNOWN
                    if one.get("difference_low") is None
                    else span(one["difference_low"], one["difference_high"], scale=100)
                ),
                Cell("yes") if ranked else Cell("not for ranking", look="open"),
            ]
        )
    return make_table(
        "Two models on the same crossings: what they have in common cancels, so these intervals are "
        "narrower than those of the efficiencies. 68 %, with the errors of both thresholds.",
        (
            *("Signal", "Target", "Models", "Ratio", "68 %", "Difference (percentage points)"),
            *("68 % ", "Ranking"),
        ),
        rows,
        heads=2,
    )


def model_table(run: RunResults) -> Table | None:
    """Return what is known of each network."""
    rows = [
        [
            Cell(str(model["name"])),
            Cell(str(model["kind"])),
            *(
                number_cell(UNKNOWN if model.get(key) is None else number(model[key]))
                for key in ("multiplications", "ebops", "luts_estimate", "latency_ns_estimate")
            ),
            Cell(str(model.get("sha256") or UNKNOWN), look="hash"),
        ]
        for model in run.records("models")
        if model["kind"] != "baseline"
    ]
    return make_table(
        f"Networks. {UNKNOWN} stands for what nobody has estimated. LUTs and latency are good to a factor "
        "of two where they are estimates; the table of costs has their ranges and sources.",
        (
            *("Name", "Kind", "Multiplications", "EBOPs", "LUTs (estimate)"),
            *("Latency (ns, estimate)", "SHA-256 of the network"),
        ),
        rows,
    )


#: What a file's own note says of it, in words, where it says so.
_NOTES = (
    ("process", "process {}"),
    ("pileup", "pile-up {}"),
    ("tier", "tier {}"),
    ("seed", "seed {}"),
    ("maker", "made by {}"),
)


def _sample_notes(sample: Plain) -> tuple[str, ...]:
    note = sample.get("provenance") or {}
    words = ", ".join(text.format(note[key]) for key, text in _NOTES if key in note)
    effective = sample.get("n_effective")
    worth = () if effective is None else (f"worth {number(effective)} unweighted ones",)
    return (*((words,) if words else ()), *worth)


def sample_table(run: RunResults) -> Table | None:
    """Return the samples."""
    rows = []
    for sample in run.records("samples"):
        crossings, generated = sample.get("n_crossings"), sample.get("generated_events")
        rows.append(
            [
                Cell(str(sample["name"])),
                Cell(str(sample.get("role") or UNKNOWN), _sample_notes(sample)),
                number_cell(UNKNOWN if crossings is None else f"{crossings:,}"),
                number_cell(UNKNOWN if generated is None else f"{generated:,}"),
                Cell(_denominator(sample)),
                Cell(str(sample.get("sha256") or UNKNOWN), look="hash"),
            ]
        )
    return make_table(
        "Samples, and what the efficiency of a signal is a fraction of.",
        ("Name", "Role", "Crossings", "Generated events", "Denominator", "SHA-256"),
        rows,
    )


def _denominator(sample: Plain) -> str:
    return str(sample.get("denominator") or UNKNOWN) if sample.get("role") == "signal" else UNKNOWN


def scenario_table(run: RunResults) -> Table | None:
    """Return the rate scenario."""
    scenario = run.scenario
    source = scenario.get("inelastic_source")
    pairs = (
        ("Name", str(scenario["name"])),
        ("Centre-of-mass energy", f"{scenario['sqrt_s_tev']:g} TeV"),
        ("Colliding bunches", f"{scenario['n_bunches']:,}"),
        ("Mean pile-up", f"{scenario['pileup']:g}"),
        (
            "Cross-section that the pile-up counts",
            f"{scenario['inelastic_mb']:g} mb" + (f" ({source})" if source else ""),
        ),
        ("Rate of crossings", f"{number(scenario['crossing_rate_khz'], 6)} kHz"),
    )
    rows = [[Cell(name), Cell(value)] for name, value in pairs]
    return make_table(
        "Rate scenario: rate = rate of crossings * weight that fires / weight of all zero-bias crossings.",
        ("What", "Value"),
        rows,
    )


def version_table(run: RunResults) -> Table | None:
    """Return the versions of what can change a result."""
    versions = run.results.get("versions") or {}
    rows = [[Cell(str(name)), Cell(str(version))] for name, version in versions.items()]
    return make_table("Versions of what can change a result.", ("Distribution", "Version"), rows)


def timing_table(run: RunResults) -> Table | None:
    """Return how long each stage took."""
    timing = run.results.get("timing") or {}
    rows = [[Cell(str(name)), number_cell(number(seconds))] for name, seconds in timing.items()]
    return make_table("Time of each stage.", ("Stage", "Seconds"), rows)


def hash_table(run: RunResults) -> Table | None:
    """Return the hashes of the files that each stage wrote."""
    stages = (run.manifest or {}).get("stages")
    rows = []
    for stage, state in (stages if isinstance(stages, dict) else {}).items():
        outputs = state.get("outputs") if isinstance(state, dict) else None
        for path, digest in (outputs if isinstance(outputs, dict) else {}).items():
            rows.append([Cell(str(path)), Cell(str(stage)), Cell(str(digest), look="hash")])
    return make_table("Files of the run and their SHA-256.", ("File", "Stage", "SHA-256"), rows)
