"""What ``l1distill rates`` prints and writes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import typer

from emulator.results import plain_rows
from l1distill.console import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from emulator.model import Model
    from emulator.rates import Efficiency, WorkingPoint
    from l1distill.evaluation import Evaluation
    from l1distill.menu_rating import MenuRating
    from l1distill.score_table import ScoreTable


def plain_rates(
    result: Evaluation, menu: MenuRating | None, more: Mapping[str, pd.DataFrame]
) -> dict[str, object]:
    """Return the results as plain values."""
    return {
        "scenario": result.scenario.as_dict(),
        "working_points": [record.as_dict() for record in result.working_points],
        "efficiencies": [record.as_dict() for record in result.efficiencies],
        **({} if menu is None else {"menu": menu.as_dict()}),
        **{name: plain_rows(frame) for name, frame in more.items()},
    }


def print_groups(more: Mapping[str, pd.DataFrame]) -> None:
    """Print rates in groups and turn-on curves."""
    for name, frame in more.items():
        typer.echo("")
        rates = name == "rates_in_groups"
        value, kind = ("rate_khz", "rate kHz") if rates else ("efficiency", "efficiency")
        low, high = ("low_khz", "high_khz") if rates else ("low", "high")
        print_table(
            [
                *(["signal"] if not rates else []),
                "quantity",
                "from",
                "to",
                "target kHz",
                kind,
                "68 %",
            ],
            [
                [
                    *([str(row["signal"])] if not rates else []),
                    str(row["quantity"]),
                    f"{row.get('low_edge', row.get('group')):g}",
                    f"{row['high_edge']:g}" if "high_edge" in row else "",
                    f"{row['target_khz']:g}",
                    f"{row[value]:.3g}",
                    f"{row[low]:.3g} … {row[high]:.3g}",
                ]
                for row in plain_rows(frame)
            ],
            title="rates in groups" if rates else "turn-on curves",
        )


def write_tables(
    result: Evaluation,
    menu: MenuRating | None,
    folder: Path,
    more: Mapping[str, pd.DataFrame],
) -> None:
    """Write the results as CSV and Parquet."""
    import pandas as pd

    from emulator.files import replace_file
    from emulator.results import table

    frames = {
        "working_points": table(result.working_points),
        "efficiencies": table(result.efficiencies),
    }
    frames["rate_curves"] = pd.concat(
        [frame.assign(model=model) for model, frame in result.rate_curves.items()]
    )
    curves = [frame for frame in result.efficiency_curves.values() if len(frame)]
    if curves:
        frames["efficiency_curves"] = pd.concat(curves)
    frames |= more
    if menu is not None:
        frames |= menu.tables()
    for name, frame in frames.items():
        with replace_file(folder / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False)
        with replace_file(folder / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False)


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
