"""How fast this processor could possibly run a chain: the rate of multiply-add instructions alone."""

from __future__ import annotations

from functools import partial
from time import thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.engine.lanes.chain import NoChain, find_chain
from emulator.engine.lanes.dots import dot
from emulator.engine.lanes.emitter import INT16, Emitter, Value, vector
from emulator.engine.lanes.target import HAS_QUADS, LANES
from emulator.jit import instructions, intrinsic, kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emulator.engine.lanes.emitter import Place
    from emulator.graph.graph import Graph

#: Sums that are kept at a time, each with a weight of its own: enough to hide how long one instruction
#: takes, few enough for the registers.
_SUMS = 12 if LANES == 16 else 6


def _peak_dot(emitter: Emitter, packed: int, total: Value, inputs: Value, weights: Value) -> Value:
    """Add products with one instruction, named where plain code of constant weights would not be one."""
    if packed == 2 and HAS_QUADS:
        halves = vector(INT16, 2 * LANES)
        first, second = (emitter.builder.bitcast(word, halves) for word in (inputs, weights))
        return emitter.call("llvm.x86.avx512.vpdpwssd.512", vector(), total, first, second)
    return dot(emitter, packed, total, inputs, weights)


def _emit_peak(packed: int, builder: Any, count: Value, numbers: Value) -> None:
    emitter = Emitter(builder)
    totals = [emitter.load_spread(emitter.at(numbers, 4 * place)) for place in range(_SUMS)]
    # All loaded from different places, or plain products would be computed once for all sums.
    weights = [
        emitter.load_spread(emitter.at(numbers, 4 * (_SUMS + place))) for place in range(_SUMS)
    ]

    def repeat(_: Value, carried: list[Value]) -> list[Value]:
        *sums, inputs = carried
        # Other inputs each time, or plain products would be computed once, before the loop.
        inputs = builder.add(inputs, weights[0])
        pairs = zip(sums, weights, strict=True)
        return [_peak_dot(emitter, packed, total, inputs, each) for total, each in pairs] + [inputs]

    *sums, _ = emitter.loop(count, repeat, [*totals, weights[0]])
    result = sums[0]
    for total in sums[1:]:
        result = builder.xor(result, total)
    emitter.store(result, numbers, 4)


def _peak(packed: int) -> Callable[..., None]:
    emit = partial(_emit_peak, packed)

    @intrinsic
    def peak(typingctx, count, numbers):  # type: ignore[no-untyped-def]
        return instructions(2, emit)

    return peak


_quads, _pairs, _words = (_peak(packed) for packed in (4 if HAS_QUADS else 2, 2, 1))


@kernel
def _run_quads(count: Place, numbers: NDArray[np.int32]) -> None:
    _quads(count, numbers.ctypes.data)


@kernel
def _run_pairs(count: Place, numbers: NDArray[np.int32]) -> None:
    _pairs(count, numbers.ctypes.data)


@kernel
def _run_words(count: Place, numbers: NDArray[np.int32]) -> None:
    _words(count, numbers.ctypes.data)


_RUN = {4: _run_quads, 2: _run_pairs, 1: _run_words}


def dots_per_second(packed: int, *, repeats: int = 7, count: int = 100_000) -> float:
    """Return how many vectors of products one core multiplies and adds in a second of its time, at best.

    Parameters
    ----------
    packed
        Integers in a lane: 4, 2 or 1.
    """
    numbers = np.arange(2 * _SUMS, dtype=np.int32)
    run = _RUN[packed]
    run(1, numbers)
    best = float("inf")
    for _ in range(repeats):
        start = thread_time()
        run(count, numbers)
        best = min(best, thread_time() - start)
    return _SUMS * count / best


def dots_per_event(graph: Graph) -> dict[int, float]:
    """Return how many such instructions an event of a network needs, by integers in a lane.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Dense, Graph, Input
    >>> wide = FixedFormat(40, 40)
    >>> x = Input("x", (), FixedFormat(16, 16), size=3)
    >>> y = Dense("y", ("x",), wide, ((3,), (-2,), (1,)), wide, (1,), wide, wide)
    >>> {packed: round(dots * LANES) for packed, dots in dots_per_event(Graph((x, y), ("y",))).items()}
    {2: 2}
    """
    chain = find_chain(graph)
    needed: dict[int, float] = {}
    if isinstance(chain, NoChain):
        return needed
    for layer in chain.layers:
        groups = -(-len(layer.weights) // layer.packed)
        dots = groups * len(layer.starts) / LANES
        needed[layer.packed] = needed.get(layer.packed, 0.0) + dots
    return needed


def limit_events_per_second(graph: Graph) -> float:
    """Return the rate of one core that did nothing but the products of a network's chain."""
    seconds = sum(dots / dots_per_second(packed) for packed, dots in dots_per_event(graph).items())
    return 1 / seconds if seconds else float("inf")
