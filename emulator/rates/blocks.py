"""Blocks of the bootstrap and how often each replica draws them.

Crossings that share a Pythia event are not independent, so a replica draws whole *blocks*: all
crossings of one pool event together. How often replica ``r`` draws block ``b`` is a Poisson(1)
number that is a pure function of ``(b, r, seed)``. No state is passed on, so counts filled in other
chunks, processes or orders have the same replicas, and can be added.

Source of the generator: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014 (splitmix64).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.jit import inline_kernel, kernel
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_SHIFT_30: Final = np.uint64(30)
_SHIFT_27: Final = np.uint64(27)
_SHIFT_31: Final = np.uint64(31)


def _poisson_steps() -> NDArray[np.uint64]:
    """Cumulative Poisson(1) probabilities as integers, ``floor(2**64 * P(m <= k))``."""
    inverse_e = sum((Fraction((-1) ** n, math.factorial(n)) for n in range(40)), Fraction(0))
    steps = []
    cumulative = Fraction(0)
    k = 0
    while (1 - cumulative) * 2**64 >= 1:
        cumulative += inverse_e / math.factorial(k)
        steps.append(math.floor(cumulative * 2**64))
        k += 1
    return np.array(steps, dtype=np.uint64)


POISSON_STEPS: Final = _poisson_steps()

#: No replica draws a block more often than this: a 64-bit number resolves no rarer case.
MOST_DRAWS: Final = len(POISSON_STEPS)


@inline_kernel
def mix(state: Any) -> Any:
    """Output function of splitmix64, uint64 to uint64, a bijection."""
    state = (state ^ (state >> _SHIFT_30)) * _MIX_1
    state = (state ^ (state >> _SHIFT_27)) * _MIX_2
    return state ^ (state >> _SHIFT_31)


@inline_kernel
def block_state(block: Any, key: Any) -> Any:
    """State of the generator of one block; replica ``r`` is its output number ``r``."""
    return mix((block ^ key) + _GAMMA)


@inline_kernel
def draws(state: Any, replica: Any, steps: Any) -> Any:
    """How often a replica draws the block with this state: Poisson(1) by inversion."""
    uniform = mix(state + (np.uint64(replica) + np.uint64(1)) * _GAMMA)
    # The first four steps without a branch: only one draw in 270 needs the others.
    count = (
        np.int64(uniform >= steps[0])
        + np.int64(uniform >= steps[1])
        + np.int64(uniform >= steps[2])
        + np.int64(uniform >= steps[3])
    )
    if count == 4:
        while count < steps.size and uniform >= steps[count]:
            count += 1
    return count


@kernel
def _fill_multiplicities(blocks: Any, key: Any, steps: Any, out: Any) -> None:
    for i in range(blocks.size):
        state = block_state(blocks[i], key)
        for replica in range(out.shape[1]):
            out[i, replica] = draws(state, replica, steps)


@kernel
def _fill_stream(key: Any, first: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] = mix(key + (first + np.uint64(i) + np.uint64(1)) * _GAMMA)


def seed_key(seed: int) -> np.uint64:
    """Key that a seed (``0 <= seed < 2**64``) stands for: the first output of splitmix64."""
    state = (seed + int(_GAMMA)) % 2**64
    state = (state ^ state >> 30) * int(_MIX_1) % 2**64
    state = (state ^ state >> 27) * int(_MIX_2) % 2**64
    return np.uint64(state ^ state >> 31)


def multiplicities(blocks: NDArray[np.uint64], replicas: int, seed: int = 0) -> NDArray[np.int64]:
    """Return how often each replica draws each block.

    Parameters
    ----------
    blocks
        Identities of the blocks, uint64, axis (block).
    replicas
        Number of replicas.
    seed
        Seed of the bootstrap, ``0 <= seed < 2**64``.

    Returns
    -------
    int64, axes (block, replica): Poisson(1) numbers.

    Examples
    --------
    >>> multiplicities(np.array([7, 8, 7], dtype=np.uint64), replicas=6).tolist()
    [[0, 1, 1, 0, 2, 1], [3, 3, 0, 0, 2, 1], [0, 1, 1, 0, 2, 1]]
    """
    out = np.empty((len(blocks), replicas), dtype=np.int64)
    _fill_multiplicities(blocks, seed_key(seed), POISSON_STEPS, out)
    return out


def stream_blocks(stream: str, first_event: int, n_events: int) -> NDArray[np.uint64]:
    """Return one block per event for events that share nothing, uint64, axis (event).

    Parameters
    ----------
    stream
        Name of the sequence of events; other names give other blocks.
    first_event
        Place of the first event in the sequence.
    n_events
        Number of events.
    """
    key = np.uint64(int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big"))
    out = np.empty(n_events, dtype=np.uint64)
    _fill_stream(key, np.uint64(first_event), out)
    return out


@dataclass(frozen=True, slots=True, order=True)
class EventRange(Record):
    """Events ``start <= i < stop`` of a named sequence, each a block of its own."""

    stream: str
    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.start} to {self.stop - 1} of stream {self.stream!r}"


def overlap(first: tuple[EventRange, ...], second: tuple[EventRange, ...]) -> EventRange | None:
    """Return events that both hold, or None if they share none."""
    for one in first:
        for other in second:
            start, stop = max(one.start, other.start), min(one.stop, other.stop)
            if one.stream == other.stream and start < stop:
                return EventRange(one.stream, start, stop)
    return None


def joined(first: tuple[EventRange, ...], second: tuple[EventRange, ...]) -> tuple[EventRange, ...]:
    """Return the union of ranges that do not overlap, sorted, with neighbours made one."""
    result: list[EventRange] = []
    for one in sorted((*first, *second)):
        if result and (result[-1].stream, result[-1].stop) == (one.stream, one.start):
            result[-1] = EventRange(one.stream, result[-1].start, one.stop)
        else:
            result.append(one)
    return tuple(result)
