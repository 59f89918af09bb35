"""Named students of a comparison: what each keeps of another network, against what it is asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from l1distill.orders.settings import student_arm
from l1distill.report.figures import Plot, label_log_axis, new_figure
from l1distill.report.summary import Statement
from l1distill.report.tables import Cell, Table, make_table, number_cell
from l1distill.report.words import khz, number, percent, span

if TYPE_CHECKING:
    from l1distill.orders.differences import Difference, Results
    from l1distill.orders.settings import Orders

#: What the other network is called.
OTHERS = {"reference": "57-32-16-1 at 8 bits", "teacher": "its teacher"}
_LOOKS = {1.0: ("#3f90da", "o"), 10.0: ("#bd1f01", "D")}


@dataclass(frozen=True)
class Asked:
    """What a named student keeps, and what it is asked to.

    Parameters
    ----------
    name, shape
        Of the student.
    of, keeps, within
        As in the file.
    luts, reference_luts
        Estimates of it and of 57-32-16-1 with all 8-bit weights in use, one for each seed.
    shares
        Its part of the reference's LUTs, one for each seed.
    kept
        The ratio at the highest target rate.
    """

    name: str
    shape: str
    of: str
    keeps: float
    within: float | None
    luts: tuple[float, ...]
    shares: tuple[float, ...]
    kept: Difference

    @property
    def small_enough(self) -> bool:
        """Whether it needs no more LUTs than it may, with every seed."""
        return self.within is None or max(self.shares) <= self.within

    @property
    def reached(self) -> bool:
        """Whether it keeps what it is asked to, within its LUTs."""
        return self.small_enough and self.kept.ratio >= self.keeps

    @property
    def verdict(self) -> str:
        """Say in words whether it does what it is asked to, and how surely."""
        if not self.small_enough:
            return "too large"
        if self.kept.low_95 is None or self.kept.high_95 is None:
            return "reached, one seed" if self.reached else "missed, one seed"
        if self.reached:
            return "reached, also by 95 %" if self.kept.low_95 >= self.keeps else "reached"
        return "missed" if self.kept.high_95 < self.keeps else "missed, within the errors"


def asked_of_students(results: Results, orders: Orders) -> list[Asked]:
    """Return what each named student that is there keeps, in the order of the file."""
    found = []
    target = max(orders.targets_khz)
    for name, its in orders.students.items():
        arm = student_arm(name)
        kept = results.difference(arm, its.of, ("only", None), target)
        if kept is None:
            continue
        chosen = [
            one for seed in results.seeds if (one := results.choice(arm, seed, ("only", None)))
        ]
        luts = tuple(float(one["luts"]) for one in chosen)
        shares = tuple(float(one["share"]) for one in chosen)
        found.append(
            Asked(name, str(chosen[0]["name"]), its.of, its.keeps, its.within, luts, shares, kept)
        )
    return found


def asked_statement(results: Results, orders: Orders) -> Statement | None:
    """Return whether the students of the file keep what they are asked to, in words."""
    found = asked_of_students(results, orders)
    if not found:
        return None
    target = khz(max(orders.targets_khz))
    lines = []
    for one in found:
        size = f"{_share_words(one)} of the LUTs of 57-32-16-1 with 8-bit weights"
        limit = "" if one.within is None else f" (at most {100 * one.within:g} % asked for)"
        lines.append(
            f"{one.name} ({one.shape}), with {size}{limit}, keeps {_ratio(one.kept)} of what {OTHERS[one.of]} "
            f"does at {target}; asked for is at least {one.keeps:g}: {one.verdict}."
        )
    return Statement(
        "Do the students keep what they are asked to?",
        tuple(lines),
        "good" if all(one.reached for one in found) else "open",
    )


def _ratio(one: Difference) -> str:
    if one.low is None:
        return f"{number(one.ratio)} (one seed, no interval)"
    return f"{number(one.ratio)} (68 %: {span(one.low, one.high)}; 95 %: {span(one.low_95, one.high_95)})"


def _share_words(one: Asked) -> str:
    low, high = 100 * min(one.shares), 100 * max(one.shares)
    return f"{high:.3g} %" if high - low < 0.05 else f"{low:.3g} to {high:.3g} %"


def asked_table(results: Results, orders: Orders) -> Table | None:
    """Return the same as a table."""
    target = khz(max(orders.targets_khz))
    rows = [
        [
            Cell(one.name),
            Cell(one.shape),
            number_cell(number(float(np.mean(one.luts)))),
            number_cell(_share_words(one)),
            Cell(OTHERS[one.of]),
            number_cell(number(one.kept.ratio)),
            number_cell("–" if one.kept.low is None else span(one.kept.low, one.kept.high)),
            number_cell(
                "–" if one.kept.low_95 is None else span(one.kept.low_95, one.kept.high_95)
            ),
            number_cell("–" if one.kept.spread is None else percent(one.kept.spread)),
            number_cell(f"≥ {one.keeps:g}"),
            Cell(one.verdict, look="good" if one.reached else "open"),
        ]
        for one in asked_of_students(results, orders)
    ]
    return make_table(
        f"What each student keeps at {target} and equal background rate, as the geometric mean over the signals "
        "that count, paired by seeds. Intervals hold the error of the mean over seeds and, in quadrature, that of "
        "the crossings.",
        (
            *("Student", "Layers", "LUTs", "of 57-32-16-1", "Keeps, of", "Ratio", "68 %", "95 %"),
            *("Spread over seeds (%)", "Asked for", ""),
        ),
        rows,
    )


def asked_plot(results: Results, orders: Orders) -> Plot | None:
    """Return what students keep of the reference against their LUTs, at each target rate."""
    found = [one for one in asked_of_students(results, orders) if one.of == "reference"]
    if not found:
        return None
    figure = new_figure(7.0)
    axes = figure.subplots()
    series = []
    for target in orders.targets_khz:
        color, marker = _LOOKS.get(target, ("#717581", "s"))
        points = []
        for one in found:
            kept = results.difference(student_arm(one.name), "reference", ("only", None), target)
            if kept is not None:
                points.append((float(np.mean(one.shares)), kept))
        if not points:
            continue
        x = [share for share, _ in points]
        y = [kept.ratio for _, kept in points]
        low = [kept.ratio if kept.low is None else kept.low for _, kept in points]
        high = [kept.ratio if kept.high is None else kept.high for _, kept in points]
        errors = [np.subtract(y, low), np.subtract(high, y)]
        axes.errorbar(
            x, y, yerr=errors, color=color, marker=marker, markersize=8, linestyle="none",
            capsize=3, label=khz(target),
        )  # fmt: skip
        if target == max(orders.targets_khz):
            for one, share, top in zip(found, x, high, strict=True):
                axes.annotate(
                    one.name, (share, top), xytext=(0, 4), textcoords="offset points",
                    rotation=45, size=12,
                )  # fmt: skip
        series.append({"target_khz": target, "share": x, "ratio": y, "low": low, "high": high})
    goals = sorted((one.within, one.keeps) for one in found if one.within is not None)
    if goals:
        axes.plot(
            *zip(*goals, strict=True), color="black", marker="_", markersize=24,
            markeredgewidth=2, linestyle=":", label=f"asked for at {khz(max(orders.targets_khz))}",
        )  # fmt: skip
    axes.axhline(1.0, color="#717581", linewidth=1)
    axes.set_xscale("log")
    label_log_axis(axes.xaxis, scale=100)
    axes.set_xlabel("LUTs, % of 57-32-16-1 at 8 bits")
    axes.set_ylabel("Kept of 57-32-16-1")
    axes.legend()
    return Plot(
        name="students",
        title="What small students keep",
        alt="Ratio of efficiencies of each student and of 57-32-16-1 at 8 bits, against its LUTs",
        caption=(
            "Geometric mean over signals of the ratio of efficiencies at equal background rate; mean over the "
            "seeds with its 68 % interval. Dashes: what is asked for within a limit of LUTs."
        ),
        figure=figure,
        points={"study": orders.name, "x": "share of LUTs", "y": "ratio", "series": series},
    )
