"""Efficiency against rate for each signal, and an overview against the best baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from l1distill.report.figures import (
    Plot,
    label_log_axis,
    look,
    new_figure,
    plain,
    put_labels,
    scenario_points,
    targets_label,
    unique_slugs,
)
from l1distill.report.verdicts import best
from l1distill.report.words import khz, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from l1distill.report.run_folder import Plain, RunResults

#: Baselines in colour; the rest is drawn in grey, else nobody can tell the lines apart.
_MOST_BASELINES = 3

_VALUES = ("efficiency", "low", "high", "low_total", "high_total")


def efficiency_plots(run: RunResults) -> list[Plot]:
    """Return one plot of efficiency against rate for each signal."""
    names = unique_slugs(run.signals)
    curves = run.efficiency_curves
    plots = []
    for signal in run.signals:
        frames = {
            str(model): frame.sort_values("rate_khz")
            for model, frame in curves[curves["signal"] == signal].groupby("model", sort=False)
        }
        shown = {model: frames[model] for model in run.models if model in frames}
        if shown:
            plots.append(_efficiency_plot(run, f"efficiency_{names[signal]}", signal, shown))
    return plots


def _efficiency_plot(
    run: RunResults, name: str, signal: str, frames: dict[str, pd.DataFrame]
) -> Plot:
    figure = new_figure(10.4)
    axes = figure.add_subplot()
    leading = _leading_baselines(run, signal, list(frames))
    merged = _equal_to_emulator(run, frames)
    others = [model for model in frames if model in run.baselines and model not in leading]
    for model in others:
        rows = frames[model]
        axes.plot(rows["rate_khz"], _positive(rows["efficiency"]), color="0.8", linewidth=1.5)
    if others:
        axes.plot([], [], color="0.8", linewidth=1.5, label="other baselines")
    for model in (*leading, *(model for model in run.networks if model in frames)):
        if model != merged:
            label = f"{model} = {merged}" if merged and model == run.student else model
            _draw_curve(axes, run, signal, model, frames[model], label)
    for target in run.targets_khz:
        axes.axvline(target, color="0.35", linestyle=":", linewidth=1.6, zorder=0)
    _finish(axes, run, frames, leading)
    put_labels(axes, run)
    axes.text(0.03, 0.97, plain(signal), transform=axes.transAxes, va="top", weight="bold")
    figure.legend(*_networks_first(axes, run), loc="outside lower center", ncols=2)
    targets = listing(khz(target) for target in run.targets_khz)
    grey = f" In grey: {listing(others)}." if others else ""
    return Plot(
        name=name,
        title=f"Efficiency against rate: {signal}",
        alt=f"Efficiency of {signal} against the background rate for {listing(frames)}",
        caption=(
            "Efficiency at the threshold that gives the background rate. Bands and bars: 68 % with "
            f"the error of the threshold. Marked: working points at {targets}; open markers have "
            f"more than 20 % error on the rate and are not for ranking.{grey}"
        ),
        figure=figure,
        points={
            **scenario_points(run),
            "signal": signal,
            "x": "rate_khz",
            "y": "efficiency",
            "series": [_series(run, signal, model, frame) for model, frame in frames.items()],
        },
    )


def _leading_baselines(run: RunResults, signal: str, present: list[str]) -> list[str]:
    """Baselines that are best at a target rate, then those that keep most anywhere."""
    baselines = [model for model in present if model in run.baselines]
    winners = [best(run, signal, target, baselines) for target in run.targets_khz]
    names = dict.fromkeys(str(one["model"]) for one in winners if one is not None)

    def kept(model: str) -> float:
        found = (run.efficiencies.get((signal, model, target)) for target in run.targets_khz)
        return max((float(one["efficiency"]) for one in found if one is not None), default=0.0)

    ranked = [*names, *sorted((b for b in baselines if b not in names), key=kept, reverse=True)]
    return ranked[: max(_MOST_BASELINES, len(names))]


def _equal_to_emulator(run: RunResults, frames: dict[str, pd.DataFrame]) -> str | None:
    """Return the quantized student if its curve is that of the emulator to the last bit."""
    quantized, emulator = run.of_kind("quantized student"), run.of_kind("emulator")
    if quantized is None or emulator is None or not {quantized, emulator} <= frames.keys():
        return None
    columns = ["rate_khz", *_VALUES]
    same = np.array_equal(frames[quantized][columns], frames[emulator][columns])
    return quantized if same else None


def _positive(values: pd.Series[float]) -> pd.Series[float]:
    return values.where(values > 0)


def _draw_curve(
    axes: Axes, run: RunResults, signal: str, model: str, rows: pd.DataFrame, label: str
) -> None:
    style = look(run, model)
    # The teacher is drawn first and wider, so that a student on top of it does not hide it.
    widths = dict.fromkeys(run.baselines, 1.8) | {run.teacher: 4.5}
    axes.plot(
        rows["rate_khz"],
        _positive(rows["efficiency"]),
        label=plain(label),
        linewidth=widths.get(model, 2.4),
        **style,
    )
    axes.fill_between(
        rows["rate_khz"],
        np.maximum(rows["low_total"], 1e-9),
        rows["high_total"],
        color=style["color"],
        alpha=0.15 if model in run.baselines else 0.22,
        linewidth=0,
    )
    for target in run.targets_khz:
        point = run.points.get((model, target))
        found = run.efficiencies.get((signal, model, target))
        if point is None or found is None or not found["efficiency"] > 0:
            continue
        axes.errorbar(
            point["setting_rate_khz"],
            found["efficiency"],
            yerr=_bars(found),
            color=style["color"],
            marker="s" if model in run.baselines else "o",
            markersize=9,
            markerfacecolor=style["color"] if point["for_ranking"] else "white",
            markeredgewidth=1.8,
            capsize=4,
            linestyle="none",
        )


def _bars(found: Plain) -> list[list[float]]:
    value = float(found["efficiency"])
    return [
        [max(value - float(found["low_total"]), 0.0)],
        [max(float(found["high_total"]) - value, 0.0)],
    ]


def _finish(
    axes: Axes, run: RunResults, frames: dict[str, pd.DataFrame], leading: Sequence[str]
) -> None:
    left = min(run.targets_khz, default=1.0) / 5
    right = 10 * max(run.targets_khz, default=10.0)
    values = []
    for model in (*leading, *run.networks):
        if model in frames:
            rows = frames[model]
            inside = rows["rate_khz"].between(left, right) & (rows["efficiency"] > 0)
            values += rows.loc[inside, "efficiency"].tolist()
    top, bottom = max(values, default=1.0), min(values, default=1e-3)
    axes.set(xscale="log", yscale="log", xlim=(left, right))
    # The headroom is for the signal's name.
    bottom = max(bottom / 2, top / 3e3)
    axes.set_ylim(bottom, top * (top / bottom) ** 0.17 * 1.3)
    label_log_axis(axes.xaxis)
    label_log_axis(axes.yaxis, scale=100)
    axes.set_xlabel("Background rate (kHz)")
    axes.set_ylabel("Signal efficiency (%)")


def _networks_first(axes: Axes, run: RunResults) -> tuple[list[Any], list[str]]:
    """Handles and labels of the legend: networks before baselines, what is grey last."""
    handles, labels = axes.get_legend_handles_labels()
    known = {plain(name) for name in run.baselines}

    def place(pair: tuple[Any, str]) -> int:
        return 2 if pair[1] == "other baselines" else int(pair[1] in known)

    ordered = sorted(zip(handles, labels, strict=True), key=place)
    handles, labels = [pair[0] for pair in ordered], [pair[1] for pair in ordered]
    handles.append(Line2D([], [], color="0.35", linestyle=":", linewidth=1.6))
    labels.append(targets_label(run))
    return handles, labels


def _series(run: RunResults, signal: str, model: str, rows: pd.DataFrame) -> dict[str, Any]:
    marked = []
    for target in run.targets_khz:
        found = run.efficiencies.get((signal, model, target))
        if found is not None:
            marked.append(
                {
                    "target_khz": target,
                    **{key: found[key] for key in _VALUES},
                    "for_ranking": run.for_ranking(model, target),
                }
            )
    columns = {key: rows[key].tolist() for key in ("rate_khz", *_VALUES)}
    return {"model": model, **columns, "working_points": marked}


def overview_plot(run: RunResults) -> Plot | None:
    """Return the overview: student, teacher and best baseline at each target rate."""
    if not run.signals or not run.targets_khz or run.student is None:
        return None
    signals, targets = run.signals, run.targets_khz
    figure = new_figure(1.6 + len(targets) * (0.9 + 0.82 * len(signals)))
    panels = figure.subplots(len(targets), 1, sharex=True, squeeze=False)[:, 0]
    points: list[dict[str, Any]] = []
    for axes, target in zip(panels, targets, strict=True):
        points += _overview_panel(axes, run, target)
    put_labels(panels[0], run)
    panels[-1].set_xlabel("Signal efficiency (%)")
    left = min((one["efficiency"] for one in points if one["efficiency"] > 0), default=1e-3)
    right = max((one["high_total"] for one in points), default=1.0)
    panels[0].set_xlim(max(left / 2, 1e-6), min(2 * right, 1.5))
    label_log_axis(panels[-1].xaxis, scale=100)
    figure.legend(handles=_overview_handles(run), loc="outside lower center", ncols=3)
    return Plot(
        name="overview",
        title="Student, teacher and best baseline",
        alt=(
            f"For each of {listing(signals)} and each target rate: the efficiencies of the student, "
            "the teacher and the best baseline"
        ),
        caption=(
            "Bars: 68 % with the error of the threshold. Under each signal: the baseline that keeps "
            "most of it at this rate. Open markers have more than 20 % error on the rate and are "
            "not for ranking."
        ),
        figure=figure,
        points={**scenario_points(run), "x": "efficiency", "points": points},
    )


def _overview_members(run: RunResults, signal: str, target: float) -> list[tuple[str, Plain]]:
    members = []
    for role, model in (("student", run.student), ("teacher", run.teacher)):
        if model is not None and (signal, model, target) in run.efficiencies:
            members.append((role, run.efficiencies[signal, model, target]))
    if (baseline := best(run, signal, target, run.baselines)) is not None:
        members.append(("best baseline", baseline))
    return members


_MARKERS = {"student": ("o", -0.22), "teacher": ("D", 0.0), "best baseline": ("s", 0.22)}


def _role_color(run: RunResults, role: str) -> str:
    model = {"student": run.student, "teacher": run.teacher}.get(role)
    return "0.25" if model is None else str(look(run, model)["color"])


def _overview_panel(axes: Axes, run: RunResults, target: float) -> list[dict[str, Any]]:
    points = []
    names = []
    for row, signal in enumerate(run.signals):
        baseline = None
        for role, found in _overview_members(run, signal, target):
            ranked = run.for_ranking(str(found["model"]), target)
            color = _role_color(run, role)
            marker, offset = _MARKERS[role]
            if role == "best baseline":
                baseline = str(found["model"])
            axes.errorbar(
                found["efficiency"],
                row + offset,
                xerr=_bars(found),
                color=color,
                marker=marker,
                markersize=9,
                markerfacecolor=color if ranked else "white",
                markeredgewidth=1.8,
                capsize=3,
            )
            points.append(
                {
                    "signal": signal,
                    "role": role,
                    "model": str(found["model"]),
                    "target_khz": target,
                    **{key: found[key] for key in _VALUES},
                    "for_ranking": ranked,
                }
            )
        names.append((signal, baseline))
    _overview_rows(axes, names)
    axes.text(
        1.02, 0.5, f"at {khz(target)}", transform=axes.transAxes, rotation=270, va="center", size=20
    )
    return points


def _overview_rows(axes: Axes, names: Sequence[tuple[str, str | None]]) -> None:
    axes.set_xscale("log")
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [])
    axes.minorticks_on()
    axes.tick_params(axis="y", which="both", length=0)
    for row, (signal, baseline) in enumerate(names):
        axes.annotate(
            plain(signal), (0, row), (-10, 1), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="bottom", size=18, annotation_clip=False,
        )  # fmt: skip
        axes.annotate(
            plain(baseline or "no baseline"), (0, row), (-10, -1),
            xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="top",
            size=15, color="0.35", annotation_clip=False,
        )  # fmt: skip
        if row:
            axes.axhline(row - 0.5, color="0.88", linewidth=1, zorder=0)


def _overview_handles(run: RunResults) -> list[Line2D]:
    names = {"student": run.student, "teacher": run.teacher, "best baseline": "best baseline"}
    return [
        Line2D(
            [],
            [],
            color=_role_color(run, role),
            marker=marker,
            markersize=9,
            linewidth=1.5,
            label=plain(str(names[role])),
        )
        for role, (marker, _) in _MARKERS.items()
        if names[role] is not None
    ]
