"""The hash of blocks and replicas against plain integers, Poisson(1), and published splitmix64."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from emulator.rates import EventRange, multiplicities
from emulator.rates.blocks import (
    MOST_DRAWS,
    POISSON_STEPS,
    joined,
    overlap,
    seed_key,
    stream_blocks,
)

GAMMA = 0x9E3779B97F4A7C15
#: Draws of blocks 0, 1 and 2**64 - 1 by twelve replicas of seed 42: results on disk rely on them.
FROZEN = [
    [1, 3, 0, 1, 1, 0, 0, 0, 2, 1, 2, 0],
    [1, 0, 1, 1, 1, 1, 1, 1, 2, 0, 1, 0],
    [0, 3, 0, 1, 0, 2, 2, 2, 3, 2, 0, 0],
]
U64 = st.integers(0, 2**64 - 1)


def splitmix64(state: int) -> int:
    """The published generator: step the state, then mix it."""
    z = (state + GAMMA) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def definition(block: int, replica: int, seed: int) -> int:
    """The multiplicity in plain integers: it is what the kernel must match."""
    state = splitmix64(block ^ splitmix64(seed))
    uniform = splitmix64((state + replica * GAMMA) % 2**64)
    return sum(uniform >= int(step) for step in POISSON_STEPS)


def test_reference_values_of_splitmix64() -> None:
    # First three outputs for seed 0, as published with the reference implementation.
    outputs = [splitmix64(step * GAMMA % 2**64) for step in range(3)]
    assert outputs == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert int(seed_key(0)) == 0xE220A8397B1DCDAF


@settings(deadline=None)
@given(block=U64, seed=U64)
def test_kernel_equals_the_definition(block: int, seed: int) -> None:
    found = multiplicities(np.array([block], dtype=np.uint64), 5, seed)
    assert found.tolist() == [[definition(block, replica, seed) for replica in range(5)]]


def test_values_do_not_change() -> None:
    blocks = np.array([0, 1, 2**64 - 1], dtype=np.uint64)
    assert multiplicities(blocks, 12, seed=42).tolist() == FROZEN


def test_poisson_steps_are_exact() -> None:
    # e**-1 lies between consecutive partial sums of its alternating series.
    low = sum(Fraction((-1) ** n, math.factorial(n)) for n in range(60))
    high = sum(Fraction((-1) ** n, math.factorial(n)) for n in range(61))
    low, high = min(low, high), max(low, high)
    assert len(POISSON_STEPS) == MOST_DRAWS
    for k, step in enumerate(POISSON_STEPS):
        partial = sum(Fraction(1, math.factorial(n)) for n in range(k + 1))
        assert int(step) == math.floor(low * partial * 2**64)
        assert int(step) == math.floor(high * partial * 2**64)


def test_multiplicities_are_poisson_distributed() -> None:
    drawn = multiplicities(np.arange(20_000, dtype=np.uint64), 200, seed=7)
    observed = np.bincount(np.minimum(drawn, 7).ravel(), minlength=8)
    probability = np.append(stats.poisson.pmf(np.arange(7), 1), stats.poisson.sf(6, 1))
    assert stats.chisquare(observed, drawn.size * probability).pvalue > 0.01


def test_high_multiplicities_occur_as_often_as_they_should() -> None:
    drawn = multiplicities(np.arange(50_000, dtype=np.uint64), 200)
    for k in (6, 7, 8):
        expected = drawn.size * stats.poisson.pmf(k, 1)
        assert abs((drawn == k).sum() - expected) < 4 * math.sqrt(expected)


def test_blocks_replicas_and_seeds_are_independent() -> None:
    drawn = multiplicities(np.arange(20_000, dtype=np.uint64), 20, seed=1).astype(np.float64)
    other = multiplicities(np.arange(20_000, dtype=np.uint64), 20, seed=2).astype(np.float64)
    # A correlation of n independent pairs scatters by 1/sqrt(n); 4.5 sigma for 400 of them.
    limit = 4.5 / math.sqrt(20_000)
    between_replicas = np.corrcoef(drawn, rowvar=False) - np.eye(20)
    assert np.abs(between_replicas).max() < limit
    assert np.abs(np.corrcoef(drawn, other, rowvar=False)[:20, 20:]).max() < limit
    neighbours = np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]
    assert abs(neighbours) < 4.5 / math.sqrt(19_999 * 20)


def test_streams_are_cut_anywhere_and_do_not_share_blocks() -> None:
    whole = stream_blocks("a", 0, 1000)
    parts = [stream_blocks("a", 0, 1), stream_blocks("a", 1, 700), stream_blocks("a", 701, 299)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert len(np.unique(np.concatenate([whole, stream_blocks("b", 0, 1000)]))) == 2000


def test_overlap() -> None:
    first = (EventRange("a", 0, 10), EventRange("b", 5, 6))
    assert overlap(first, (EventRange("a", 10, 20), EventRange("b", 0, 5))) is None
    assert overlap(first, (EventRange("c", 0, 10),)) is None
    assert overlap(first, (EventRange("a", 7, 20),)) == EventRange("a", 7, 10)
    assert str(EventRange("a", 7, 10)) == "7 to 9 of stream 'a'"


@settings(deadline=None)
@given(st.permutations(range(8)), st.integers(1, 7))
def test_ranges_join_to_one_in_any_order(order: list[int], cut: int) -> None:
    pieces = [EventRange("a", 3 * i, 3 * i + 3) for i in order]
    first: tuple[EventRange, ...] = ()
    second: tuple[EventRange, ...] = ()
    for piece in pieces[:cut]:
        first = joined(first, (piece,))
    for piece in pieces[cut:]:
        second = joined(second, (piece,))
    assert joined(first, second) == joined(second, first) == (EventRange("a", 0, 24),)


def test_ranges_of_other_streams_stay_apart() -> None:
    assert joined((EventRange("b", 2, 4),), (EventRange("a", 0, 2),)) == (
        EventRange("a", 0, 2),
        EventRange("b", 2, 4),
    )


@pytest.mark.parametrize("replicas", [2, 3, 200])
def test_more_replicas_keep_the_first(replicas: int) -> None:
    blocks = np.arange(50, dtype=np.uint64)
    np.testing.assert_array_equal(
        multiplicities(blocks, replicas), multiplicities(blocks, 200)[:, :replicas]
    )
