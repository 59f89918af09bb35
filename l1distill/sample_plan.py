"""How large a sample a wanted error takes, for the score of a model or a plain seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.model import load_model
from emulator.objects.reader import read_events
from emulator.rates import load_scenario
from emulator.results import Record
from emulator.samples import load_manifest, load_tier
from emulator.samples.planning import (
    ErrorBudget,
    SamplePlan,
    mean_budget,
    plan_sample,
    tier_sizes,
)
from emulator.samples.settings import packaged_generator
from l1distill.baselines import BASELINES, baseline_scores
from l1distill.emulation import Scorer
from l1distill.sample_law import LawPoint, ScoredFile, joined, scaling_law

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.samples import SampleFile, SampleManifest

#: Data sets that rates are set on and measured on; the training set is too small to learn from.
_ROLES = ("tune", "eval")

#: Tiers and scales that a plan is held against.
_COMPARED = (("quick", 1), ("release", 1), ("release", 3))


@dataclass(frozen=True, slots=True)
class ScorePlan(Record):
    """A plan, and what it was learnt from.

    Attributes
    ----------
    score, target_khz
        The score, and the rate that its threshold was set to.
    threshold
        Mean of the thresholds of the files.
    budget
        Rate and error in one data set of the samples that were given.
    plan
        The cheapest data set for the wanted error.
    tiers
        Error in percent that the evaluation set of a tier gives, by tier and scale.
    law
        Error measured in sets of one, two, four ... units of these samples; empty if it was not asked for.
    """

    score: str
    target_khz: float
    threshold: float
    budget: ErrorBudget
    plan: SamplePlan
    tiers: Mapping[str, float]
    law: tuple[LawPoint, ...] = ()

    def text(self) -> str:
        """Return the plan as text for a terminal."""
        budget, plan = self.budget, self.plan
        percent = 100.0 * budget.error_khz / budget.rate_khz
        naive = 100.0 * budget.naive_khz / budget.rate_khz
        lines = [
            f"{self.score} at {self.target_khz:g} kHz (threshold about {self.threshold:.0f})",
            f"error in these samples: {percent:.1f} %, if crossings were independent {naive:.1f} %",
            *(f"  {said}" for said in plan.limited_by),
            f"for {plan.wanted_percent:g} %: {plan.cpu_hours:.2g} processor hours for one data set; "
            + f"predicted error {plan.predicted_percent:.1f} %",
            f"  {'':12s} {'crossings':>10s} {'events':>10s}",
        ]
        lines += [
            f"  {name:12s} {plan.crossings.get(name, 0):10d} {plan.events.get(name, 0):10d}"
            for name in {**plan.crossings, **plan.events}
        ]
        lines += [
            f"tier {name}: {value:.1f} % in its evaluation set"
            for name, value in self.tiers.items()
        ]
        lines += _law_lines(self.law)
        return "\n".join(lines)


def plan_for_score(
    samples: Path,
    *,
    model: Path | None,
    score: str | None,
    rate_khz: float,
    error_percent: float,
    scenario: str,
    law: bool = False,
) -> ScorePlan:
    """Measure where the error of a rate comes from, and plan a sample for a wanted error.

    Parameters
    ----------
    samples
        Folder of generated samples.
    model, score
        A model file, or the name of a plain seed; one of the two.
    rate_khz, error_percent
        Rate of the threshold, and wanted error.
    scenario
        Name of the rate scenario.
    law
        Measure too how the error falls with the number of units, by block bootstrap.

    Raises
    ------
    SettingsError, MissingNameError
        If not exactly one score is given, it does not exist, or the rate or the error is impossible.
    InputFileError
        If the samples or the model cannot be read.
    """
    name, score_of = _score(model, score)
    manifest = load_manifest(samples)
    generator = packaged_generator(manifest.generator_sha256)
    if generator is None:
        raise InputFileError(
            samples, "made with settings of processes other than those of this version"
        )
    total_khz = load_scenario(scenario).crossing_rate_khz
    if not 0.0 < rate_khz < total_khz:
        msg = f"the rate must be between 0 and {total_khz:g} kHz (all crossings), not {rate_khz:g}"
        raise SettingsError(msg)
    share = rate_khz / total_khz
    files = [
        [_scored(samples / record.name, record, score_of) for record in manifest.files_of(role)]
        for role in _ROLES
    ]
    # Units of one data set count together: what is told is the error in all of them.
    sets = [joined(each) for each in files]
    thresholds = [each.threshold(share) for each in sets]
    budget = mean_budget(
        [
            each.budget(threshold, generator, total_khz)
            for each, threshold in zip(sets, thresholds, strict=True)
        ]
    )
    units = [unit for each in files for unit in each]
    points: tuple[LawPoint, ...] = ()
    if law:
        if len({(unit.record.crossings, *unit.record.pools.items()) for unit in units}) > 1:
            msg = "its tuning and evaluation files differ in size: a law needs a tier with units"
            raise InputFileError(samples, msg)
        tier_units = load_tier(manifest.tier).units
        points = scaling_law(units, share, generator, total_khz, tier_units)
    return ScorePlan(
        score=name,
        target_khz=rate_khz,
        threshold=float(np.mean(thresholds)),
        budget=budget,
        plan=plan_sample(budget, error_percent, generator),
        tiers=_tiers(budget, manifest),
        law=points,
    )


def _scored(
    path: Path, record: SampleFile, score_of: Callable[[ak.Array], NDArray[np.int64]]
) -> ScoredFile:
    events = read_events([path])
    weight, stratum, pool_id = (
        np.asarray(events[field]) for field in ("weight", "stratum", "pool_id")
    )
    return ScoredFile(weight, stratum, pool_id, score_of(events), record)


def _law_lines(law: Sequence[LawPoint]) -> list[str]:
    if not law:
        return []
    lines = [
        "scale   units  sets  bootstrap  plan's terms  predicted from one unit  spread of sets"
    ]
    for point in law:
        spread = "" if point.spread_percent is None else f"{point.spread_percent:.1f} %"
        lines.append(
            f"{point.scale:<7g} {point.units:5d} {point.sets:5d} {point.bootstrap_percent:8.1f} % "
            f"{point.budget_percent:11.1f} % {point.predicted_percent:22.1f} % {spread:>15s}"
        )
    last = law[-1]
    lines += [
        f"extrapolated from {last.units} units: "
        + ", ".join(
            f"{last.bootstrap_percent * (last.scale / scale) ** 0.5:.1f} % at --scale {scale}"
            for scale in (1, 3)
        )
    ]
    return lines


def require_tier(found: ScorePlan, tier: str, scale: float) -> None:
    """Refuse a tier whose pools and crossings are too few for the wanted error.

    Raises
    ------
    SettingsError
        If the tier does not reach it; the message says which scale does.
    MissingNameError
        If there is no such tier.
    """
    events, crossings = tier_sizes(load_tier(tier), "eval", scale)
    percent = found.budget.predicted_percent(events, crossings)
    wanted = found.plan.wanted_percent
    if percent > wanted:
        # The error falls with the square root of the scale.
        needed = math.ceil(scale * (percent / wanted) ** 2)
        msg = (
            f"tier {tier} at scale {scale:g} gives {percent:.1f} % on {found.score} at "
            f"{found.target_khz:g} kHz, not {wanted:g} %: take --scale {needed} "
            f"({found.plan.limited_by[0]})"
        )
        raise SettingsError(msg)


def _score(
    model: Path | None, score: str | None
) -> tuple[str, Callable[[ak.Array], NDArray[np.int64]]]:
    if (model is None) == (score is None):
        msg = "give either a model file (--model) or the name of a seed (--score)"
        raise SettingsError(msg)
    if model is not None:
        scorer = Scorer(load_model(model))
        return scorer.model.name, scorer.scores
    assert score is not None  # noqa: S101
    if score not in BASELINES:
        raise MissingNameError("score", score, list(BASELINES), "--score")
    return score, lambda events: baseline_scores(events)[score]


def _tiers(budget: ErrorBudget, manifest: SampleManifest) -> dict[str, Any]:
    """Predict what tiers give. Strata that a tier has and these samples lack do not count."""
    found = {}
    for name, scale in _COMPARED:
        events, crossings = tier_sizes(load_tier(name), "eval", scale)
        found[f"{name} --scale {scale}"] = budget.predicted_percent(events, crossings)
    found[f"{manifest.tier} (these samples)"] = 100.0 * budget.error_khz / budget.rate_khz
    return found
