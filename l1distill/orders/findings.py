"""The answers of a comparison in words, each with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from l1distill.orders.named import asked_statement
from l1distill.report.summary import Statement
from l1distill.report.words import count, khz, listing, number, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.orders.differences import Difference, Results
    from l1distill.orders.settings import Orders

#: What arms are called in sentences and tables.
NAMES = {
    "teacher": "teacher",
    "reference": "57-32-16-1 at 8 bits",
    "post": "float search, then rounded",
    "tuned": "float search, then trained with types",
    "aware": "search with types",
    "control autoencoder": "autoencoder without a teacher",
    "control encoder": "encoder with Σµ², no teacher",
    "offline": "teacher first",
    "joint": "joint",
    "alternating": "alternating",
}


def arm_name(arm: str) -> str:
    """Return what an arm is called; a named student has the name that the file gives it."""
    return NAMES.get(arm, arm.removeprefix("student "))


#: What students within these shares of the LUTs of 57-32-16-1 ought to keep of what it keeps.
GOALS = {0.5: 0.95, 0.25: 0.90, 0.1: 0.75}
#: What the quantized student ought to keep of what its teacher does.
TEACHER_GOAL = 0.95


def statements(results: Results, orders: Orders, n_units: int) -> list[Statement]:
    """Return the answers that the units so far give."""
    target = max(orders.targets_khz)
    found = [
        _asked(results, orders, n_units),
        _orders(results, orders, target),
        _together(results, orders, target),
        _controls(results, orders),
        _goals(results, orders, target),
        asked_statement(results, orders),
    ]
    return [one for one in found if one is not None]


def ratio_words(one: Difference) -> str:
    """Return a ratio with its intervals."""
    if one.low is None:
        return f"{number(one.ratio)} (one seed, no interval)"
    return f"{number(one.ratio)} ({span(one.low, one.high)}; 95 %: {span(one.low_95, one.high_95)})"


def pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return each two of some arms, the later one first."""
    return [(second, first) for place, first in enumerate(names) for second in names[place + 1 :]]


def _asked(results: Results, orders: Orders, n_units: int) -> Statement:
    done = len(results.units)
    complete = [
        seed for seed in results.seeds if all((seed, arm) in results.units for arm in orders.arms)
    ]
    seconds = sum(float(one["seconds"]) for one in results.units.values())
    rule = (
        (
            f"Each order and each control may spend {orders.budget / 1e6:.1f} million event-passes, its search "
            f"included and the teacher's apart, with {count(len(orders.seeds), 'paired seed')}; students are "
            "chosen by their agreement with the teacher on background, no signal takes part."
        )
        if orders.budget
        else (
            f"Students that the file describes, each trained with {count(len(orders.seeds), 'paired seed')}; no "
            "signal takes part in their training."
        )
    )
    state = (
        f"{done} of {count(n_units, 'unit')} are done, {count(len(complete), 'seed')} complete, in "
        f"{seconds / 60:.0f} minutes of processor time."
    )
    lines = [rule, state]
    signals = results.counting(max(orders.targets_khz))
    lines.append(
        f"Geometric means are over the signals of which the teacher of every seed accepts at least 100 crossings "
        f"at {khz(max(orders.targets_khz))}: {listing(signals) or 'none'}."
    )
    return Statement("What was compared?", tuple(lines), "plain" if done == n_units else "open")


def _orders(results: Results, orders: Orders, target: float) -> Statement | None:
    lines = []
    for share in orders.lut_shares:
        parts = []
        for first, second in pairs(orders.orders):
            one = results.difference(first, second, ("luts", share), target)
            if one is not None:
                parts.append(_sentence(one))
        if parts:
            lines.append(
                f"Within {100 * share:g} % of the LUTs, at {khz(target)}: {'; '.join(parts)}."
            )
    return Statement("Quantize before or after the search?", tuple(lines)) if lines else None


def _sentence(one: Difference) -> str:
    first, second = arm_name(one.first), arm_name(one.second)
    said = {
        "first": f"{first} keeps more than {second}",
        "second": f"{first} keeps less than {second}",
        "open": f"{first} and {second} differ by no more than the errors",
        "untold": f"{first} over {second} cannot be told from one seed",
    }[one.verdict]
    return f"{said}, {ratio_words(one)}"


def _together(results: Results, orders: Orders, target: float) -> Statement | None:
    lines = []
    modes = orders.cotraining.modes
    for first, second in pairs(modes):
        one = results.difference(first, second, ("only", None), target)
        if one is not None:
            lines.append(f"Students at {khz(target)}: {_sentence(one)}.")
    lines += _teachers(results, orders, target)
    return Statement("Train student and teacher together?", tuple(lines)) if lines else None


def _teachers(results: Results, orders: Orders, target: float) -> list[str]:
    """Say what co-training does to the teacher."""
    signals, lines = results.counting(target), []
    for mode in orders.cotraining.modes:
        values = []
        for seed in results.seeds:
            unit, alone = results.units.get((seed, mode)), results.units.get((seed, "teacher"))
            if unit is None or alone is None or not unit["teacher"] or not signals:
                continue
            ours, theirs = (
                {(one["signal"], one["target_khz"]): one["efficiency"] for one in each["teacher"]}
                for each in (unit, alone)
            )
            values.append(
                float(
                    np.mean(
                        [
                            np.log(max(ours[one, target], 1e-6) / theirs[one, target])
                            for one in signals
                        ]
                    )
                )
            )
        if values:
            low, high = np.exp(min(values)), np.exp(max(values))
            lines.append(
                f"The teacher of {mode} training keeps {number(float(np.exp(np.mean(values))))} of what it keeps "
                f"alone ({span(float(low), float(high))} over the seeds)."
            )
    return lines


def _controls(results: Results, orders: Orders) -> Statement | None:
    lines, verdicts = [], []
    for kind in orders.controls.kinds:
        for share in orders.lut_shares:
            parts = []
            for target in orders.targets_khz:
                for arm in orders.orders:
                    one = results.difference(arm, f"control {kind}", ("luts", share), target)
                    if one is not None:
                        verdicts.append(one.verdict)
                        parts.append(f"{NAMES[arm]} at {khz(target)} {ratio_words(one)}")
            if parts:
                lines.append(
                    f"Over the {NAMES[f'control {kind}']}, within {100 * share:g} % of the LUTs: {'; '.join(parts)}."
                )
    if not lines:
        return None
    won, lost = verdicts.count("first"), verdicts.count("second")
    first = (
        f"Of {count(len(verdicts), 'comparison')}, distillation wins {won}, the control {lost}, and "
        f"{verdicts.count('open')} are open (1 lies in the 95 % interval)."
    )
    if "untold" in verdicts:
        return Statement(
            "Does distillation beat networks trained without a teacher?",
            ("One seed cannot tell.", *lines),
            "open",
        )
    if lost >= won:
        first = f"Distillation does NOT beat the controls here. {first}"
    return Statement(
        "Does distillation beat networks trained without a teacher?",
        (first, *lines),
        "good" if won > lost else "bad",
    )


def _goals(results: Results, orders: Orders, target: float) -> Statement | None:
    lines, moods = [], []
    one = results.difference("reference", "teacher", ("only", None), target)
    if one is not None:
        moods.append(one.ratio >= TEACHER_GOAL)
        lines.append(
            f"57-32-16-1 at 8 bits keeps {ratio_words(one)} of its teacher at {khz(target)}; asked for is at "
            f"least {TEACHER_GOAL}."
        )
    for share, goal in GOALS.items():
        if share not in orders.lut_shares:
            continue
        parts = []
        met = False
        for arm in orders.orders:
            found = results.difference(
                arm, "reference", ("luts", share), target, second_limit=("only", None)
            )
            if found is not None:
                met = met or found.ratio >= goal
                parts.append(f"{NAMES[arm]} {ratio_words(found)}")
        if parts:
            moods.append(met)
            lines.append(
                f"Within {100 * share:g} % of its LUTs, asked for at least {goal} of it: {'; '.join(parts)}."
            )
    if not lines:
        return None
    return Statement("How small can a student be?", tuple(lines), "good" if all(moods) else "open")
