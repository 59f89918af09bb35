"""Fabricated pools: the statistics of strata can be checked without Pythia."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emulator.objects import HardwareScales, load_scales
from emulator.samples.deposit import Deposits
from emulator.samples.detector import ResponseSettings, load_response
from emulator.samples.pools import Pool, pool_event_id
from emulator.samples.response import Steps, hardware_steps
from emulator.samples.settings import GeneratorSettings, load_generator
from emulator.samples.towers import PAD, Primitives, primitives
from emulator.samples.truth import no_truth


@pytest.fixture(scope="session")
def response() -> ResponseSettings:
    return load_response()


@pytest.fixture(scope="session")
def scales() -> HardwareScales:
    return load_scales()


@pytest.fixture(scope="module")
def steps(response: ResponseSettings, scales: HardwareScales) -> Steps:
    return hardware_steps(scales, response.geometry)


@pytest.fixture(scope="session")
def generator() -> GeneratorSettings:
    """Three processes instead of eleven, two of them with forced muons."""
    settings = load_generator()
    strata = replace(
        settings.strata,
        ranks=("minbias", "qcd30", "minbias_mu", "qcd30_mu", "tt"),
        forced_muons=("minbias", "qcd30"),
    )
    return replace(settings, strata=strata)


def fabricate(process: str, code: int, n_events: int, mean_gev: float, muons: float) -> Pool:
    """Events with a few towers in the barrel, and often two muon candidates at once."""
    rng = np.random.default_rng(code)
    n_towers = rng.integers(2, 6, n_events)
    n_candidates = rng.choice(
        [0, 1, 2, 3], n_events, p=[1 - muons, 0.2 * muons, muons / 2, 0.3 * muons]
    )
    towers, candidates = int(n_towers.sum()), int(n_candidates.sum())
    columns = (
        rng.exponential(5.0, candidates) + 2.0,
        rng.uniform(-2.3, 2.3, candidates),
        rng.uniform(-np.pi, np.pi, candidates),
        rng.choice([-1.0, 1.0], candidates),
        rng.choice([0.1, 0.5, 1.0], candidates),
    )
    deposits = Deposits(
        tower_offsets=np.concatenate([[0], np.cumsum(n_towers)]).astype(np.int64),
        tower_index=(rng.integers(20, 60, towers) * 72 + rng.integers(0, 72, towers)).astype(
            np.uint16
        ),
        em_gev=rng.exponential(mean_gev, towers).astype(np.float32),
        had_gev=rng.exponential(mean_gev, towers).astype(np.float32),
        candidate_offsets=np.concatenate([[0], np.cumsum(n_candidates)]).astype(np.int64),
        candidates=np.stack(columns, axis=1).astype(np.float32),
    )
    return Pool(
        process=process,
        split="eval",
        deposits=deposits,
        pthat_gev=np.zeros(n_events, np.float32),
        event_id=pool_event_id(code, "eval", 1, np.arange(n_events)),
        sigma_mb=1.0,
        generated=n_events,
        truth=no_truth(n_events),
    )


@pytest.fixture(scope="session")
def pools() -> dict[str, Pool]:
    return {
        "minbias": fabricate("minbias", 1, 60, 1.0, 0.1),
        "qcd30": fabricate("qcd30", 3, 40, 6.0, 0.4),
        "tt": fabricate("tt", 11, 20, 15.0, 0.8),
    }


def placed_primitives(
    response: ResponseSettings, *towers: tuple[int, int, float, float]
) -> Primitives:
    """Primitives from (ring, step, em GeV, had GeV)."""
    em, had = np.zeros((2, 80, 72), np.float32)
    for ring, step, em_gev, had_gev in towers:
        em[ring, step], had[ring, step] = em_gev, had_gev
    planes = np.zeros((2, 80 + 2 * PAD, 72 + 2 * PAD), np.int32)
    return primitives(em, had, response.towers, 28, planes[0], planes[1])
