"""What ``l1distill rates`` prints and writes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import typer

from l1distill.console import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emulator.model import Model
    from emulator.rates import Efficiency, WorkingPoint
    from l1distill.evaluation import Evaluation
    from l1distill.menu_rating import MenuRating
    from l1distill.score_table import ScoreTable


def plain_rates(result: Evaluation, menu: MenuRating | None) -> dict[str, object]:
    """Return the results as plain values."""
    return {
        "scenario": result.scenario.as_dict(),
        "working_points": [record.as_dict() for record in result.working_points],
        "efficiencies": [record.as_dict() for record in result.efficiencies],
        **({} if menu is None else {"menu": menu.as_dict()}),
    }


def write_tables(result: Evaluation, menu: MenuRating | None, folder: Path) -> None:
    """Write the results as CSV."""
    from emulator.files import replace_file
    from emulator.results import table

    frames = {
        "working_points": table(result.working_points),
        "efficiencies": table(result.efficiencies),
    }
    if menu is not None:
        frames |= menu.tables()
    for name, frame in frames.items():
        with replace_file(folder / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)


def save_named_model(
    model: Model,
    result: Evaluation,
    setting: ScoreTable,
    names: Mapping[float, str],
    folder: Path,
) -> None:
    """Write the model with its thresholds under their names; names that it has already are replaced."""
    from emulator.model import NamedThreshold, save_model

    digest = hashlib.sha256()
    for name, column in sorted({**setting.identity, **setting.scores}.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(column).tobytes())
    found = [
        NamedThreshold(
            name=names[point.target_khz],
            threshold=point.threshold,
            target_khz=point.target_khz,
            scenario=result.scenario.name,
            sample_sha256=digest.hexdigest(),
        )
        for point in result.working_points
        if point.model == model.name and point.reached
    ]
    taken = {threshold.name for threshold in found}
    others = [threshold for threshold in model.thresholds if threshold.name not in taken]
    save_model(model.with_thresholds([*others, *found]), folder / f"{model.name}.json")


def print_rates(result: Evaluation, menu: MenuRating | None) -> None:
    """Print the results as tables."""
    scenario = result.scenario
    typer.echo(
        f"scenario {scenario.name}: {scenario.sqrt_s_tev:g} TeV, {scenario.n_bunches} bunches, "
        f"pile-up {scenario.pileup:g}, {scenario.crossing_rate_khz:.0f} kHz of crossings"
    )
    _print_points(result.working_points)
    _print_efficiencies(result.efficiencies)
    if menu is not None:
        _print_menu(menu)


def _print_points(points: Sequence[WorkingPoint]) -> None:
    print_table(
        ["model", "target kHz", "threshold", "rate kHz", "± naive", "± bootstrap", ""],
        [
            [
                point.model,
                f"{point.target_khz:g}",
                str(point.threshold),
                f"{point.rate_khz:.3g}",
                f"{point.error_naive_khz:.2g}",
                f"{point.error_khz:.2g}",
                "" if point.for_ranking else "not for ranking",
            ]
            for point in points
        ],
    )


def _print_efficiencies(efficiencies: Sequence[Efficiency], kind: str = "efficiency %") -> None:
    if not efficiencies:
        return
    print_table(
        ["signal", "model", "target kHz", kind, "68 % interval", "with threshold's error"],
        [
            [
                item.signal,
                item.model,
                f"{item.target_khz:g}",
                f"{100 * item.efficiency:.3g}",
                f"{100 * item.low:.3g} … {100 * item.high:.3g}",
                f"{100 * item.low_total:.3g} … {100 * item.high_total:.3g}",
            ]
            for item in efficiencies
        ],
    )


def _print_menu(menu: MenuRating) -> None:
    typer.echo("")
    print_table(
        [
            "seed",
            "prescale",
            "before kHz",
            "rate kHz",
            "±",
            "pure kHz",
            "±",
            "proportional kHz",
            "±",
        ],
        [
            [
                seed.seed,
                f"{seed.prescale:g}",
                f"{seed.before_khz:.3g}",
                f"{seed.rate_khz:.3g}",
                f"{seed.error_khz:.2g}",
                f"{seed.pure_khz:.3g}",
                f"{seed.pure_error_khz:.2g}",
                f"{seed.proportional_khz:.3g}",
                f"{seed.proportional_error_khz:.2g}",
            ]
            for seed in menu.seeds
        ],
        title="the menu",
    )
    for kept in menu.signals:
        typer.echo(
            f"the menu keeps {100 * kept.efficiency:.3g} % of {kept.signal} "
            f"({100 * kept.low:.3g} … {100 * kept.high:.3g})"
        )
    if menu.pure is None:
        return
    typer.echo("")
    typer.echo("on top of the menu, at fixed pure rates:")
    _print_points(menu.pure.working_points)
    _print_efficiencies(menu.pure.efficiencies, "gain %")
