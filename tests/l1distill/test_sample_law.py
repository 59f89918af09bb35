"""The law by which errors fall with the size of a sample, on made-up units."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import reference
from emulator.errors import InputFileError
from emulator.samples import SampleFile, StratumRecord, load_generator
from emulator.samples.pools import pool_event_id
from l1distill.sample_law import ScoredFile, joined, scaling_law
from l1distill.sample_plan import plan_for_score

TOTAL_KHZ = 26_000.0
EVENTS, CROSSINGS = 400, 6000


def _unit(number: int) -> ScoredFile:
    """Crossings whose score is mostly that of their pool event: far from independent."""
    rng = np.random.default_rng(number)
    event = rng.integers(0, EVENTS, CROSSINGS)
    own = rng.exponential(1.0, EVENTS)[event] + 0.5 * rng.exponential(1.0, CROSSINGS)
    ids = pool_event_id(1, "eval", 1, np.arange(EVENTS) + number * EVENTS)
    return ScoredFile(
        weight=np.full(CROSSINGS, 2**32),
        stratum=np.zeros(CROSSINGS, np.int16),
        pool_id=ids[event],
        score=(1000 * own).astype(np.int64),
        record=SampleFile(
            name=f"zerobias_eval_{number:03d}.root",
            role="eval",
            process="zerobias",
            crossings=CROSSINGS,
            generated_events=EVENTS,
            weight_sum=CROSSINGS << 32,
            content_sha256="",
            strata=(StratumRecord("minbias", 0, 1.0, CROSSINGS),),
            pools={"minbias": EVENTS},
        ),
    )


def test_bootstrap_terms_and_spread_agree_and_fall_by_the_root() -> None:
    units = [_unit(number) for number in range(16)]
    law = scaling_law(units, 0.02, load_generator(), TOTAL_KHZ, units_of_tier=8)
    assert [(point.units, point.sets, point.scale) for point in law] == [
        (1, 16, 0.125),
        (2, 8, 0.25),
        (4, 4, 0.5),
        (8, 2, 1.0),
        (16, 1, 2.0),
    ]
    naive = 100.0 / np.sqrt(0.02 * CROSSINGS)
    assert law[0].budget_percent > 2.0 * naive
    for point in law:
        assert point.bootstrap_percent == pytest.approx(point.budget_percent, rel=0.15)
        assert point.budget_percent == pytest.approx(point.predicted_percent, rel=0.15)
    spread = law[0].spread_percent
    assert spread is not None
    # Sixteen sets know their spread to 18 %.
    assert spread == pytest.approx(law[0].bootstrap_percent, rel=0.55)
    assert law[-1].spread_percent is None


def test_joined_units_count_all_events() -> None:
    both = joined([_unit(0), _unit(1)])
    assert both.record.pools == {"minbias": 2 * EVENTS}
    assert both.record.crossings == len(both.score) == 2 * CROSSINGS
    threshold = both.threshold(0.01)
    # All weights are equal, and hardly any scores: 120 of 12,000 crossings fire.
    assert both.rate_khz(threshold, TOTAL_KHZ) == pytest.approx(0.01 * TOTAL_KHZ, rel=0.01)


def test_files_of_different_sizes_make_no_law() -> None:
    with pytest.raises(InputFileError, match="files differ in size: a law needs a tier with units"):
        plan_for_score(
            reference.FOLDER / "samples",
            model=None,
            score="HTT",
            rate_khz=10.0,
            error_percent=10.0,
            scenario="run3_pu50",
            law=True,
        )
