"""How well the student follows the teacher, and how the networks learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from l1distill.report.figures import (
    Plot,
    label_log_axis,
    new_figure,
    plain,
    put_labels,
    scenario_points,
)
from l1distill.report.words import khz, listing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from l1distill.report.run_folder import RunResults

_BINS = 120
_LINES = ("-", "--", "-.", ":")


def scatter_plot(run: RunResults) -> Plot | None:
    """Return student against teacher on background, or None if their scores are not there."""
    teacher, student, table = run.teacher, run.student, run.measuring
    if table is None or teacher is None or student is None or not len(table):
        return None
    if not {teacher, student} <= table.scores.keys():
        return None
    weights = np.ones(len(table)) if table.weights is None else table.weights.astype(np.float64)
    if not weights.sum() > 0:
        return None
    x, y = (run.score_values(model, table.scores[model]) for model in (teacher, student))
    rate = weights * (float(run.scenario["crossing_rate_khz"]) / weights.sum())
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_BINS, weights=rate)
    figure = new_figure(9.8)
    axes = figure.add_subplot()
    shown = counts.T
    image = axes.imshow(
        np.where(shown > 0, shown, np.nan),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(x_edges[0], x_edges[-1], y_edges[0], y_edges[-1]),
        norm=LogNorm(shown[shown > 0].min(), max(shown.max(), 2 * shown[shown > 0].min())),
        cmap="cividis",
    )
    figure.colorbar(image, ax=axes, pad=0.015).set_label("Rate per bin (kHz)")
    lines = _draw_thresholds(axes, run, teacher, student)
    axes.set_xlabel(f"Score of the {plain(teacher)}")
    axes.set_ylabel(f"Score of the {plain(student)}")
    put_labels(axes, run)
    if lines:
        figure.legend(loc="outside lower center", ncols=3)
    return Plot(
        name="student_teacher",
        title=f"{student} against {teacher}",
        alt=f"Two-dimensional histogram of the scores of {teacher} and {student} on background",
        caption=(
            f"Zero-bias crossings, weighted. Lines: thresholds of both at "
            f"{listing(khz(line['target_khz']) for line in lines) or 'no working point'}; the "
            "upper right corner fires both, the lower right the teacher alone."
        ),
        figure=figure,
        points={
            **scenario_points(run),
            "x": {"model": teacher, "edges": x_edges.tolist()},
            "y": {"model": student, "edges": y_edges.tolist()},
            "z": "rate_khz",
            "bins": _occupied(counts),
            "thresholds": lines,
        },
    )


def _occupied(counts: NDArray[np.float64]) -> list[dict[str, float]]:
    columns, rows = np.nonzero(counts)
    return [
        {"column": int(column), "row": int(row), "rate_khz": float(counts[column, row])}
        for column, row in zip(columns, rows, strict=True)
    ]


def _draw_thresholds(
    axes: Axes, run: RunResults, teacher: str, student: str
) -> list[dict[str, float]]:
    lines = []
    for number, target in enumerate(run.targets_khz):
        points = [run.points.get((model, target)) for model in (teacher, student)]
        if any(point is None or not point["reached"] for point in points):
            continue
        x, y = (
            float(run.score_values(model, np.asarray(point["threshold"])))
            for model, point in zip((teacher, student), points, strict=True)
            if point is not None
        )
        style: dict[str, Any] = {
            "color": "#bd1f01",
            "linestyle": _LINES[number % len(_LINES)],
            "linewidth": 1.8,
        }
        axes.axvline(x, label=khz(target), **style)
        axes.axhline(y, **style)
        lines.append({"target_khz": target, "x": x, "y": y})
    return lines


def learning_plot(run: RunResults) -> Plot | None:
    """Return the losses of all trainings, or None if nothing was trained."""
    stages = [stage for stage in run.records("training") if stage["epochs"]]
    if not stages:
        return None
    figure = new_figure(1.6 + 3.9 * len(stages))
    panels = figure.subplots(len(stages), 1, squeeze=False)[:, 0]
    series: list[dict[str, Any]] = []
    for axes, stage in zip(panels, stages, strict=True):
        # Epochs are counted from 1 on the page, whatever the trainer starts from.
        epochs = np.arange(1, len(stage["epochs"]) + 1)
        losses = {
            key: [float(epoch[key]) for epoch in stage["epochs"]]
            for key in ("training_loss", "validation_loss")
        }
        axes.plot(epochs, losses["training_loss"], "o-", color="#3f90da", label="training")
        axes.plot(epochs, losses["validation_loss"], "s--", color="#e76300", label="validation")
        kept = int(stage["best_epoch"]) + 1
        axes.axvline(kept, color="0.35", linestyle=":", label="epoch that was kept")
        axes.set_title(plain(str(stage["stage"])), size=20, loc="center", pad=8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.tick_params(axis="x", which="minor", length=0)
        axes.set_ylabel("Loss")
        if min(losses["training_loss"] + losses["validation_loss"]) > 0:
            axes.set_yscale("log")
            label_log_axis(axes.yaxis)
        series.append(
            {
                "stage": str(stage["stage"]),
                "epoch": epochs.tolist(),
                **losses,
                "kept_epoch": kept,
                "stopped_early": bool(stage["stopped_early"]),
            }
        )
    panels[-1].set_xlabel("Epoch")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return Plot(
        name="learning",
        title="Learning curves",
        alt=f"Training and validation loss against epoch for {listing(s['stage'] for s in series)}",
        caption="Losses on background; no signal takes part in training or in choosing the epoch.",
        figure=figure,
        points={"study": run.study, "x": "epoch", "y": "loss", "series": series},
    )
