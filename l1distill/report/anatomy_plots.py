"""The anatomy of what fires: multiplicities, leading spectra, masses and maps, all beside accepted and pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle

from l1distill.anatomy import ACCEPTED, ALL, PURE, QUANTITIES
from l1distill.report.figures import (
    Plot,
    new_figure,
    put_labels,
    scenario_points,
)
from l1distill.report.words import khz

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from l1distill.report.run_folder import Plain, RunResults

_LOOKS: Final[dict[str, dict[str, Any]]] = {
    ALL: {"color": "#94a4a2", "fill": True, "alpha": 0.35},
    ACCEPTED: {"color": "#3f90da", "linewidth": 2.6},
    PURE: {"color": "#bd1f01", "linewidth": 2.6, "linestyle": "--"},
}
_LABELS: Final = {
    ALL: "all crossings",
    ACCEPTED: "accepted by the network",
    PURE: "by the network alone",
}
_GROUPS: Final = (
    ("anatomy_multiplicities", "How many objects", ("n_jet", "n_jet30", "n_eg", "n_tau", "n_mu")),
    (
        "anatomy_spectra",
        "Leading objects and sums",
        ("pt_jet", "pt_eg", "pt_tau", "pt_mu", "htt", "etm"),
    ),
    ("anatomy_masses", "Dijet and dimuon masses", ("m_jj", "m_mumu")),
)
_COLLECTIONS: Final = {"jet": "jet", "eg": "e/gamma", "tau": "tau", "mu": "muon"}

#: Towers that one bin of a drawn map holds, in each direction.
_COARSE: Final = 4


def anatomy_plots(run: RunResults) -> list[Plot]:
    """Return all plots of the anatomy; none if the run has no network that fires."""
    table, maps, about = run.anatomy, run.anatomy_maps, run.anatomy_record
    if table is None or maps is None or about is None or about.get("target_khz") is None:
        return []
    plots = [_spectra(run, table, about, *group) for group in _GROUPS]
    for selection in (ACCEPTED, PURE, ALL):
        rows = maps[maps["selection"] == selection]
        if len(rows):
            plots.append(_maps(run, rows, about, selection))
    return plots


def _spectra(
    run: RunResults,
    table: pd.DataFrame,
    about: Plain,
    name: str,
    title: str,
    quantities: Sequence[str],
) -> Plot:
    figure = new_figure(2.0 + 3.7 * len(quantities))
    panels = figure.subplots(len(quantities), 1, squeeze=False)[:, 0]
    known = {each.name: each for each in QUANTITIES}
    points = []
    for axes, quantity in zip(panels, quantities, strict=True):
        rows = table[table["quantity"] == quantity]
        points += [_draw(axes, rows, quantity, selection) for selection in (ALL, ACCEPTED, PURE)]
        unit = f" ({known[quantity].unit})" if known[quantity].unit else ""
        axes.set_xlabel(f"{known[quantity].label}{unit}")
        axes.set_ylabel("kHz per bin")
        _log_range(axes, rows)
    put_labels(panels[0], run)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=1)
    return Plot(
        name=name,
        title=title,
        alt=f"{title}: rates per bin of all crossings, of those accepted, and of pure accepts",
        caption=(
            f"At the threshold {about['threshold']:,} of the target {khz(about['target_khz'])}. Only "
            "crossings that have the object are counted; the last bin holds all beyond. Error bars "
            "come from the weights alone and are too small where crossings share pool events."
        ),
        figure=figure,
        points={**scenario_points(run), "threshold": about["threshold"], "series": points},
    )


def _draw(axes: Axes, rows: pd.DataFrame, quantity: str, selection: str) -> dict[str, Any]:
    chosen = rows[rows["selection"] == selection]
    edges = [*chosen["low_edge"], chosen["high_edge"].iloc[-1]]
    rates, errors = chosen["rate_khz"].to_numpy(), chosen["error_khz"].to_numpy()
    style = _LOOKS[selection]
    axes.stairs(np.where(rates > 0, rates, np.nan), edges, label=_LABELS[selection], **style)
    if selection != ALL:
        middles = (chosen["low_edge"] + chosen["high_edge"]) / 2
        shown = rates > 0
        axes.errorbar(
            middles[shown],
            rates[shown],
            yerr=errors[shown],
            linestyle="none",
            color=style["color"],
            linewidth=1.4,
        )
    return {
        "quantity": quantity,
        "selection": selection,
        "edges": [float(edge) for edge in edges],
        "rate_khz": rates.tolist(),
        "error_khz": errors.tolist(),
    }


def _log_range(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_xlim(rows["low_edge"].min(), rows["high_edge"].max())
    found = rows["rate_khz"][rows["rate_khz"] > 0]
    if not len(found):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "in no crossing", transform=axes.transAxes, ha="center", va="center")
        return
    top, bottom = found.max(), found.min()
    axes.set_yscale("log")
    # Rare crossings of tiny weight would only make room for emptiness.
    axes.set_ylim(max(bottom / 2, top * 1e-9, 1e-4), 4 * top)


def _maps(run: RunResults, rows: pd.DataFrame, about: Plain, selection: str) -> Plot:
    shown = [name for name in _COLLECTIONS if (rows["collection"] == name).any()]
    figure = new_figure(1.6 + 5.0 * len(shown))
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    points = []
    for axes, name in zip(panels, shown, strict=True):
        chosen = rows[rows["collection"] == name]
        points += _draw_map(axes, chosen)
        image = axes.images[0]
        figure.colorbar(image, ax=axes, pad=0.015).set_label("kHz")
        axes.set_ylabel(r"$\phi$ (rad)")
        axes.set_xlabel(rf"$\eta$ of the leading {_COLLECTIONS[name]}")
        _mark_hot(axes, about, name, selection)
    put_labels(panels[0], run)
    flagged = sum(spot["selection"] == selection for spot in about["hot_spots"])
    return Plot(
        name=f"anatomy_map_{selection}",
        title=f"Where the leading objects are: {_LABELS[selection]}",
        alt=f"Maps in eta and phi of leading objects, {_LABELS[selection]}",
        caption=(
            f"Bins of {_COARSE} by {_COARSE} trigger towers, rates from weights: a single crossing of "
            "large weight stands out, but is no hot place, since those are found by number. "
            + (
                f"Red frames: the {flagged} hot places of the table."
                if flagged
                else "No place is hot."
                if selection != ALL
                else "Not searched for hot places."
            )
        ),
        figure=figure,
        points={**scenario_points(run), "selection": selection, "bins": points},
    )


def _draw_map(axes: Axes, rows: pd.DataFrame) -> list[dict[str, Any]]:
    width = float((rows["eta_high"] - rows["eta_low"]).iloc[0])
    reach = max(abs(rows["eta_low"].min()), rows["eta_high"].max())
    half = int(np.ceil(reach / width / _COARSE - 1e-6))
    eta_edges = np.arange(-half, half + 1) * _COARSE * width
    phi_edges = np.linspace(0, 2 * np.pi, 72 // _COARSE + 1)
    middle_eta = (rows["eta_low"] + rows["eta_high"]) / 2
    middle_phi = (rows["phi_low"] + rows["phi_high"]) / 2
    rates, _, _ = np.histogram2d(
        middle_eta, middle_phi, bins=(eta_edges, phi_edges), weights=rows["rate_khz"]
    )
    seen = rates[rates > 0]
    low, high = float(np.quantile(seen, 0.02)), float(seen.max())
    axes.imshow(
        np.where(rates > 0, rates, np.nan).T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(eta_edges[0], eta_edges[-1], 0, 2 * np.pi),
        norm=LogNorm(low, max(high, 1.01 * low)),
        cmap="cividis",
    )
    columns = ("collection", "eta_low", "phi_low", "rate_khz", "entries")
    return [dict(zip(columns, row, strict=True)) for row in rows[list(columns)].to_numpy().tolist()]


def _mark_hot(axes: Axes, about: Plain, collection: str, selection: str) -> None:
    for spot in about["hot_spots"]:
        if (spot["collection"], spot["selection"]) != (collection, selection):
            continue
        low, high = spot["eta_low"], spot["eta_high"]
        bottom, top = spot["phi_low"], spot["phi_high"]
        # A tower is small: the frame leaves some room. A place across phi = 0 is drawn at its start.
        height = top - bottom if top > bottom else 2 * np.pi - bottom
        axes.add_patch(
            Rectangle(
                (low - 0.1, bottom - 0.1),
                high - low + 0.2,
                height + 0.2,
                fill=False,
                edgecolor="#bd1f01",
                linewidth=3,
            )
        )
