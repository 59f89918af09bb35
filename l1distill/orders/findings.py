"""The answers of a comparison in words, each with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from distill.training import Epoch, History
from l1distill.orders.named import asked_statement
from l1distill.report.summary import Statement
from l1distill.report.words import count, khz, listing, number, percent, span
from l1distill.study.soundness import LAST_EPOCHS, convergence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from l1distill.orders.differences import Difference, Results
    from l1distill.orders.settings import Orders

#: What arms are called in sentences and tables.
NAMES = {
    "teacher": "teacher",
    "reference": "57-32-16-1 at 8 bits",
    "post": "float search, rounded",
    "tuned": "float search, tuned",
    "aware": "search with types",
    "control autoencoder": "autoencoder",
    "control encoder": "encoder with Σµ²",
    "offline": "teacher first",
    "joint": "joint",
    "alternating": "alternating",
}


def arm_name(arm: str) -> str:
    """Return what an arm is called; a named student has the name that the file gives it."""
    return NAMES.get(arm, arm.removeprefix("student "))


#: What the names mean.
MEANINGS = {
    "post": "float students are searched for, and the best rounded",
    "tuned": "the best of a float search are rounded and trained again with their types",
    "aware": "each trial of the search trains with its types",
    "control autoencoder": "a small autoencoder with types, trained without a teacher",
    "control encoder": "an encoder as AXOL1TL's with types, trained without a teacher",
}

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
    """Return a ratio with its 95 % interval."""
    if one.low_95 is None:
        return f"{number(one.ratio)} (one seed)"
    return f"{number(one.ratio)} ({span(one.low_95, one.high_95)})"


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
    arms = [*orders.orders, *(f"control {kind}" for kind in orders.controls.kinds)]
    lines += [f"{arm_name(arm)[:1].upper()}{arm_name(arm)[1:]}: {MEANINGS[arm]}." for arm in arms]
    signals = results.counting(max(orders.targets_khz))
    lines.append(
        f"Geometric means are over the signals of which the teacher of every seed accepts at least 100 crossings "
        f"at {khz(max(orders.targets_khz))}: {listing(signals) or 'none'}. Ratios are paired by seeds; in brackets is "
        "the 95 % interval."
    )
    lines += _teacher_words(results)
    return Statement("What was compared?", tuple(lines), "plain" if done == n_units else "open")


def _teacher_words(results: Results) -> list[str]:
    """Say whether the teachers have converged, of units that hold their losses."""
    units = [
        results.units[seed, "teacher"]
        for seed in results.seeds
        if (seed, "teacher") in results.units
    ]
    losses = [one["losses"] for one in units if "losses" in one]
    if not losses:
        return []
    ended = convergence("teacher", [_history(one) for one in losses])
    found = "converged" if ended.converged else "NOT converged"
    words = (
        f"Teachers of {count(len(losses), 'seed')}: {found}. Over the last {LAST_EPOCHS} epochs the loss on "
        f"validation background fell by at most {percent(ended.still_falling)} %, and it spreads by "
        f"{percent(ended.spread)} % over the seeds. A teacher multiplies "
        f"{int(units[0]['multiplications']):,} times for a crossing."
    )
    return [words]


def _history(losses: Sequence[float]) -> History:
    epochs = tuple(Epoch(place, loss, loss) for place, loss in enumerate(losses))
    return History("teacher", epochs, int(np.argmin(losses)), stopped_early=False)


def _orders(results: Results, orders: Orders, target: float) -> Statement | None:
    lines, told = [], []
    for share in orders.lut_shares:
        found = [
            one
            for first, second in pairs(orders.orders)
            if (one := results.difference(first, second, ("luts", share), target)) is not None
        ]
        if found:
            told += [one for one in found if one.verdict != "untold"]
            lines.append(
                f"Within {100 * share:g} % of the LUTs: "
                f"{'; '.join(_sentence(one) for one in found)}.{_few_seeds(results, orders, share)}"
            )
    if not lines:
        return None
    answer = _answer(told, "order", target)
    return Statement("Quantize before or after the search?", (*answer, *lines))


def _answer(told: list[Difference], noun: str, target: float) -> list[str]:
    """Say first which order or mode wins, or how large an advantage can still be."""
    if not told:
        return []
    sure = [one for one in told if one.verdict != "open"]
    if sure:
        return [
            f"{len(sure)} of {count(len(told), 'difference')} at {khz(target)} are larger than the errors."
        ]
    largest = listing(
        f"{100 * _possible([one for one in told if one.limit == limit]):.0f} %{_within(limit)}"
        for limit in dict.fromkeys(one.limit for one in told)
    )
    answer = (
        f"No {noun} wins: all {count(len(told), 'difference')} at {khz(target)} lie within the spread. By the 95 % "
        f"intervals one can be ahead of another by at most {largest}."
    )
    return [answer]


def _within(limit: str) -> str:
    return "" if limit == "none" else f" within {limit}"


def _possible(found: list[Difference]) -> float:
    """Return the largest advantage, either way, that the 95 % intervals leave."""
    return max(max(one.high_95 or 1.0, 1.0 / (one.low_95 or 1.0)) for one in found) - 1.0


def _few_seeds(results: Results, orders: Orders, share: float) -> str:
    """Say which orders found nothing so small with some seeds."""
    n_seeds = len(results.seeds)
    few = [
        f"{arm_name(arm)} in {n_found} of {n_seeds} seeds"
        for arm in orders.orders
        if (
            n_found := sum(
                bool(results.choice(arm, seed, ("luts", share))) for seed in results.seeds
            )
        )
        < n_seeds
    ]
    return f" There is so small a network of {listing(few)} only." if few else ""


def _sentence(one: Difference) -> str:
    sure = {"first": ", which is more", "second": ", which is less"}.get(one.verdict, "")
    return f"{arm_name(one.first)} over {arm_name(one.second)} {ratio_words(one)}{sure}"


def _together(results: Results, orders: Orders, target: float) -> Statement | None:
    found = [
        one
        for first, second in pairs(orders.cotraining.modes)
        if (one := results.difference(first, second, ("only", None), target)) is not None
    ]
    lines = _answer([one for one in found if one.verdict != "untold"], "mode", target)
    if found:
        lines.append(
            f"The same student at {khz(target)}: {'; '.join(_sentence(one) for one in found)}."
        )
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
            same = (
                " It is the same teacher: no gradient of the student reaches it."
                if low == high == 1.0
                else ""
            )
            lines.append(
                f"The teacher of {mode} training keeps {number(float(np.exp(np.mean(values))))} of what it keeps "
                f"alone ({span(float(low), float(high))} over the seeds).{same}"
            )
    return lines


def _controls(results: Results, orders: Orders) -> Statement | None:
    title = "Does distillation beat networks trained without a teacher?"
    answers, lines, won = [], [], []
    for kind in orders.controls.kinds:
        found: list[Difference] = []
        for target in orders.targets_khz:
            for share in orders.lut_shares:
                its = against_control(results, orders, kind, share, target)
                found += its
                if its:
                    parts = "; ".join(f"{arm_name(one.first)} {ratio_words(one)}" for one in its)
                    lines.append(
                        f"Over the {arm_name(its[0].second)} at {khz(target)}, within {its[0].limit}: {parts}."
                    )
        told = [one for one in found if one.verdict != "untold"]
        if told:
            answers.append(_control_answer(told))
            won.append(_wins(told))
    if not lines:
        return None
    if not answers:
        return Statement(title, ("One seed cannot tell.", *lines), "open")
    rule = (
        "A wider control is not always the better one: each order is held against the network of the control that "
        "keeps most within the limit, picked with the signals known, which favours the control. The tables hold it "
        "against the widest as well."
    )
    return Statement(title, (*answers, rule, *lines), "good" if all(won) else "bad")


def _wins(told: list[Difference]) -> bool:
    """Whether distillation wins more than half of its comparisons and loses none."""
    verdicts = [one.verdict for one in told]
    return 2 * verdicts.count("first") > len(verdicts) and "second" not in verdicts


def _control_answer(told: list[Difference]) -> str:
    verdicts = [one.verdict for one in told]
    won, lost, still = (verdicts.count(one) for one in ("first", "second", "open"))
    beats = "beats" if _wins(told) else "does NOT beat"
    return (
        f"Distillation {beats} the {arm_name(told[0].second)}: of {count(len(told), 'comparison')} it wins {won}, "
        f"loses {lost}, and {still} lie within the errors."
    )


def against_control(
    results: Results, orders: Orders, kind: str, share: float, target_khz: float
) -> list[Difference]:
    """Return what each order keeps over the network of a control that keeps most within a share of the LUTs."""
    arm = f"control {kind}"
    limits = [("luts", one) for one in orders.lut_shares if one <= share]
    kept = {limit: level for limit in limits if (level := results.level(arm, limit, target_khz))}
    if not kept:
        return []
    strongest = max(kept, key=lambda limit: kept[limit])
    found = [
        results.difference(order, arm, ("luts", share), target_khz, second_limit=strongest)
        for order in orders.orders
    ]
    return [one for one in found if one is not None]


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
                parts.append(f"{arm_name(arm)} {ratio_words(found)}")
        if parts:
            moods.append(met)
            lines.append(
                f"Within {100 * share:g} % of its LUTs, asked for at least {goal} of it: {'; '.join(parts)}."
            )
    if not lines:
        return None
    return Statement("How small can a student be?", tuple(lines), "good" if all(moods) else "open")
