"""Speed of seeds: how many crossings a second one process decides, seed kind by seed kind.

Decisions are held against plain Python, object by object, on the first crossings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crowded_crossings import draw_crossings
from seeds_by_hand import decide

from emulator.menu import SeedEvaluator, parse_expression

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

N_CROSSINGS = 20_000
N_BY_HAND = 50

SEEDS = {
    "single object": "MU3[MU-QLTY_SNGL,MU-ETA_2p0]",
    "double objects": "comb{EG20[EG-ISO_0xC],EG10}",
    "distance": "dist{JET30,MU3}[DR_MAX_0p8]",
    "invariant mass of jets": "comb{JET60,JET30} AND mass_inv{JET30,JET30}[MASS_MIN_1]",
}


@pytest.mark.parametrize("name", list(SEEDS))
def test_seeds(benchmark: BenchmarkFixture, name: str) -> None:
    events = draw_crossings(N_CROSSINGS, 5)
    expression = parse_expression(SEEDS[name])
    decisions = SeedEvaluator(events).decide(expression)
    by_hand = [decide(each, expression) for each in events[:N_BY_HAND].tolist()]
    assert decisions[:N_BY_HAND].tolist() == by_hand
    benchmark.group = "seeds on crowded crossings, one process"
    benchmark(lambda: SeedEvaluator(events).decide(expression))
    assert benchmark.stats is not None
    rate = N_CROSSINGS / benchmark.stats.stats.median
    benchmark.extra_info["million_crossings_per_second"] = rate / 1e6
