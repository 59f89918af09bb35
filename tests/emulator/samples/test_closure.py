"""Stratified against natural crossings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from emulator.samples import generate, load_generator, load_manifest, load_response
from emulator.samples.closure import OBSERVABLES, Closure, closure
from emulator.samples.description import evaluation_pools
from emulator.samples.pileup import load_pileup
from emulator.samples.strata import class_probabilities

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.samples.detector import ResponseSettings
    from emulator.samples.pileup import PileupProfile
    from emulator.samples.pools import Pool
    from emulator.samples.settings import GeneratorSettings
    from emulator.samples.strata import ClassMeans

SIGMA = {"minbias": 78.58, "qcd30": 4.0, "tt": 0.6}


def _chi2(found: Closure, least: int = 5) -> float:
    """Probability of pulls as large as these, of what natural crossings see often enough."""
    pulls = [row.pull for row in found.rows if row.natural_firing >= least]
    assert len(pulls) >= 10
    # Observables overlap, so the number of independent ones is smaller: this is on the strict side.
    return float(stats.chi2.sf(np.sum(np.square(pulls)), len(pulls)))


@pytest.mark.parametrize("pileup", ["6", "fixed:6"])
def test_closure_on_fabricated_pools(
    pools: dict[str, Pool], generator: GeneratorSettings, response: ResponseSettings, pileup: str
) -> None:
    steps: list[tuple[int, int]] = []
    found = closure(
        pools,
        generator,
        response,
        SIGMA,
        pileup=load_pileup(pileup),
        total_khz=26_000.0,
        crossings=12_000,
        progress=lambda done, total, _: steps.append((done, total)),
    )
    assert [row.name for row in found.rows] == [each.name for each in OBSERVABLES]
    assert _chi2(found) > 1e-3
    assert steps[-1] == (len(steps), len(steps))
    assert found.crossings_per_second > 0.0


def test_wrong_probabilities_are_noticed(
    pools: dict[str, Pool],
    generator: GeneratorSettings,
    response: ResponseSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Strata of muons with 0.7 times their probability, the rest with what they lack."""

    def wrong(means: ClassMeans) -> dict[str, float]:
        found = class_probabilities(means)
        for name in found:
            if name.endswith("_mu"):
                found["minbias"] += 0.3 * found[name]
                found[name] *= 0.7
        return found

    monkeypatch.setattr("emulator.samples.closure.class_probabilities", wrong)
    profile: PileupProfile = load_pileup("6")
    found = closure(
        pools, generator, response, SIGMA, pileup=profile, total_khz=26_000.0, crossings=12_000
    )
    assert _chi2(found) < 1e-6


@pytest.mark.deep
@pytest.mark.parametrize("pileup", ["50", "fixed:50", "pileup_spread"])
def test_closure_on_pools_of_pythia(tmp_path_factory: pytest.TempPathFactory, pileup: str) -> None:
    """All classes of the release, pairs of muons of one event among the observables."""
    pytest.importorskip("pythia8mc")
    folder = tmp_path_factory.getbasetemp() / "closure_pools"
    pools, sigma = _pythia_pools(folder)
    found = closure(
        pools,
        load_generator("processes_release"),
        load_response(),
        sigma,
        pileup=load_pileup(pileup),
        total_khz=26_000.0,
        crossings=200_000,
    )
    seen = {row.name: row for row in found.rows if row.natural_firing >= 10}
    assert "two muons 5 and 3" in seen
    assert len(seen) >= 13
    assert max(abs(row.pull) for row in seen.values()) < 4.0
    assert _chi2(found, least=10) > 1e-3


def _pythia_pools(folder: Path) -> tuple[dict[str, Pool], dict[str, float]]:
    from emulator.samples import load_tier

    release = load_tier("release")
    tier = replace(
        release,
        units=1,
        signals={},
        events={
            split: {name: max(n // (4 if split == "eval" else 60), 4) for name, n in own.items()}
            for split, own in release.events.items()
        },
        crossings={split: dict.fromkeys(own, 4) for split, own in release.crossings.items()},
    )
    if not (folder / "samples.json").exists():
        generate(tier, folder, jobs=2)
    return evaluation_pools(folder, load_generator("processes_release")), dict(
        load_manifest(folder).sigma_mb
    )
