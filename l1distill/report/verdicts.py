"""The student against the best baseline, for each signal and target rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from l1distill.report.run_folder import Plain, RunResults

Verdict = Literal["ahead", "behind", "level", "not for ranking"]


@dataclass(frozen=True)
class Case:
    """A signal at a target rate.

    Parameters
    ----------
    signal, target_khz
        Which.
    student, baseline
        Efficiencies of the student and of the baseline that keeps most.
    verdict
        How the student stands against that baseline. ``level`` if their 68 % intervals, with the
        errors of the thresholds, overlap; ``not for ranking`` if one of the two working points has
        more than 20 % error.
    """

    signal: str
    target_khz: float
    student: Plain
    baseline: Plain
    verdict: Verdict


def best(run: RunResults, signal: str, target_khz: float, models: list[str]) -> Plain | None:
    """Return the largest efficiency among some models; the first of equal ones."""
    found = [
        run.efficiencies[signal, model, target_khz]
        for model in models
        if (signal, model, target_khz) in run.efficiencies
    ]
    return max(found, key=lambda one: float(one["efficiency"]), default=None)


def cases(run: RunResults) -> list[Case]:
    """Return all cases in which there is a student and a baseline."""
    if run.student is None:
        return []
    found = []
    for signal in run.signals:
        for target in run.targets_khz:
            student = run.efficiencies.get((signal, run.student, target))
            baseline = best(run, signal, target, run.baselines)
            if student is not None and baseline is not None:
                verdict = _verdict(run, student, baseline, target)
                found.append(Case(signal, target, student, baseline, verdict))
    return found


def _verdict(run: RunResults, student: Plain, baseline: Plain, target_khz: float) -> Verdict:
    models = (str(student["model"]), str(baseline["model"]))
    if not all(run.for_ranking(model, target_khz) for model in models):
        return "not for ranking"
    if student["low_total"] > baseline["high_total"]:
        return "ahead"
    if student["high_total"] < baseline["low_total"]:
        return "behind"
    return "level"
