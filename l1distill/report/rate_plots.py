"""Rate against threshold, in one plot for each kind of score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l1distill.report.figures import (
    Plot,
    label_log_axis,
    look,
    new_figure,
    plain,
    put_labels,
    scenario_points,
    targets_label,
)
from l1distill.report.words import khz, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from l1distill.report.run_folder import RunResults

#: A curve with more rows is thinned to about as many, evenly in the logarithm of the rate.
_MOST_POINTS = 400


def rate_plots(run: RunResults) -> list[Plot]:
    """Return the plots of rate against threshold: teacher, students and baselines.

    They are apart because their scores have different units.
    """
    teacher = [run.teacher] if run.teacher else []
    students = [name for name in run.networks if name not in teacher]
    groups = (
        ("rate_teacher", "teacher", "Threshold on the teacher's score", teacher),
        ("rate_students", "students", "Threshold on the student's score", students),
        ("rate_baselines", "baselines", "Threshold (hardware counts)", run.baselines),
    )
    firing = run.rate_curves["rate_khz"] > 0
    present = set(run.rate_curves.loc[firing, "model"])
    plots = []
    for name, what, axis, members in groups:
        if shown := [model for model in members if model in present]:
            plots.append(_rate_plot(run, name, what, axis, shown))
    return plots


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a rate curve for plotting: those with a rate, at most a few hundred."""
    rows = frame[frame["rate_khz"] > 0].sort_values("threshold")
    if len(rows) <= _MOST_POINTS:
        return rows
    falling = rows["rate_khz"].to_numpy()
    wanted = np.geomspace(falling[0], falling[-1], _MOST_POINTS)
    chosen = np.searchsorted(-falling, -wanted, side="left")
    return rows.iloc[np.unique(np.minimum(chosen, len(rows) - 1))]


def _rate_plot(run: RunResults, name: str, what: str, axis: str, models: Sequence[str]) -> Plot:
    figure = new_figure(9.6)
    axes = figure.add_subplot()
    lowest = min(run.targets_khz, default=1.0) / 20
    series, extent = [], []
    for model in models:
        rows = thinned(run.rate_curves[run.rate_curves["model"] == model])
        x = run.score_values(model, rows["threshold"].to_numpy())
        extent.append(_interesting(x, rows["rate_khz"].to_numpy(), lowest))
        _draw(axes, run, model, x, rows)
        series.append(_points(run, model, x, rows))
    for target in run.targets_khz:
        axes.axhline(target, color="0.35", linestyle=":", linewidth=1.6, zorder=0)
    axes.plot([], [], color="0.35", linestyle=":", linewidth=1.6, label=targets_label(run))
    _finish(axes, run, axis, extent, lowest, log_x=name == "rate_baselines")
    put_labels(axes, run)
    figure.legend(loc="outside lower center", ncols=2)
    rates = listing(khz(target) for target in run.targets_khz)
    return Plot(
        name=name,
        title=f"Rate against threshold: {what}",
        alt=f"Falling curves of the trigger rate in kHz against the threshold of {listing(models)}",
        caption=(
            "Rate of crossings with a score at or above the threshold, on the crossings that set no "
            f"threshold. Bands: bootstrap errors over pool events. Dotted: target rates {rates}."
        ),
        figure=figure,
        points={
            **scenario_points(run),
            "x": axis,
            "y": "rate_khz",
            "targets_khz": run.targets_khz,
            "series": series,
        },
    )


def _interesting(
    x: NDArray[np.float64], rate: NDArray[np.float64], lowest: float
) -> tuple[float, float]:
    """Thresholds from where something stops firing to where nearly nothing fires."""
    first = int(np.searchsorted(-rate, -0.98 * rate[0])) - 1
    last = int(np.searchsorted(-rate, -lowest))
    return float(x[max(first, 0)]), float(x[min(last, x.size - 1)])


def _draw(
    axes: Axes, run: RunResults, model: str, x: NDArray[np.float64], rows: pd.DataFrame
) -> None:
    rate, error = rows["rate_khz"].to_numpy(), rows["error_khz"].to_numpy()
    style = look(run, model)
    steps = len(rows) < _MOST_POINTS // 2
    # Between two thresholds that occur, the rate is that of the next one.
    where: dict[str, Any] = {"drawstyle": "steps-pre"} if steps else {}
    # Students nearly coincide: the widest line is drawn lowest, the dashed one on top.
    kinds: dict[str, dict[str, Any]] = {
        "quantized student": {"linewidth": 6, "alpha": 0.55},
        "float student": {"zorder": 3},
    }
    axes.plot(x, rate, label=plain(model), **style, **where, **kinds.get(run.kinds[model], {}))
    axes.fill_between(
        x,
        np.maximum(rate - error, 1e-9),
        rate + error,
        step="pre" if steps else None,
        color=style["color"],
        alpha=0.22,
        linewidth=0,
    )


def _points(
    run: RunResults, model: str, x: NDArray[np.float64], rows: pd.DataFrame
) -> dict[str, Any]:
    return {
        "model": model,
        "fraction_bits": run.fraction_bits(model) or 0,
        "x": x.tolist(),
        "threshold": rows["threshold"].tolist(),
        "rate_khz": rows["rate_khz"].tolist(),
        "error_khz": rows["error_khz"].tolist(),
    }


def _finish(
    axes: Axes,
    run: RunResults,
    label: str,
    extent: Sequence[tuple[float, float]],
    lowest: float,
    *,
    log_x: bool,
) -> None:
    axes.set_yscale("log")
    axes.set_ylim(lowest, 3 * float(run.scenario["crossing_rate_khz"]))
    axes.set_ylabel("Rate (kHz)")
    axes.set_xlabel(label)
    # More room would only show where everything fires, or nothing.
    left, right = min(low for low, _ in extent), max(high for _, high in extent)
    if log_x:
        axes.set_xscale("log")
        axes.set_xlim(max(left, 1.0), max(1.15 * right, 2.0))
        label_log_axis(axes.xaxis)
    elif right > left:
        axes.set_xlim(left, right + 0.03 * (right - left))
