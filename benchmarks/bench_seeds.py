"""Speed of seeds: how many crossings a second one process decides, seed kind by seed kind.

Decisions are held against plain Python, object by object, on the first crossings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from crowded_crossings import draw_crossings
from seeds_by_hand import decide

from benchmarks.limits import Work, time_warm
from emulator.menu import SeedEvaluator, parse_expression

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

N_CROSSINGS = 20_000
N_BY_HAND = 50

#: Objects that a seed reads, whose bytes are the least that it moves.
OBJECT = re.compile("MU|EG|JET")
COLLECTIONS = {"MU": "mu", "EG": "eg", "JET": "jet"}

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
    objects = set(OBJECT.findall(SEEDS[name]))
    read = sum(events[COLLECTIONS[each]].nbytes for each in objects)
    work = Work(N_CROSSINGS, (read + decisions.nbytes) / N_CROSSINGS)
    time_warm(benchmark, lambda: SeedEvaluator(events).decide(expression), work, rounds=50)
