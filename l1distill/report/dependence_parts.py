"""Rates by run, lumi section and pile-up, and turn-on curves: plots and tables of studies and scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from l1distill.report.figures import Plot, new_figure, plain, unique_slugs
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import count, khz, number, percent, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Row = Mapping[str, Any]

#: Tables with more rows show the first ones; all are in the files.
_MOST_ROWS = 200

#: So many models are drawn in a plot; tables have all.
_MOST_MODELS = 4

#: More runs than this have no tick each.
_MOST_TICKS = 5

_COLORS = ("#bd1f01", "#3f90da", "#832db6", "#717581")
_MARKERS = ("o", "s", "^", "D")


def dependence_plots(
    rates: Sequence[Row], turn_ons: Sequence[Row], *, prefix: str = "", models: Sequence[str] = ()
) -> list[Plot]:
    """Return a plot of the rates for each quantity, and of each turn-on curve.

    Parameters
    ----------
    rates, turn_ons
        Rows as `emulator.rates.groups.labelled` makes them, turn-ons with their ``signal``.
    prefix
        In front of the names of the files, as ``pu60``.
    models
        Whose points are drawn, the first ones; all of them if empty.
    """
    start = f"{prefix}_" if prefix else ""
    plots = []
    names = unique_slugs(list(dict.fromkeys(str(row["quantity"]) for row in rates)))
    for quantity, name in names.items():
        rows = [row for row in rates if row["quantity"] == quantity]
        plots.append(_rate_plot(f"groups_{start}{name}", quantity, rows, models))
    keys = list(dict.fromkeys((str(row["signal"]), str(row["quantity"])) for row in turn_ons))
    labels = unique_slugs([f"{signal} {quantity}" for signal, quantity in keys])
    for signal, quantity in keys:
        rows = [row for row in turn_ons if (row["signal"], row["quantity"]) == (signal, quantity)]
        name = f"turn_on_{start}{labels[f'{signal} {quantity}']}"
        plots.append(_turn_on_plot(name, signal, quantity, rows, models))
    return plots


def _drawn(rows: Sequence[Row], models: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows of the models that are drawn, at the highest target."""
    present = dict.fromkeys(str(row["model"]) for row in rows)
    chosen = [model for model in models if model in present] or list(present)
    top = max(float(row["target_khz"]) for row in rows)
    return {
        model: [row for row in rows if row["model"] == model and row["target_khz"] == top]
        for model in chosen[:_MOST_MODELS]
    }


def _place(row: Row) -> tuple[float, float]:
    """Return the middle of a group and half of its width."""
    if "low_edge" in row:
        low, high = float(row["low_edge"]), float(row["high_edge"])
        return (low + high) / 2, (high - low) / 2
    return float(row["group"]), 0.0


def _draw(axes: Any, series: Mapping[str, list[Row]], value: str, scale: float) -> None:
    low, high = ("low_khz", "high_khz") if value == "rate_khz" else ("low", "high")
    # Side by side within a bin, whose width the first of them shows; runs have a distance of one.
    shifts = [(place - (len(series) - 1) / 2) / max(len(series), 4) for place in range(len(series))]
    for number_of, (model, rows) in enumerate(series.items()):
        places = [_place(row) for row in rows]
        values = [scale * float(row[value]) for row in rows]
        axes.errorbar(
            [place + shifts[number_of] * (half or 0.5) for place, half in places],
            values,
            xerr=[half for _, half in places] if len(series) == 1 else None,
            yerr=[
                [
                    max(v - scale * float(row[low]), 0.0)
                    for v, row in zip(values, rows, strict=True)
                ],
                [
                    max(scale * float(row[high]) - v, 0.0)
                    for v, row in zip(values, rows, strict=True)
                ],
            ],
            color=_COLORS[number_of],
            marker=_MARKERS[number_of],
            markersize=9,
            capsize=3,
            linestyle="none",
            label=plain(model),
        )
    edges = sorted(
        {
            _place(row)[0] + sign * _place(row)[1]
            for rows in series.values()
            for row in rows
            for sign in (-1, 1)
            if _place(row)[1]
        }
    )
    for edge in edges:
        axes.axvline(edge, color="0.85", linewidth=1, zorder=0)


def _rate_plot(name: str, quantity: str, rows: Sequence[Row], models: Sequence[str]) -> Plot:
    series = _drawn(rows, models)
    target = khz(max(float(row["target_khz"]) for row in rows))
    figure = new_figure(8.0)
    axes = figure.add_subplot()
    _draw(axes, series, "rate_khz", 1.0)
    axes.set_xlabel(plain(quantity))
    axes.set_ylabel(f"Rate at the {target} threshold (kHz)")
    axes.set_ylim(bottom=0)
    if "group" in rows[0]:
        axes.ticklabel_format(axis="x", useOffset=False, style="plain")
        numbers = sorted({int(row["group"]) for row in rows})
        axes.set_xlim(numbers[0] - 0.8, numbers[-1] + 0.8)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(
            FixedLocator(numbers) if len(numbers) <= _MOST_TICKS else MaxNLocator(4, integer=True)
        )
    figure.legend(loc="outside lower center", ncols=2)
    return Plot(
        name=name,
        title=f"Rate by {quantity}",
        alt=f"Rate at the {target} threshold against {quantity} for {', '.join(series)}",
        caption=(
            "As if all crossings were of that group, at the threshold of all crossings together. Bars: "
            "68 % (Garwood, on effective numbers)."
        ),
        figure=figure,
        points={"quantity": quantity, "rows": [dict(row) for row in rows]},
    )


def _turn_on_plot(
    name: str, signal: str, quantity: str, rows: Sequence[Row], models: Sequence[str]
) -> Plot:
    series = _drawn(rows, models)
    target = khz(max(float(row["target_khz"]) for row in rows))
    figure = new_figure(8.0)
    axes = figure.add_subplot()
    _draw(axes, series, "efficiency", 100.0)
    axes.set_xlabel(plain(quantity))
    axes.set_ylabel(f"Efficiency at {target} (%)")
    axes.set_ylim(0, 105)
    axes.set_title(plain(signal), size=20, loc="left")
    figure.legend(loc="outside lower center", ncols=2)
    return Plot(
        name=name,
        title=f"Turn-on: {signal} against {quantity}",
        alt=f"Efficiency of {signal} at {target} against {quantity} for {', '.join(series)}",
        caption=(
            "Accepted part of the crossings in each bin. Bars: 68 % at the fixed threshold. Crossings "
            "without the quantity, or outside of the bins, are left out."
        ),
        figure=figure,
        points={"signal": signal, "quantity": quantity, "rows": [dict(row) for row in rows]},
    )


def group_table(rates: Sequence[Row]) -> Table | None:
    """Return the rates in groups."""
    rows = [
        [
            Cell(str(row["quantity"])),
            Cell(_bin(row)),
            Cell(str(row["model"])),
            Cell(khz(row["target_khz"])),
            number_cell(f"{row['n_total']:,}"),
            number_cell(number(row["rate_khz"])),
            number_cell(span(row["low_khz"], row["high_khz"])),
        ]
        for row in rates[:_MOST_ROWS]
    ]
    return make_table(
        f"Rates in groups of crossings{_cut(rates)}. Thresholds are those of all crossings together.",
        ("Quantity", "Group", "Model", "Target", "Crossings", "Rate (kHz)", "68 % (kHz)"),
        rows,
        heads=2,
    )


def turn_on_table(turn_ons: Sequence[Row]) -> Table | None:
    """Return the turn-on curves."""
    rows = [
        [
            Cell(str(row["signal"])),
            Cell(str(row["quantity"])),
            Cell(_bin(row)),
            Cell(str(row["model"])),
            Cell(khz(row["target_khz"])),
            number_cell(f"{row['n_total']:,}"),
            number_cell(percent(row["efficiency"])),
            number_cell(span(row["low"], row["high"], scale=100)),
        ]
        for row in turn_ons[:_MOST_ROWS]
    ]
    return make_table(
        f"Turn-on curves{_cut(turn_ons)}.",
        ("Signal", "Quantity", "Bin", "Model", "Target", "Crossings", "Efficiency (%)", "68 %"),
        rows,
        heads=3,
    )


def _cut(rows: Sequence[Row]) -> str:
    more = len(rows) - _MOST_ROWS
    return f"; {count(more, 'row')} more are in the files" if more > 0 else ""


def _bin(row: Row) -> str:
    if "low_edge" in row:
        return f"{row['low_edge']:g} to {row['high_edge']:g}"
    return f"{row['group']:.0f}"
