"""Anatomy: what the emulated network accepts, object by object, and what it alone accepts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.files import replace_file
from emulator.objects import sort_by_pt
from l1distill.anatomy import ACCEPTED, ALL, PURE, Anatomy, find_hot_spots
from l1distill.score_table import ScoreTable
from l1distill.study.roles import EMULATOR, MEASURING
from l1distill.study.stages.rating import scored_column

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from l1distill.study.context import Context


def run(context: Context) -> list[Path]:
    """Fill histograms of the measuring crossings at the highest target that is reached."""
    table = ScoreTable.read(context.run.scores(MEASURING))
    points = json.loads(context.run.part("rates").read_text(encoding="utf-8"))["working_points"]
    reached = [each for each in points if each["model"] == EMULATOR and each["reached"]]
    untouched = _untouched(context, table)
    weights = np.ones(len(table)) if table.weights is None else table.weights / 2.0**32
    khz = context.study.scenario.crossing_rate_khz / float(weights.sum())
    plain: dict[str, Any] = {
        "target_khz": None,
        "threshold": None,
        "hot_spots": [],
        "shared": [
            each for point in reached for each in _shared(table, point, untouched, weights * khz)
        ],
    }
    anatomy = Anatomy.empty()
    if reached:
        point = max(reached, key=lambda each: float(each["target_khz"]))
        plain |= {"target_khz": point["target_khz"], "threshold": point["threshold"]}
        anatomy = _filled(context, table, int(point["threshold"]), untouched)
        spots = find_hot_spots(anatomy.tower_maps((ACCEPTED, PURE)))
        plain["hot_spots"] = [each.as_dict() for each in spots]
    written = [context.run.part("anatomy")]
    with replace_file(written[0]) as temporary:
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    frames = {
        "anatomy": anatomy.table(rate_per_weight_khz=khz),
        "anatomy_maps": anatomy.map_table(rate_per_weight_khz=khz),
    }
    for name, frame in frames.items():
        written.append(context.run.table(name))
        with replace_file(written[-1]) as temporary:
            frame.to_csv(temporary, index=False)
        written.append(context.run.table(name).with_suffix(".parquet"))
        with replace_file(written[-1]) as temporary:
            frame.to_parquet(temporary, index=False)
    return written


def _untouched(context: Context, table: ScoreTable) -> NDArray[np.float64]:
    """Return the probability that the menu leaves a crossing to others, axis (crossing)."""
    assert table.decisions is not None  # noqa: S101 - scoring writes them
    return scored_column(context, table).none_accepts(table.decisions)


def _shared(
    table: ScoreTable,
    point: dict[str, Any],
    untouched: NDArray[np.float64],
    rates_khz: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return how much of what fires at a working point each seed fires on too, before prescales."""
    assert table.decisions is not None  # noqa: S101 - scoring writes them
    fires = table.scores[EMULATOR] >= point["threshold"]
    total = float(rates_khz[fires].sum())
    shares = {
        seed: float(rates_khz[fires & table.decisions[:, place]].sum())
        for place, seed in enumerate(table.seeds)
    }
    shares["no other seed"] = float((rates_khz * untouched)[fires].sum())
    return [
        {"target_khz": point["target_khz"], "seed": seed, "rate_khz": rate, "of_khz": total}
        for seed, rate in shares.items()
    ]


def _filled(
    context: Context, table: ScoreTable, threshold: int, untouched: NDArray[np.float64]
) -> Anatomy:
    fires = (table.scores[EMULATOR] >= threshold).astype(np.float64)
    anatomy = Anatomy.empty()
    start = 0
    # The same files in the same order as when they were scored.
    for events in context.files.chunks(MEASURING, "pt"):
        rows = slice(start, start + len(events))
        start = rows.stop
        anatomy.fill(
            sort_by_pt(events),
            None if table.weights is None else table.weights[rows],
            {
                ALL: np.ones(len(events)),
                ACCEPTED: fires[rows],
                PURE: fires[rows] * untouched[rows],
            },
        )
    return anatomy
