"""The report of a comparison: a page, and the same as Markdown with its plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.files import replace_file
from l1distill.orders.differences import Difference, Results
from l1distill.orders.findings import NAMES, against_control, arm_name, pairs, statements
from l1distill.orders.named import asked_plot, asked_table
from l1distill.orders.settings import student_arm
from l1distill.report.figures import Plot, label_log_axis, new_figure, plot_style, save_plot
from l1distill.report.page import Section, render
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import khz, number, percent, span
from l1distill.study.manifest import versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.artist import Artist

    from l1distill.orders.settings import Orders
    from l1distill.report.summary import Statement
    from l1distill.study.settings import Study

SCHEMA = "l1distill-orders-results/1"

# Colours as in `l1distill.report.figures`; the markers say the same a second time.
_LOOKS = {
    "post": ("#3f90da", "o"),
    "tuned": ("#e76300", "s"),
    "aware": ("#bd1f01", "D"),
    "control autoencoder": ("#717581", "v"),
    "control encoder": ("#a96b59", "^"),
}


def write_orders_report(
    orders: Orders, study: Study, units: Sequence[dict[str, Any]], n_units: int, folder: Path
) -> list[Path]:
    """Write ``report.html``, ``report.md``, ``orders.json`` and the plots of what is there so far.

    Parameters
    ----------
    orders, study
        As `l1distill.orders.settings.load_orders` returns them.
    units, n_units
        As `l1distill.orders.run.run_orders` returns them.
    folder
        The run folder.
    """
    results = Results(units)
    differences = all_differences(results, orders)
    said = statements(results, orders, n_units)
    tables = [
        table
        for table in (
            asked_table(results, orders),
            _difference_table(
                [one for one in differences if one.what == "geometric mean"],
                "Ratios of the geometric means of efficiencies, paired by seeds.",
            ),
            _difference_table(
                [one for one in differences if one.what != "geometric mean"],
                "Ratios of efficiencies for each signal, paired by seeds.",
            ),
            _kept_table(results, orders),
            _spent_table(results, orders),
        )
        if table is not None
    ]
    with plot_style():
        plots = [save_plot(plot, folder / "plots") for plot in _plots(results, orders)]
    scenario = study.scenario
    page = render(
        folder / "report.html",
        study=orders.name,
        simulation=True,
        scenario={**scenario.as_dict(), "crossing_rate_khz": scenario.crossing_rate_khz},
        summary=said,
        sections=[
            Section("fronts", "Pareto fronts", tuple(plots)),
            Section("tables", "Differences, efficiencies and budgets", (), tuple(tables)),
        ],
    )
    text = folder / "report.md"
    with replace_file(text) as temporary:
        temporary.write_text(_markdown(orders, said, tables, plots), encoding="utf-8")
    record = folder / "orders.json"
    with replace_file(record) as temporary:
        content = {
            "schema": SCHEMA,
            "name": orders.name,
            "n_units": n_units,
            "n_done": len(units),
            "orders": orders.model_dump(mode="json", by_alias=True),
            "differences": [{**one.as_dict(), "verdict": one.verdict} for one in differences],
            "statements": [{"title": one.title, "lines": list(one.lines)} for one in said],
            "versions": versions(),
        }
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [page, text, record, *(file for plot in plots for file in plot.files)]


def _plots(results: Results, orders: Orders) -> list[Plot]:
    """Return the plots of what the file compares."""
    asked = asked_plot(results, orders)
    found = [] if asked is None else [asked]
    if orders.orders or orders.controls.kinds:
        found += [_fronts(results, orders, "luts"), _fronts(results, orders, "latency_ns")]
    return found


def all_differences(results: Results, orders: Orders) -> list[Difference]:
    """Return all differences that are asked for: in the mean over signals, and signal by signal."""
    signals: list[str | None] = [None, *_signals(results)]
    asked: list[tuple[str, str, tuple[str, float | None]]] = []
    for share in orders.lut_shares:
        limit: tuple[str, float | None] = ("luts", share)
        asked += [(first, second, limit) for first, second in pairs(orders.orders)]
        asked += [
            (order, f"control {kind}", limit)
            for kind in orders.controls.kinds
            for order in orders.orders
        ]
        asked += [(order, "reference", limit) for order in orders.orders]
    modes = orders.cotraining.modes
    asked += [(first, second, ("only", None)) for first, second in pairs(modes)]
    asked.append(("reference", "teacher", ("only", None)))
    asked += [(student_arm(name), its.of, ("only", None)) for name, its in orders.students.items()]
    found = []
    for signal in signals:
        for target in orders.targets_khz:
            for first, second, limit in asked:
                one = results.difference(first, second, limit, target, signal=signal)
                if one is not None:
                    found.append(one)
    for kind in orders.controls.kinds:
        for target in orders.targets_khz:
            for share in orders.lut_shares:
                its = against_control(results, orders, kind, share, target)
                found += [one for one in its if one not in found]
    return found


def _signals(results: Results) -> list[str]:
    for unit in results.units.values():
        if unit["arm"] == "teacher":
            return list(dict.fromkeys(str(one["signal"]) for one in unit["teacher"]))
    return []


def _difference_table(found: list[Difference], caption: str) -> Table | None:
    looks = {"first": "good", "second": "bad", "open": "open", "untold": "open"}
    said = {
        "first": "more",
        "second": "less",
        "open": "within the errors",
        "untold": "one seed",
    }
    heads = [] if all(one.what == found[0].what for one in found) else ["Signal"]
    rows = [
        [
            *(Cell(one.what) for _ in heads),
            Cell(f"{arm_name(one.first)} / {arm_name(one.second)}"),
            Cell(one.limit.replace(" of the LUTs", "")),
            number_cell(f"{one.target_khz:g}"),
            number_cell(number(one.ratio)),
            number_cell("–" if one.low is None else span(one.low, one.high)),
            number_cell("–" if one.low_95 is None else span(one.low_95, one.high_95)),
            number_cell("–" if one.spread is None else percent(one.spread)),
            number_cell(str(one.n_seeds)),
            Cell(said[one.verdict], look=looks[one.verdict]),
        ]
        for one in found
    ]
    return make_table(
        f"{caption} Both are chosen within a part of the LUTs of 57-32-16-1. Intervals hold the error of the mean "
        "over seeds and, in quadrature, that of the crossings.",
        (*heads, "Arms", "Within", "kHz", "Ratio", "68 %", "95 %", "Spread (%)", "Seeds", "Keeps"),
        rows,
        heads=len(heads) + 1,
    )


def _kept_table(results: Results, orders: Orders) -> Table | None:
    """Return what each arm keeps: mean and spread over the seeds."""
    rows = []
    limits: dict[str, list[tuple[str, float | None]]] = {
        arm: [("luts", share) for share in orders.lut_shares]
        if arm in orders.orders or arm.startswith("control")
        else [("only", None)]
        for arm in orders.arms
    }
    for arm, its in limits.items():
        for limit in its:
            cells = [_kept_cell(results, arm, limit, signal, target)
                     for target in orders.targets_khz for signal in _signals(results)]  # fmt: skip
            chosen = [results.choice(arm, seed, limit) for seed in results.seeds]
            luts = [float(one["luts"]) for one in chosen if one is not None]
            if arm != "teacher" and not luts:
                continue
            within = "–" if limit[1] is None else f"{100 * limit[1]:g} %"
            size = number_cell(number(float(np.mean(luts))) if luts else "–")
            rows.append([Cell(arm_name(arm)), Cell(within), size, *cells])
    columns = [
        f"{signal}, {khz(target)}" for target in orders.targets_khz for signal in _signals(results)
    ]
    return make_table(
        "Efficiencies in per cent: mean over the seeds, and below it their standard deviation.",
        ("Arm", "Within", "LUTs", *columns),
        rows,
        heads=2,
    )


def _kept_cell(
    results: Results, arm: str, limit: tuple[str, float | None], signal: str, target: float
) -> Cell:
    values = []
    for seed in results.seeds:
        kept = results.kept(arm, seed, limit)
        if kept is not None:
            values.append(float(kept[signal, target]["efficiency"]))
    if not values:
        return number_cell("–")
    spread = f"± {percent(float(np.std(values, ddof=1)))}" if len(values) > 1 else "one seed"
    return Cell(percent(float(np.mean(values))), (spread,), "number")


def _spent_table(results: Results, orders: Orders) -> Table | None:
    rows = []
    for arm in orders.arms:
        units = [one for (_, its), one in results.units.items() if its == arm]
        if units:
            passes = [float(one["passes"]) / 1e6 for one in units]
            seconds = [float(one["seconds"]) for one in units]
            rows.append(
                [
                    Cell(arm_name(arm)),
                    number_cell(str(len(units))),
                    number_cell(span(min(passes), max(passes))),
                    number_cell(number(float(np.mean(seconds)))),
                ]
            )
    return make_table(
        "What each arm spent: event-passes are crossings times epochs; processor time includes measuring.",
        ("Arm", "Seeds", "Event-passes (millions)", "Processor time (s)"),
        rows,
    )


def _fronts(results: Results, orders: Orders, quantity: str) -> Plot:
    """Return what each arm keeps within rising limits, with its spread over seeds."""
    values: list[float] = (
        sorted({*orders.lut_shares, *orders.front_shares})
        if quantity == "luts"
        else sorted(orders.latencies_ns)
    )
    names = ["geometric mean", *_signals(results)]
    figure = new_figure(1.5 + 4.2 * len(names))
    panels = figure.subplots(len(names), len(orders.targets_khz), squeeze=False, sharex=True)
    series = []
    for row, name in zip(panels, names, strict=True):
        for axes, target in zip(row, orders.targets_khz, strict=True):
            for arm, (color, marker) in _LOOKS.items():
                points = [
                    (value, *found)
                    for value in values
                    if (found := _level(results, arm, (quantity, value), name, target)) is not None
                ]
                if not points:
                    continue
                x, y, low, high, n_seeds = (
                    np.array(column) for column in zip(*points, strict=True)
                )
                axes.plot(x, y, color=color, marker=marker, markersize=8, label=NAMES[arm])
                few = n_seeds < len(results.seeds)
                axes.plot(
                    x[few], y[few], color="white", marker=marker, markersize=4, linestyle="none"
                )
                axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
                series.append(
                    {"arm": arm, "signal": name, "target_khz": target, "limit": x.tolist(),
                     "efficiency": y.tolist(), "low": low.tolist(), "high": high.tolist()}
                )  # fmt: skip
            axes.set_title(f"{name}, {khz(target)}", size=18, loc="left")
            axes.set_ylabel("Efficiency (%)", size=18)
            if quantity == "luts":
                axes.set_xscale("log")
                label_log_axis(axes.xaxis, scale=100)
    what = "Limit, % of LUTs" if quantity == "luts" else "Limit of latency (ns)"
    for axes in panels[-1]:
        axes.set_xlabel(what, size=18)
    handles: dict[str, Artist] = {}
    for axes in panels.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=2)
    words = "estimated LUTs" if quantity == "luts" else "estimated latency"
    return Plot(
        name=f"front_{quantity}",
        title=f"Efficiency against {words}",
        alt=f"Efficiency of each signal against limits of {words}, for each arm",
        caption=(
            "Each point is the network that agrees best with the teacher on background within the limit; mean "
            "and standard deviation over the seeds; a hollow marker where only some seeds have one. Controls: the "
            "widest within the limit. LUTs in per cent of 57-32-16-1 with 8-bit weights."
        ),
        figure=figure,
        points={"study": orders.name, "x": what, "y": "efficiency in %", "series": series},
    )


def _level(
    results: Results, arm: str, limit: tuple[str, float], name: str, target: float
) -> tuple[float, float, float, int] | None:
    """Return mean and mean ± standard deviation over the seeds, in per cent, and how many seeds."""
    signals = results.counting(target) if name == "geometric mean" else (name,)
    levels = []
    for seed in results.seeds:
        kept = results.kept(arm, seed, limit)
        if kept is not None and signals:
            each = [max(float(kept[one, target]["efficiency"]), 1e-9) for one in signals]
            levels.append(100 * float(np.exp(np.mean(np.log(each)))))
    if not levels:
        return None
    mean = float(np.mean(levels))
    spread = float(np.std(levels, ddof=1)) if len(levels) > 1 else 0.0
    return mean, mean - spread, mean + spread, len(levels)


def _markdown(
    orders: Orders, said: list[Statement], tables: list[Table], plots: Sequence[Any]
) -> str:
    lines = [f"# {orders.name}", ""]
    for one in said:
        lines += [f"## {one.title}", "", *(f"- {line}" for line in one.lines), ""]
    for plot in plots:
        lines += [f"![{plot.alt}](plots/{plot.name}.png)", "", plot.caption, ""]
    for table in tables:
        lines += [table.caption, ""]
        lines.append("| " + " | ".join(table.columns) + " |")
        lines.append("|" + "---|" * len(table.columns))
        for row in table.rows:
            cells = (" ".join((cell.text, *cell.notes)).replace("|", "\\|") for cell in row)
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)
