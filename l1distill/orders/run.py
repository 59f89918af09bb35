"""Running a comparison unit by unit: each arm of each seed once, whatever is interrupted in between."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.training import torch_threads
from emulator.files import replace_file
from l1distill.orders.arms import run_arm
from l1distill.orders.bench import Bench, best
from l1distill.study.manifest import key_of
from l1distill.study.pipeline import run_until

if TYPE_CHECKING:
    from pathlib import Path

    from l1distill.console import Reporter
    from l1distill.orders.arms import Outcome
    from l1distill.orders.bench import Candidate
    from l1distill.orders.settings import Orders
    from l1distill.study.context import Context
    from l1distill.study.settings import Study

    Plain = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """One arm of one seed: what is stored of it."""

    seed: int
    arm: str
    path: Path

    def load(self, key: str) -> Plain | None:
        """Return what was found, if it is there and was made from the same file and samples."""
        if not self.path.is_file():
            return None
        content: Plain = json.loads(self.path.read_text(encoding="utf-8"))
        return content if content.get("key") == key else None


def units_of(orders: Orders, folder: Path) -> list[Unit]:
    """Return all units, seed by seed, so that seeds are complete one after the other."""
    return [
        Unit(seed, arm, folder / "orders" / "units" / f"seed_{seed}_{arm.replace(' ', '_')}.json")
        for seed in orders.seeds
        for arm in orders.arms
    ]


def run_orders(
    orders: Orders,
    study: Study,
    folder: Path,
    *,
    jobs: int = 1,
    max_units: int | None = None,
    tensorboard: bool = False,
    reporter: Reporter | None = None,
) -> tuple[list[Plain], int]:
    """Run all units of a comparison that are not there yet.

    Parameters
    ----------
    orders, study
        As `l1distill.orders.settings.load_orders` returns them.
    folder
        The run folder; samples are made in it as by ``l1distill study``.
    jobs
        Processes that make samples.
    max_units
        Stop after so many; the same command goes on later.
    tensorboard
        Write the learning curves of each arm, and the trials of its search, to the run folder too.
    reporter
        Where progress is shown.

    Returns
    -------
    What was found by all units that are there, and how many there shall be.
    """
    context = run_until(
        study, folder, "samples", jobs=jobs, reporter=reporter, tensorboard=tensorboard
    )
    key = _key(orders, context)
    units = units_of(orders, folder)
    bench = Bench(orders, context)
    done, made = [], 0
    with torch_threads(1):
        for number, unit in enumerate(units, 1):
            found = unit.load(key)
            if found is None and (max_units is None or made < max_units):
                with bench.logged(unit.seed, unit.arm):
                    found = _run(bench, unit, key)
                made += 1
                context.reporter.say(
                    f"  unit {number} of {len(units)}: seed {unit.seed}, {unit.arm}, "
                    f"{found['passes'] / 1e6:.1f} M event-passes in {found['seconds']:.0f} s of processor time"
                )
            if found is not None:
                done.append(found)
    return done, len(units)


def _key(orders: Orders, context: Context) -> str:
    """Return a hash of what a unit depends on; more seeds do not change it."""
    samples = json.loads(context.run.part("samples").read_text(encoding="utf-8"))
    sections = {"scenario", "layout", "distillation", "seed"}
    # Without defaults: an option that is new changes nothing where it is not used.
    return key_of(
        {
            "orders": orders.model_dump(
                mode="json", exclude={"seeds", "study"}, exclude_defaults=True
            ),
            "study": context.study.model_dump(mode="json", include=sections, exclude_defaults=True),
            "samples": [record["sha256"] for record in samples],
        }
    )


def _run(bench: Bench, unit: Unit, key: str) -> Plain:
    start = time.process_time()
    content: Plain = {"key": key, "seed": unit.seed, "arm": unit.arm}
    if unit.arm == "teacher":
        teacher, _, _ = bench.taught(unit.seed)
        content |= {
            "passes": 0,
            "choices": [],
            "teacher": bench.measure(bench.teacher_scores(teacher)),
            "multiplications": teacher.n_multiplications,
            "losses": [one.validation_loss for one in bench.histories[unit.seed].epochs],
        }
    else:
        outcome = run_arm(bench, unit.arm, unit.seed)
        content |= {
            "passes": outcome.passes,
            "choices": _choices(bench, unit.arm, outcome),
            "teacher": outcome.teacher,
        }
    content["seconds"] = time.process_time() - start
    with replace_file(unit.path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
    return content


def _choices(bench: Bench, arm: str, outcome: Outcome) -> list[Plain]:
    """Return what is chosen below each limit, measured once for each network.

    Arms that make one network have it within every limit; a search that found one has not.
    """
    orders, known = bench.orders, {}

    def measured(one: Candidate) -> Plain:
        if one.name not in known:
            known[one.name] = {
                "name": one.name,
                "luts": one.cost.luts,
                "share": one.cost.luts / bench.reference_luts,
                "latency_ns": one.cost.latency_ns,
                "agreement": one.agreement,
                "efficiencies": bench.measure_graph(one.graph),
            }
        return known[one.name]

    if not (arm in orders.orders or arm.startswith("control ")):
        return [{"limit": "only", "value": None, **measured(outcome.candidates[0])}]
    chosen: list[Plain] = []
    for share in sorted({*orders.lut_shares, *orders.front_shares}):
        one = _largest_below(outcome, "luts", share * bench.reference_luts)
        if one is not None:
            chosen.append({"limit": "luts", "value": share, **measured(one)})
    for latency in sorted(orders.latencies_ns):
        one = _largest_below(outcome, "latency_ns", latency)
        if one is not None:
            chosen.append({"limit": "latency_ns", "value": latency, **measured(one)})
    return chosen


def _largest_below(outcome: Outcome, quantity: str, limit: float) -> Candidate | None:
    """Return the best candidate within a limit; of controls, which no teacher judges, the largest."""
    if all(one.agreement is None for one in outcome.candidates):
        within = [one for one in outcome.candidates if getattr(one.cost, quantity) <= limit]
        return max(within, key=lambda one: one.cost.luts, default=None)
    return best(outcome.candidates, **{quantity: limit})
