"""Tables of the menu and of what the network adds to it, and of the anatomy of what fires."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import UNKNOWN, khz, number, percent, span, with_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.report.run_folder import Plain, RunResults


def menu_table(menu: Plain | None, where: str = "") -> Table | None:
    """Return the rates of the menu's seeds; ``where`` is the condition, if there are several."""
    rows = [
        [
            Cell(str(seed["seed"])),
            number_cell(f"{seed['prescale']:g}"),
            number_cell(with_error(seed["before_khz"], seed["before_error_khz"])),
            number_cell(with_error(seed["rate_khz"], seed["error_khz"])),
            number_cell(span(seed["low_khz"], seed["high_khz"])),
            number_cell(with_error(seed["pure_khz"], seed["pure_error_khz"])),
            number_cell(with_error(seed["proportional_khz"], seed["proportional_error_khz"])),
        ]
        for seed in (menu or {}).get("seeds", ())
    ]
    return make_table(
        f"The menu{_in(where)}. Pure: no other seed accepts. Proportional: each accepted crossing counts one over "
        "the number of seeds that accept it. Prescales are expectations; 0 is off. Errors: bootstrap "
        "over pool events.",
        (
            *("Seed", "Prescale", "Before prescale (kHz)", "Rate (kHz)", "68 % interval (kHz)"),
            *("Pure (kHz)", "Proportional (kHz)"),
        ),
        rows,
    )


def overlap_table(menu: Plain | None, where: str = "") -> Table | None:
    """Return the rates at which two seeds accept both."""
    overlap: dict[str, dict[str, float]] = (menu or {}).get("overlap_khz", {})
    names = list(overlap)
    rows = []
    for row, name in enumerate(names):
        cells = [
            number_cell("" if column > row else number(overlap[other][name], 2))
            for column, other in enumerate(names)
        ]
        rows.append([Cell(f"{row + 1} {name}"), *cells])
    return make_table(
        f"Rates at which two seeds accept both{_in(where)}, kHz; on the diagonal each alone.",
        ("Seed", *(str(number) for number in range(1, len(names) + 1))),
        rows,
    )


def menu_signal_table(
    menu: Plain | None, models: Sequence[str], targets_khz: Sequence[float], where: str = ""
) -> Table | None:
    """Return what the menu keeps and what networks and objects add to it.

    Parameters
    ----------
    menu
        ``signals``, ``pure_efficiencies`` and ``pure_working_points``.
    models, targets_khz
        Columns and rows, those of which something is known.
    where
        The condition, if there are several.
    """
    menu = menu or {}
    gains = {
        (str(one["signal"]), str(one["model"]), float(one["target_khz"])): one
        for one in menu.get("pure_efficiencies", ())
    }
    points = {
        (str(one["model"]), float(one["target_khz"])): one
        for one in menu.get("pure_working_points", ())
    }
    models = [model for model in models if any(key[0] == model for key in points)]
    rows = []
    for kept in menu.get("signals", ()):
        for target in targets_khz:
            found = [gains.get((str(kept["signal"]), model, target)) for model in models]
            ranked = [bool(points[model, target]["for_ranking"]) for model in models]
            known = [
                float(one["efficiency"])
                for one, sure in zip(found, ranked, strict=True)
                if one is not None and sure
            ]
            best = max(known, default=0.0)
            cells = [
                _gain_cell(one, best, ranked=sure) for one, sure in zip(found, ranked, strict=True)
            ]
            alone = Cell(
                percent(kept["efficiency"]),
                (span(kept["low"], kept["high"], scale=100),),
                "number",
            )
            rows.append([Cell(str(kept["signal"])), Cell(khz(target)), alone, *cells])
    return make_table(
        f"Pure efficiencies{_in(where)}, per cent: what each signal gains if the model is added to the menu and "
        "fires at this rate where no seed of the menu accepts. Below: 68 % interval with the error of "
        "the threshold. The largest gain of a row is marked; in brackets: the pure rate has more than "
        "20 % error, not for ranking.",
        ("Signal", "Pure rate", "The menu alone", *models),
        rows,
        heads=2,
    )


def _in(where: str) -> str:
    return f" ({where})" if where else ""


def _gain_cell(one: Plain | None, best: float, *, ranked: bool) -> Cell:
    if one is None:
        return number_cell(UNKNOWN)
    text = percent(one["efficiency"])
    look = "number best" if ranked and one["efficiency"] == best > 0 else "number"
    interval = span(one["low_total"], one["high_total"], scale=100)
    return Cell(text if ranked else f"({text})", (interval,), look)


def shared_table(run: RunResults) -> Table | None:
    """Return how much of what the network accepts other seeds fire on too."""
    records = (run.anatomy_record or {}).get("shared", [])
    targets = sorted({float(one["target_khz"]) for one in records})
    found = {(str(one["seed"]), float(one["target_khz"])): one for one in records}
    rows = []
    for seed in dict.fromkeys(str(one["seed"]) for one in records):
        cells = []
        for target in targets:
            one = found[seed, target]
            part = one["rate_khz"] / one["of_khz"] if one["of_khz"] else 0.0
            cells.append(
                Cell(f"{percent(part)} %", (f"{number(one['rate_khz'], 2)} kHz",), "number")
            )
        rows.append([Cell(seed), *cells])
    return make_table(
        "Of the rate that the network accepts, the part in which a seed of the menu fires too (before "
        "prescales), and the part in which no other accepts.",
        ("Seed", *(khz(target) for target in targets)),
        rows,
    )


def hot_spot_table(run: RunResults) -> Table | None:
    """Return the places that fire more often than their ring."""
    rows = [
        [
            Cell(str(spot["collection"])),
            Cell(str(spot["selection"])),
            number_cell(f"{spot['eta_low']:.3f} to {spot['eta_high']:.3f}"),
            number_cell(f"{spot['phi_low']:.3f} to {spot['phi_high'] % (2 * pi):.3f}"),
            number_cell(f"{spot['entries']:,}"),
            number_cell(number(spot["expected"], 2)),
            Cell(f"{spot['p_global']:.1e}", look="number bad"),
        ]
        for spot in (run.anatomy_record or {}).get("hot_spots", ())
    ]
    return make_table(
        "Hot places: more crossings than the other towers of the same ring in eta let expect. The "
        "probability counts all places that were looked at.",
        (
            *("Leading", "Crossings", "Eta", "Phi (rad)", "Found", "Expected"),
            *("Probability by chance",),
        ),
        rows,
        heads=2,
    )
