"""Errors of larger samples, predicted from small ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.samples.manifest import SampleFile, StratumRecord
from emulator.samples.planning import (
    ErrorBudget,
    error_budget,
    limits,
    mean_budget,
    plan_sample,
    tier_sizes,
)
from emulator.samples.pools import pool_event_id
from emulator.samples.tiers import load_tier

if TYPE_CHECKING:
    from emulator.samples.settings import GeneratorSettings

TOTAL_KHZ = 26_000.0


def _sample(
    rng: np.random.Generator, generator: GeneratorSettings, events: int, crossings: int
) -> ErrorBudget:
    """A soft stratum that fires by chance, and a hard one whose pool events decide about firing."""
    strata = (
        StratumRecord("minbias", 0, 0.9, crossings),
        StratumRecord("qcd30", 1, 0.1, crossings),
    )
    file = SampleFile(
        name="toy.root",
        role="eval",
        process="zerobias",
        crossings=2 * crossings,
        generated_events=10_000 + events,
        weight_sum=0,
        content_sha256="",
        strata=strata,
        pools={"minbias": 10_000, "qcd30": events},
    )
    fires_often = rng.beta(0.02, 1.0, events)
    chosen = rng.integers(0, events, crossings)
    fires = np.concatenate(
        [rng.random(crossings) < 0.0005, rng.random(crossings) < fires_often[chosen]]
    )
    ids = [
        pool_event_id(1, "eval", 1, rng.integers(0, 10_000, crossings)),
        pool_event_id(3, "eval", 1, chosen),
    ]
    weight = np.rint(np.repeat([0.9, 0.1], crossings) * 2**33).astype(np.int64)
    stratum = np.repeat([0, 1], crossings)
    return error_budget(weight, stratum, np.concatenate(ids), fires, file, generator, TOTAL_KHZ)


def test_law_of_scaling(generator: GeneratorSettings) -> None:
    """Predicted from small samples, against the spread of many larger ones."""
    rng = np.random.default_rng(5)
    small = mean_budget([_sample(rng, generator, 300, 6000) for _ in range(60)])
    for events, crossings in ((1200, 6000), (300, 30_000), (900, 18_000)):
        rates = [_sample(rng, generator, events, crossings).rate_khz for _ in range(300)]
        measured = 100 * np.std(rates) / np.mean(rates)
        predicted = small.predicted_percent(
            {"qcd30": events}, {"minbias": crossings, "qcd30": crossings}
        )
        # 300 samples know their spread to 4 %.
        assert predicted == pytest.approx(measured, rel=0.15), (events, crossings)


def test_error_of_one_sample_is_its_spread(generator: GeneratorSettings) -> None:
    rng = np.random.default_rng(6)
    budgets = [_sample(rng, generator, 300, 6000) for _ in range(200)]
    spread = np.std([budget.rate_khz for budget in budgets])
    assert np.mean([budget.error_khz**2 for budget in budgets]) ** 0.5 == pytest.approx(
        spread, rel=0.15
    )
    assert all(budget.naive_khz < budget.error_khz for budget in budgets)


def test_plan_reaches_what_was_asked_at_least_cost(generator: GeneratorSettings) -> None:
    budget = mean_budget(
        [_sample(np.random.default_rng(seed), generator, 300, 6000) for seed in range(20)]
    )
    free = replace(generator, least_pileup_events=1)
    plan = plan_sample(budget, 5.0, free)
    assert plan.predicted_percent == pytest.approx(5.0, rel=0.01)
    half = plan_sample(budget, 2.5, free)
    assert half.cpu_hours == pytest.approx(4 * plan.cpu_hours, rel=0.02)
    # Any shift of work from one to the other makes it worse.
    for factor in (0.5, 2.0):
        events = {"qcd30": plan.events["qcd30"] * factor}
        spared = (plan.events["qcd30"] - events["qcd30"]) * 0.006
        crossings: dict[str, float] = {**plan.crossings}
        crossings["minbias"] = max(crossings["minbias"] + spared / 1.2e-4, 1)
        assert budget.predicted_percent({**plan.events, **events}, crossings) > 5.0
    assert plan_sample(budget, 5.0, generator).events["minbias"] == generator.least_pileup_events


def test_limits_are_named(generator: GeneratorSettings) -> None:
    budget = _sample(np.random.default_rng(3), generator, 20, 20_000)
    first, largest = limits(budget)[0], budget.terms[0]
    assert largest.error_khz == max(term.error_khz for term in budget.terms)
    assert first.endswith(f"{largest.name} ({largest.firing} of {largest.size} fire)")
    silent = replace(
        budget,
        terms=tuple(
            replace(term, firing=0, error_khz=0.0) if term.name == "minbias" else term
            for term in budget.terms
        ),
        error_khz=1e-3,
    )
    assert any("nothing fires in stratum minbias" in said for said in limits(silent))


def test_refusals(generator: GeneratorSettings) -> None:
    budget = _sample(np.random.default_rng(3), generator, 20, 5000)
    with pytest.raises(SettingsError, match="between 0 and 100 percent, not 0"):
        plan_sample(budget, 0.0, generator)
    file = SampleFile("f.root", "eval", "zerobias", 1, 1, 0, "", (), {})
    one = np.ones(1, np.int64)
    with pytest.raises(SettingsError, match=r"f.root: no crossing fires"):
        error_budget(one, one, one.astype(np.uint64), one == 0, file, generator, 1.0)


def test_sizes_of_tiers_count_units() -> None:
    tier = replace(load_tier("quick"), units=4)
    events, crossings = tier_sizes(tier, "eval", scale=3)
    assert events["minbias"] == 12 * tier.events["eval"]["minbias"]
    assert crossings["W"] == 12 * tier.crossings["eval"]["W"]
