"""Random chains of dense layers, as students are, and rows that drive every sum to its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from random_graphs import random_raws

from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import Dense, Graph, Input, Node, OffsetShift, Quantize, Relu, Square, Sum

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


@dataclass(frozen=True)
class StudentLimits:
    """How wide the types of a random student may be, in bits, and how often casts act."""

    input_width: tuple[int, int] = (2, 16)
    weight_width: tuple[int, int] = (2, 9)
    result_width: tuple[int, int] = (2, 12)
    max_size: int = 40
    lossless: float = 0.5


#: Types that meet 8-bit and 16-bit kernels, and those that need 32 bits and more.
LIMITS = {
    "bytes": StudentLimits((2, 10), (2, 8), (2, 9)),
    "halves": StudentLimits((2, 16), (2, 16), (2, 16), max_size=12),
    "wide": StudentLimits((2, 24), (2, 20), (2, 30), max_size=8, lossless=0.3),
}


def random_student(rng: Generator, limits: StudentLimits) -> Graph:
    """Draw an input, now and then a scaling, one to three dense layers with casts, now and then more."""
    width = _between(rng, limits.input_width)
    size = int(rng.integers(1, limits.max_size + 1))
    signed = bool(rng.random() < 0.8)
    source = FixedFormat(width, int(rng.integers(-2, width + 3)), signed)
    nodes: list[Node] = [Input("x", (), source, size)]
    if rng.random() < 0.6:
        nodes.append(_scaling(rng, limits, nodes[-1], size))
    for number in range(int(rng.integers(1, 4))):
        n_out = int(rng.choice([1, int(rng.integers(1, limits.max_size + 1))]))
        nodes.append(_dense(rng, limits, f"d{number}", nodes[-1], size, n_out))
        size = n_out
        for place in range(int(rng.choice([0, 1, 1, 1, 2]))):
            kind = Relu if rng.random() < 0.7 else Quantize
            target = _result(rng, limits, nodes[-1].format)
            nodes.append(kind(f"d{number}_{place}", (nodes[-1].name,), target))
    if rng.random() < 0.2:
        wide = FixedFormat(60, 60 - 2 * nodes[-1].format.fraction)
        nodes.append(Square("square", (nodes[-1].name,), wide))
        nodes.append(Sum("sum", ("square",), wide, accumulator=wide))
    return Graph(tuple(nodes), (nodes[-1].name,))


def _between(rng: Generator, ends: tuple[int, int]) -> int:
    return int(rng.integers(ends[0], ends[1] + 1))


def _result(rng: Generator, limits: StudentLimits, source: FixedFormat) -> FixedFormat:
    """Draw a type for what is cast: often one that loses little of the source, with common modes."""
    width = _between(rng, limits.result_width)
    near = rng.random() < 0.8
    integer = source.integer + int(rng.integers(-4, 3)) if near else int(rng.integers(-4, 20))
    return FixedFormat(
        width,
        integer,
        signed=bool(rng.random() < 0.5),
        rounding=str(rng.choice(ROUNDINGS)),  # type: ignore[arg-type]
        overflow="SAT" if rng.random() < 0.5 else str(rng.choice(OVERFLOWS)),  # type: ignore[arg-type]
    )


def _scaling(rng: Generator, limits: StudentLimits, source: Node, size: int) -> Node:
    target = _result(rng, limits, source.format)
    kind = rng.random()
    if kind < 0.3:
        return (Quantize if kind < 0.2 else Relu)("s", (source.name,), target)
    offset_format = FixedFormat(_between(rng, (2, 10)), source.format.integer)
    inner_width = source.format.width + _between(rng, (0, 8))
    inner = FixedFormat(
        inner_width,
        source.format.integer + _between(rng, (0, 3)),
        overflow="SAT" if rng.random() < 0.2 else "WRAP",
        rounding="RND" if rng.random() < 0.1 else "TRN",
    )
    most = min(6, inner_width - 1)
    return OffsetShift(
        "s",
        (source.name,),
        target,
        offset=random_raws(rng, offset_format, size),
        offset_format=offset_format,
        shift=tuple(
            rng.integers(-1 if most and rng.random() < 0.2 else 0, most + 1, size).tolist()
        ),
        inner=inner,
    )


def _dense(
    rng: Generator, limits: StudentLimits, name: str, source: Node, n_in: int, n_out: int
) -> Dense:
    weight_width = _between(rng, limits.weight_width)
    weight = FixedFormat(weight_width, int(rng.integers(-2, weight_width + 3)))
    fraction = source.format.fraction + weight.fraction
    bias = FixedFormat(weight_width + 2, weight_width + 2 - fraction - int(rng.integers(-2, 3)))
    needed = source.format.width + weight_width + n_in.bit_length() + 1
    extra = int(rng.integers(0, 3))
    width = needed + extra if rng.random() < limits.lossless else int(rng.integers(2, needed + 3))
    accumulator = FixedFormat(max(width, extra + 1), max(width, extra + 1) - fraction - extra)
    kept = accumulator if rng.random() < 0.4 else _result(rng, limits, accumulator)
    return Dense(
        name,
        (source.name,),
        kept,
        weights=tuple(random_raws(rng, weight, n_out) for _ in range(n_in)),
        weight_format=weight,
        bias=random_raws(rng, bias, n_out),
        bias_format=bias,
        accumulator=accumulator,
    )


def cut_before(graph: Graph, name: str) -> Graph:
    """Return the network from a node on, which takes all of its input's type as its features."""
    names = [node.name for node in graph.nodes]
    place = names.index(name)
    node = graph.nodes[place]
    source = graph.tensors[node.inputs[0]]
    first = Input(node.inputs[0], (), source.format, source.size)
    return Graph((first, *graph.nodes[place:]), graph.outputs)


def driving_rows(graph: Graph) -> NDArray[np.int64]:
    """Return rows that drive every sum of the first dense layer to its largest and its smallest.

    The layer must read the input. Two rows for each neuron: each input at the end of its type that
    the sign of its weight names.
    """
    dense = graph.nodes[1]
    assert isinstance(dense, Dense)
    low, high = graph.input.format.lowest, graph.input.format.raw_max
    positive = np.array(dense.weights, dtype=object).T >= 0
    largest = np.where(positive, high, low)
    smallest = np.where(positive, low, high)
    return np.concatenate([largest, smallest]).astype(np.int64)
