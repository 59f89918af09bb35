"""Random networks over all types and modes, and rows that drive them to their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import (
    Add,
    Dense,
    Graph,
    Input,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Square,
    Subtract,
    Sum,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Limits:
    """How wide random types may be."""

    width: int = 14
    integer_beyond: int = 2  # integer bits from -this to width + this
    accumulator_width: int = 24
    unsigned: bool = True


def random_format(rng: Generator, limits: Limits, *, wide: bool = False) -> FixedFormat:
    """Draw a type; half of them round and saturate in the common way."""
    top = limits.accumulator_width if wide else limits.width
    width = int(rng.integers(2, top + 1))
    low, high = -limits.integer_beyond, width + limits.integer_beyond
    return FixedFormat(
        width,
        int(rng.integers(low, high + 1)),
        signed=not limits.unsigned or bool(rng.random() < 0.6),
        rounding=str(rng.choice(ROUNDINGS)),  # type: ignore[arg-type]
        overflow=str(rng.choice(OVERFLOWS)),  # type: ignore[arg-type]
    )


def random_raws(rng: Generator, target: FixedFormat, n: int) -> tuple[int, ...]:
    """Draw raws of a type, its extremes and zero more often than others."""
    numbers = rng.integers(target.lowest, target.raw_max + 1, n)
    numbers = np.where(rng.random(n) < 0.15, target.raw_max, numbers)
    numbers = np.where(rng.random(n) < 0.1, target.lowest, numbers)
    numbers = np.where(rng.random(n) < 0.1, 0, numbers)
    return tuple(int(number) for number in numbers)


def exact_accumulator(rng: Generator, fraction: int) -> FixedFormat:
    """Draw a wrapping accumulator that keeps all fraction bits, as hls4ml infers it."""
    width = max(fraction, 0) + int(rng.integers(2, 12))
    return FixedFormat(width, width - fraction - int(rng.integers(0, 2)))


def random_graph(rng: Generator, limits: Limits | None = None) -> Graph:
    """Draw a network of 2 to 7 nodes after its input; every node is an output."""
    limits = limits or Limits()
    size = int(rng.integers(1, 6))
    nodes: list[Node] = [
        Input("x", (), FixedFormat(int(rng.integers(2, 12)), int(rng.integers(1, 12))), size=size)
    ]
    sizes = {"x": size}
    for number in range(int(rng.integers(2, 8))):
        name = f"n{number}"
        kind = _KINDS[int(rng.integers(len(_KINDS)))]
        node, n_out = kind(rng, limits, name, nodes, sizes)
        nodes.append(node)
        sizes[name] = n_out
    return Graph(tuple(nodes), tuple(node.name for node in nodes[1:]))


def random_rows(rng: Generator, graph: Graph, n: int) -> NDArray[np.int64]:
    """Draw rows within the input's type, (n, n features); a third of the numbers are extremes."""
    source = graph.input
    rows = rng.integers(source.format.raw_min, source.format.raw_max + 1, (n, source.size))
    extremes = np.array([source.format.raw_min, source.format.raw_max, 0])
    picked = extremes[rng.integers(0, 3, rows.shape)]
    return np.where(rng.random(rows.shape) < 0.33, picked, rows)


def _pick(rng: Generator, nodes: list[Node]) -> Node:
    return nodes[int(rng.integers(max(0, len(nodes) - 3), len(nodes)))]


Sizes = dict[str, int]


def _dense(
    rng: Generator, limits: Limits, name: str, nodes: list[Node], sizes: Sizes
) -> tuple[Node, int]:
    source = _pick(rng, nodes)
    n_in, n_out = sizes[source.name], int(rng.integers(1, 6))
    weight_format = random_format(rng, limits)
    bias_format = random_format(rng, limits)
    exact = exact_accumulator(rng, source.format.fraction + weight_format.fraction)
    accumulator = exact if rng.random() < 0.5 else random_format(rng, limits, wide=True)
    node = Dense(
        name,
        (source.name,),
        random_format(rng, limits),
        weights=tuple(random_raws(rng, weight_format, n_out) for _ in range(n_in)),
        weight_format=weight_format,
        bias=random_raws(rng, bias_format, n_out),
        bias_format=bias_format,
        accumulator=accumulator,
    )
    return node, n_out


def _sum(
    rng: Generator, limits: Limits, name: str, nodes: list[Node], sizes: Sizes
) -> tuple[Node, int]:
    source = _pick(rng, nodes)
    exact = exact_accumulator(rng, source.format.fraction)
    accumulator = exact if rng.random() < 0.5 else random_format(rng, limits, wide=True)
    node = Sum(name, (source.name,), random_format(rng, limits), accumulator=accumulator)
    return node, 1


def _offset_shift(
    rng: Generator, limits: Limits, name: str, nodes: list[Node], sizes: Sizes
) -> tuple[Node, int]:
    source = _pick(rng, nodes)
    n = sizes[source.name]
    inner, offset_format = random_format(rng, limits), random_format(rng, limits)
    node = OffsetShift(
        name,
        (source.name,),
        random_format(rng, limits),
        offset=random_raws(rng, offset_format, n),
        offset_format=offset_format,
        shift=tuple(int(s) for s in rng.integers(1 - inner.width, inner.width, n)),
        inner=inner,
    )
    return node, n


def _pair(
    rng: Generator, limits: Limits, name: str, nodes: list[Node], sizes: Sizes
) -> tuple[Node, int]:
    first = _pick(rng, nodes)
    partners = [node for node in nodes if sizes[node.name] == sizes[first.name]]
    second = partners[int(rng.integers(len(partners)))]
    kind = Add if rng.random() < 0.5 else Subtract
    return kind(name, (first.name, second.name), random_format(rng, limits)), sizes[first.name]


def _single(kind: type[Node]) -> Callable[..., tuple[Node, int]]:
    def make(
        rng: Generator, limits: Limits, name: str, nodes: list[Node], sizes: Sizes
    ) -> tuple[Node, int]:
        source = _pick(rng, nodes)
        return kind(name, (source.name,), random_format(rng, limits)), sizes[source.name]

    return make


_KINDS: tuple[Callable[..., tuple[Node, int]], ...] = (
    _dense,
    _dense,
    _dense,
    _sum,
    _offset_shift,
    _pair,
    _single(Relu),
    _single(Quantize),
    _single(Square),
)
