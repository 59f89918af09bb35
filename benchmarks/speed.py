"""The project's speed gate: ``python -m benchmarks.speed check | accept --why "..." | repeat``.

Costs in units of the calibration, on the committed samples and students, one thread. They are gated
against ``reference/speed.json`` where that knows the kind of machine; elsewhere they are recorded only.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import reference
from benchmarks.reference.acceptance import accept as accept_facts
from emulator.errors import L1Error
from emulator.features import feature_rows
from emulator.model import load_model
from emulator.objects import read_events
from emulator.rates import ScoreCounts
from l1distill.bench import Figure, Subject, describe_machine, judge, measure, save_record
from l1distill.bench.record import new_record
from l1distill.console import print_table
from l1distill.emulation import Scorer

if TYPE_CHECKING:
    from l1distill.bench import Verdict

SPEED = reference.FOLDER / "speed.json"
SCHEMA = "l1distill-speed/1"
RECORDS = Path("build/bench")

#: Rows that an engine works on in one call: few enough to stay in the caches.
N_ROWS = 4_096
#: Measurements of which the reference is the median.
N_ACCEPTED = 7

app = typer.Typer(help="Hold the speed of unchanged work.", no_args_is_help=True)


def subjects() -> list[Subject]:
    """Return what is timed: the engine by student, features, counting, reading."""
    events = reference.sample("measuring")
    chosen = []
    scores = np.zeros(0, dtype=np.int64)
    for path in reference.model_files():
        model = load_model(path)
        rows = feature_rows(events, model.layout)[:N_ROWS]
        scorer = Scorer(model, threads=1)
        chosen.append(engine_subject(path.stem, scorer, rows))
        scores = scorer.scores(events)
    layout = model.layout
    weights, pool_ids = np.asarray(events["weight"]), np.asarray(events["pool_id"])
    file = reference.FOLDER / "samples" / reference.SAMPLES["measuring"]
    return [
        *chosen,
        Subject("features", lambda: feature_rows(events, layout), len(events)),
        Subject(
            "counts with 200 replicas",
            lambda: ScoreCounts.from_scores(scores, weights=weights, pool_ids=pool_ids),
            len(events),
        ),
        Subject("read NanoAOD", lambda: read_events([file]), len(events), rounds=11),
    ]


def engine_subject(name: str, scorer: Scorer, rows: np.ndarray) -> Subject:
    """Return the engine of one network on rows."""
    return Subject(f"engine {name}", lambda: scorer.scores_of_rows(rows), len(rows))


def load_speeds() -> dict[str, Any]:
    """Return the accepted costs: by kind of machine, by subject."""
    if not SPEED.is_file():
        return {}
    speeds: dict[str, Any] = json.loads(SPEED.read_text(encoding="utf-8"))
    return speeds


@app.command()
def check(
    record: Annotated[
        Path | None,
        typer.Option(help="Where the record goes; build/bench/<commit>.json if omitted."),
    ] = None,
) -> int:
    """Compare costs with those accepted for this kind of machine; exit 1 beyond +30 %."""
    verdicts = _verdicts()
    made = new_record(describe_machine(), _figures(verdicts))
    save_record(made, record or RECORDS / f"{made.commit[:12]}.json")
    _print(verdicts)
    return int(any(verdict.outcome == "fail" for verdict in verdicts))


@app.command()
def accept(why: Annotated[str, typer.Option(help="The reason, for the log.")]) -> int:
    """Accept the costs on this kind of machine: the median of several measurements of each."""
    key = describe_machine().key
    old = load_speeds()
    costs = {
        subject.name: float(
            f"{statistics.median(measure(subject).units_per_million for _ in range(N_ACCEPTED)):.4g}"
        )
        for subject in subjects()
    }
    machines = {**old.get("machines", {}), key: costs}
    new = {"schema": SCHEMA, "unit": "calibrations per million events", "machines": machines}
    accept_facts(old, new, why=f"speed: {why}", expected=SPEED, log=reference.CHANGES)
    for name, cost in costs.items():
        typer.echo(f"{name}: {cost:g}")
    return 0


@app.command()
def repeat(times: Annotated[int, typer.Option(min=1, help="Runs of the whole gate.")] = 20) -> int:
    """Run the gate on unchanged code many times and count its verdicts: the false-alarm rate."""
    outcomes: dict[str, Counter[str]] = {}
    changes: dict[str, list[float]] = {}
    failed = 0
    for number in range(times):
        verdicts = _verdicts()
        failed += any(verdict.outcome == "fail" for verdict in verdicts)
        for verdict in verdicts:
            name = verdict.cost.name
            outcomes.setdefault(name, Counter())[verdict.outcome] += 1
            changes.setdefault(name, []).append(verdict.change or 0.0)
        attempts = sum(verdict.attempts for verdict in verdicts)
        typer.echo(
            f"run {number + 1}: {attempts} measurements of {len(verdicts)} subjects", err=True
        )
    rows = [
        [
            name,
            *(str(count[each]) for each in ("fail", "warn", "pass", "faster")),
            *(f"{100 * of(changes[name]):+.0f} %" for of in (min, statistics.median, max)),
        ]
        for name, count in outcomes.items()
    ]
    print_table(["subject", "fail", "warn", "pass", "faster", "lowest", "median", "worst"], rows)
    typer.echo(f"{failed} of {times} runs failed; load {describe_machine().load}")
    return 0


def _verdicts() -> list[Verdict]:
    accepted = load_speeds().get("machines", {}).get(describe_machine().key, {})
    return [judge(subject, accepted.get(subject.name)) for subject in subjects()]


def _figures(verdicts: list[Verdict]) -> list[Figure]:
    figures = []
    for verdict in verdicts:
        cost = verdict.cost
        figures += [
            Figure(f"{cost.name}, cost", cost.units_per_million, "calibrations/M events"),
            Figure(f"{cost.name}, rate", cost.events_per_second, "events/s", "higher"),
        ]
    return figures


def _print(verdicts: list[Verdict]) -> None:
    rows = [
        [
            verdict.cost.name,
            f"{verdict.cost.units_per_million:.4g}",
            "-" if verdict.reference is None else f"{verdict.reference:.4g}",
            "-" if verdict.change is None else f"{100 * verdict.change:+.0f} %",
            f"{verdict.cost.events_per_second / 1e6:.3g}",
            str(verdict.attempts),
            verdict.outcome,
        ]
        for verdict in verdicts
    ]
    columns = ["one thread", "cost", "accepted", "change", "M events/s", "attempts", ""]
    print_table(columns, rows)
    machine = describe_machine()
    if machine.load > machine.processors:
        typer.echo(
            f"note: {machine.load:g} running processes on {machine.processors} processors: a warning "
            "says little here, a failure holds (docs/benchmarks.md)"
        )
    if all(verdict.reference is None for verdict in verdicts):
        typer.echo(
            f"no accepted costs for {machine.key}: recorded, not gated "
            "(make accept-speed WHY='...' accepts them)"
        )


def run() -> None:
    """Run the program and leave with its exit code."""
    try:
        code = app(standalone_mode=False)
    except L1Error as error:
        typer.echo(f"speed: {error}", err=True)
        code = 2
    except typer.TyperException as error:
        typer.echo(f"speed: {error.format_message()}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
