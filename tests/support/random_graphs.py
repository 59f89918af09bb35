"""Random networks over all operations, types and modes, and rows that drive them to their limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS
from emulator.graph import (
    Add,
    AveragePool,
    BatchNormalization,
    Concatenate,
    Constant,
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Multiply,
    Node,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Reshape,
    Sigmoid,
    Square,
    Subtract,
    Sum,
    Tanh,
    Tensor,
    UnaryLut,
)
from emulator.graph.tables import sigmoid_table, tanh_table
from emulator.graph.windows import BEYOND, patches, weight_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from emulator.fixed import Overflow

    Maker = Callable[["Draft", str], Node | None]

T = TypeVar("T")

#: More elements than this make a network slow to check.
MAX_ELEMENTS = 48
#: Inputs of a table with one entry for each bit pattern have at most so many bits.
MAX_TABLE_BITS = 10


@dataclass(frozen=True)
class Limits:
    """How wide random types may be, and what else a draw may do.

    Parameters
    ----------
    near
        How often a type lies near what its numbers need, instead of anywhere.
    lossless
        Nothing wraps and nothing becomes 0: casts saturate, so that results grow with their inputs.
    hls4ml
        Only what hls4ml computes exactly, with the tables that it fills itself.
    operations
        Only these operations; all if empty.
    """

    width: int = 14
    integer_beyond: int = 2  # integer bits from -this to width + this
    accumulator_width: int = 24
    unsigned: bool = True
    near: float = 0.4
    lossless: bool = False
    hls4ml: bool = False
    overflows: tuple[Overflow, ...] = OVERFLOWS
    operations: tuple[type[Node], ...] = ()


@dataclass
class Draft:
    """A network that grows node by node."""

    rng: Generator
    limits: Limits
    nodes: list[Node]
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            self.append(node)

    def append(self, node: Node) -> None:
        """Add a node, which must obey its rules."""
        self.tensors[node.name] = node.infer([self.tensors[name] for name in node.inputs])
        self.nodes.append(node)

    def choice(self, values: Sequence[T]) -> T:
        """Pick one of several things."""
        return values[int(self.rng.integers(len(values)))]

    def pick(self, *, axes: int | None = None, max_width: int | None = None) -> str | None:
        """Pick one of the last fitting nodes, None if there is none."""
        fitting = [
            name
            for name, tensor in self.tensors.items()
            if (axes is None or len(tensor.shape) == axes)
            and (max_width is None or tensor.format.width <= max_width)
        ]
        return self.choice(fitting[-3:]) if fitting else None

    def any_format(self, *, wide: bool = False) -> FixedFormat:
        """Draw a type that need not suit anything."""
        limits = self.limits
        top = limits.accumulator_width if wide else limits.width
        width = int(self.rng.integers(2, top + 1))
        low, high = -limits.integer_beyond, width + limits.integer_beyond
        return FixedFormat(
            width,
            int(self.rng.integers(low, high + 1)),
            signed=not limits.unsigned or bool(self.rng.random() < 0.6),
            rounding=self.choice(ROUNDINGS),
            overflow=self.choice(limits.overflows),
        )

    def format(self, fraction: int, integer: int, *, wide: bool = False) -> FixedFormat:
        """Draw a type, often near the given bits: often too narrow, sometimes too wide."""
        if self.rng.random() >= self.limits.near:
            return self.any_format(wide=wide)
        fraction += int(self.rng.integers(-4, 3))
        integer += int(self.rng.integers(-2, 3))
        top = self.limits.accumulator_width if wide else self.limits.width
        width = int(np.clip(integer + fraction, 2, top))
        signed = not self.limits.unsigned or bool(self.rng.random() < 0.7)
        modes = self.choice(ROUNDINGS), self.choice(self.limits.overflows)
        return FixedFormat(width, width - fraction, signed, *modes)

    def like(self, source: FixedFormat, *, factor: int = 1, more: int = 0) -> FixedFormat:
        """Draw a type for ``factor`` times the bits of another, and ``more`` integer bits."""
        return self.format(factor * source.fraction, factor * source.integer + more)

    def accumulator(self, fraction: int, integer: int) -> FixedFormat:
        """Draw an accumulator, half of them as hls4ml infers it: it wraps and rounds nothing."""
        if self.rng.random() < 0.5 and not self.limits.lossless:
            spare = int(self.rng.integers(0, 2))
            width = max(fraction + spare + int(self.rng.integers(2, max(integer, 2) + 3)), 2)
            return FixedFormat(width, width - fraction - spare)
        return self.format(fraction, integer, wide=True)

    def raws(self, target: FixedFormat, n: int) -> tuple[int, ...]:
        """Draw raws of a type."""
        return random_raws(self.rng, target, n)

    def matrix(self, target: FixedFormat, n_in: int, n_out: int) -> tuple[tuple[int, ...], ...]:
        """Draw weights."""
        return tuple(self.raws(target, n_out) for _ in range(n_in))

    def per_channel(self, tensor: Tensor) -> int:
        """Draw how many constants a node has: one for each element or for each channel."""
        return self.choice((tensor.size, tensor.shape[-1]))

    def graph(self, outputs: tuple[str, ...] = ()) -> Graph:
        """Return the network; by default all nodes after the input are outputs."""
        return Graph(tuple(self.nodes), outputs or tuple(node.name for node in self.nodes[1:]))


def random_raws(rng: Generator, target: FixedFormat, n: int) -> tuple[int, ...]:
    """Draw raws of a type, its extremes and zero more often than others."""
    numbers = rng.integers(target.lowest, target.raw_max + 1, n)
    numbers = np.where(rng.random(n) < 0.15, target.raw_max, numbers)
    numbers = np.where(rng.random(n) < 0.1, target.lowest, numbers)
    numbers = np.where(rng.random(n) < 0.1, 0, numbers)
    return tuple(int(number) for number in numbers)


def random_graph(rng: Generator, limits: Limits | None = None, n_nodes: int = 0) -> Graph:
    """Draw a network of ``n_nodes`` (2 to 7) nodes after its input; every node is an output."""
    limits = limits or Limits()
    size = int(rng.integers(1, 10))
    source = FixedFormat(int(rng.integers(2, 12)), int(rng.integers(1, 12)))
    draft = Draft(rng, limits, [Input("x", (), source, size=size)])
    makers = [MAKERS[kind] for kind in limits.operations or MAKERS]
    wanted = 1 + (n_nodes or int(rng.integers(2, 8)))
    while len(draft.nodes) < wanted:
        node = draft.choice(makers)(draft, f"n{len(draft.nodes) - 1}")
        if node is not None:
            draft.append(node)
    return draft.graph()


def random_image_graph(rng: Generator, limits: Limits | None = None) -> Graph:
    """Draw a small convolutional network: image, convolution, activation, pool, dense."""
    draft = Draft(rng, limits or Limits(), [])
    height, width, channels = (int(rng.integers(low, 5)) for low in (2, 2, 1))
    source = FixedFormat(int(rng.integers(4, 12)), int(rng.integers(2, 8)))
    draft.append(Input("x", (), source, size=height * width * channels))
    draft.append(Reshape("image", ("x",), source, shape=(height, width, channels)))
    for place, kinds in enumerate(
        (
            (Conv2d,),
            (Relu, BatchNormalization, Tanh, Sigmoid, QuantizeEach),
            (MaxPool, AveragePool, Conv2d),
            (Relu, BatchNormalization, Quantize),
            (Flatten,),
            (Dense,),
            (Relu, Tanh, Sigmoid, BatchNormalization),
            (Dense,),
        )
    ):
        node = MAKERS[draft.choice(kinds)](replace_recent(draft), f"n{place}")
        if node is not None:
            draft.append(node)
    return draft.graph()


def graph_of_every_operation(rng: Generator, limits: Limits | None = None) -> Graph:
    """Draw a network that holds each operation once; every node is an output."""
    source = FixedFormat(6, 4)
    draft = Draft(rng, limits or Limits(), [Input("x", (), source, size=8)])
    draft.append(Reshape("image", ("x",), source, shape=(2, 2, 2)))
    wanted = [kind for kind in MAKERS if kind is not Reshape]
    while wanted:
        kind = wanted[int(rng.integers(len(wanted)))]
        name = kind.__name__
        node = MAKERS[kind](draft, f"n_{name.lower()}")
        if node is not None:
            draft.append(node)
            wanted.remove(kind)
    return draft.graph()


def replace_recent(draft: Draft) -> Draft:
    """Return a view of the draft in which only the last node can be picked."""
    last = draft.nodes[-1].name
    view = replace(draft, nodes=[])
    view.nodes, view.tensors = draft.nodes, {last: draft.tensors[last]}
    return view


def random_rows(rng: Generator, graph: Graph, n: int) -> NDArray[np.int64]:
    """Draw rows within the input's type, (n, n features): extremes in every feature, alone and together."""
    source = graph.input
    low, high = source.format.raw_min, source.format.raw_max
    rows = rng.integers(low, high, (n, source.size), endpoint=True)
    extremes = np.array([low, high, 0])
    picked = extremes[rng.integers(0, 3, rows.shape)]
    rows = np.where(rng.random(rows.shape) < 0.3, picked, rows)
    kind = rng.integers(4, size=n)
    small = rng.integers(max(low, -8), min(high, 8), rows.shape, endpoint=True)
    rows[kind == 1] = small[kind == 1]
    rows[kind == 2] = picked[kind == 2]
    rows[:3] = extremes[: len(rows[:3]), None]
    return rows


def bound_rows(node: Dense | Conv2d | Sum, source: Tensor) -> NDArray[np.int64]:
    """Return two rows for each result of a layer: those that make its sum smallest and largest."""
    low, high = source.format.raw_min, source.format.raw_max
    rows = []
    for patch in patches(node, source):
        for weights in weight_columns(node, len(patch.places)):
            smallest = np.zeros(source.size, dtype=np.int64)
            largest = smallest.copy()
            for at, weight in zip(patch.places, weights, strict=True):
                if at != BEYOND:
                    smallest[at], largest[at] = (low, high) if weight > 0 else (high, low)
            rows += [smallest, largest]
    return np.array(rows)


def _single(kind: Callable[[str, tuple[str, ...], FixedFormat], Node], factor: int = 1) -> Maker:
    def make(draft: Draft, name: str) -> Node | None:
        source = draft.pick()
        assert source is not None
        return kind(name, (source,), draft.like(draft.tensors[source].format, factor=factor))

    return make


def _pair(kind: Callable[[str, tuple[str, ...], FixedFormat], Node], factor: int = 1) -> Maker:
    def make(draft: Draft, name: str) -> Node | None:
        first = draft.pick()
        assert first is not None
        tensor = draft.tensors[first]
        partners = [other for other, it in draft.tensors.items() if it.shape == tensor.shape]
        second = draft.choice(partners)
        return kind(name, (first, second), draft.like(tensor.format, factor=factor, more=1))

    return make


def _offset_shift(draft: Draft, name: str) -> Node | None:
    source = draft.pick()
    assert source is not None
    tensor = draft.tensors[source]
    inner, offset_format = draft.like(tensor.format, more=2), draft.like(tensor.format)
    lowest = 0 if draft.limits.lossless else 1 - inner.width
    return OffsetShift(
        name,
        (source,),
        draft.like(inner),
        offset=draft.raws(offset_format, tensor.size),
        offset_format=offset_format,
        shift=tuple(int(s) for s in draft.rng.integers(lowest, inner.width, tensor.size)),
        inner=inner,
    )


def _dense(draft: Draft, name: str) -> Node | None:
    source = draft.pick(axes=1)
    if source is None:
        return None
    tensor, n_out = draft.tensors[source], int(draft.rng.integers(1, 6))
    weight_format, bias_format = draft.format(4, 3), draft.format(5, 5)
    fraction = tensor.format.fraction + weight_format.fraction
    integer = tensor.format.integer + weight_format.integer + 2
    accumulator = draft.accumulator(fraction, integer)
    return Dense(
        name,
        (source,),
        draft.like(accumulator),
        weights=draft.matrix(weight_format, tensor.size, n_out),
        weight_format=weight_format,
        bias=draft.raws(bias_format, n_out),
        bias_format=bias_format,
        accumulator=accumulator,
    )


def _conv2d(draft: Draft, name: str) -> Node | None:
    source = draft.pick(axes=3)
    if source is None:
        return None
    tensor, rng = draft.tensors[source], draft.rng
    padding = tuple(int(p) for p in rng.integers(0, 3, 4)) if rng.random() < 0.5 else (0,) * 4
    height, width = (
        tensor.shape[axis] + padding[2 * axis] + padding[2 * axis + 1] for axis in (0, 1)
    )
    kernel = int(rng.integers(1, min(height, 3) + 1)), int(rng.integers(1, min(width, 3) + 1))
    stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    n_filters = int(rng.integers(1, 4))
    positions = ((height - kernel[0]) // stride[0] + 1) * ((width - kernel[1]) // stride[1] + 1)
    if positions * n_filters > MAX_ELEMENTS:
        return None
    weight_format, bias_format = draft.format(4, 3), draft.format(5, 5)
    fraction = tensor.format.fraction + weight_format.fraction
    integer = tensor.format.integer + weight_format.integer + 2
    accumulator = draft.accumulator(fraction, integer)
    return Conv2d(
        name,
        (source,),
        draft.like(accumulator),
        weights=draft.matrix(weight_format, kernel[0] * kernel[1] * tensor.shape[2], n_filters),
        weight_format=weight_format,
        bias=draft.raws(bias_format, n_filters),
        bias_format=bias_format,
        accumulator=accumulator,
        kernel=kernel,
        stride=stride,
        padding=padding,
    )


def _sum(draft: Draft, name: str) -> Node | None:
    source = draft.pick()
    assert source is not None
    tensor = draft.tensors[source]
    accumulator = draft.accumulator(tensor.format.fraction, tensor.format.integer + 3)
    return Sum(name, (source,), draft.like(accumulator), accumulator=accumulator)


def _batch_normalization(draft: Draft, name: str) -> Node | None:
    source = draft.pick()
    assert source is not None
    tensor = draft.tensors[source]
    n = draft.per_channel(tensor)
    scale_format, bias_format = draft.format(4, 3), draft.format(4, 4)
    result = draft.format(
        tensor.format.fraction + scale_format.fraction,
        tensor.format.integer + scale_format.integer,
    )
    return BatchNormalization(
        name,
        (source,),
        result,
        scale=draft.raws(scale_format, n),
        scale_format=scale_format,
        bias=draft.raws(bias_format, n),
        bias_format=bias_format,
    )


def _quantize_each(draft: Draft, name: str) -> Node | None:
    source = draft.pick()
    assert source is not None
    tensor = draft.tensors[source]
    first = draft.like(tensor.format)
    formats: list[FixedFormat | None] = []
    for _ in range(draft.per_channel(tensor)):
        own = draft.like(tensor.format)
        if draft.limits.hls4ml:  # one rounding and overflow for all
            own = replace(own, rounding=first.rounding, overflow=first.overflow)
        formats.append(None if draft.rng.random() < 0.1 else own)
    return QuantizeEach(name, (source,), draft.like(tensor.format), formats=tuple(formats))


def _unary_lut(draft: Draft, name: str) -> Node | None:
    source = draft.pick(max_width=MAX_TABLE_BITS)
    if source is None:
        return None
    table_format = draft.any_format()
    return UnaryLut(
        name,
        (source,),
        draft.like(table_format),
        table=draft.raws(table_format, 1 << draft.tensors[source].format.width),
        table_format=table_format,
    )


def _curve(kind: type[Sigmoid | Tanh]) -> Maker:
    def make(draft: Draft, name: str) -> Node | None:
        source = draft.pick()
        assert source is not None
        if draft.limits.hls4ml or draft.rng.random() < 0.3:
            size = draft.choice((1024, 256, 1000, 64))
            table_format = draft.choice((FixedFormat(18, 8), draft.format(12, 2)))
            make_table = sigmoid_table if kind is Sigmoid else tanh_table
            table = make_table(size, table_format)
        else:
            table_format = draft.any_format()
            table = draft.raws(table_format, int(draft.rng.integers(2, 40)))
        return kind(
            name, (source,), draft.like(table_format), table=table, table_format=table_format
        )

    return make


def _window(draft: Draft, name: str, kind: type[MaxPool | AveragePool]) -> Node | None:
    source = draft.pick(axes=3)
    if source is None:
        return None
    tensor, rng = draft.tensors[source], draft.rng
    window = tuple(int(rng.integers(1, min(size, 3) + 1)) for size in tensor.shape[:2])
    stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    if kind is MaxPool:
        return MaxPool(name, (source,), draft.like(tensor.format), window=window, stride=stride)
    accumulator = draft.accumulator(tensor.format.fraction, tensor.format.integer + 3)
    result = draft.like(accumulator)
    return AveragePool(
        name, (source,), result, window=window, stride=stride, accumulator=accumulator
    )


def _max_pool(draft: Draft, name: str) -> Node | None:
    return _window(draft, name, MaxPool)


def _average_pool(draft: Draft, name: str) -> Node | None:
    return _window(draft, name, AveragePool)


def _reshape(draft: Draft, name: str) -> Node | None:
    source = draft.pick()
    assert source is not None
    tensor = draft.tensors[source]
    size = tensor.size
    factors = [n for n in range(1, size + 1) if size % n == 0]
    first = draft.choice(factors)
    second = draft.choice([n for n in factors if size // first % n == 0])
    shape: tuple[int, ...] = (first, second, size // first // second)
    if draft.rng.random() < 0.2:
        shape = (first, size // first)
    return Reshape(name, (source,), tensor.format, shape=shape)


def _flatten(draft: Draft, name: str) -> Node | None:
    source = draft.pick(axes=draft.choice((None, 3)))
    return Flatten(name, (source,), draft.tensors[source].format) if source else None


def _constant(draft: Draft, name: str) -> Node | None:
    shape = draft.choice([tensor.shape for tensor in draft.tensors.values()])
    target = draft.any_format()
    size = Tensor(shape, target).size
    return Constant(name, (), target, shape=shape, raws=draft.raws(target, size))


def _concatenate(draft: Draft, name: str) -> Node | None:
    first = draft.pick()
    assert first is not None
    tensor = draft.tensors[first]
    partners = [
        other
        for other, it in draft.tensors.items()
        if it.shape[:-1] == tensor.shape[:-1] and it.size + tensor.size <= MAX_ELEMENTS
    ]
    if not partners:
        return None
    return Concatenate(name, (first, draft.choice(partners)), draft.like(tensor.format))


#: One maker for each operation but the input; it returns None where no earlier node fits.
MAKERS: dict[type[Node], Maker] = {
    OffsetShift: _offset_shift,
    Dense: _dense,
    Relu: _single(Relu),
    Quantize: _single(Quantize),
    Add: _pair(Add),
    Subtract: _pair(Subtract),
    Multiply: _pair(Multiply, factor=2),
    Square: _single(Square, factor=2),
    Sum: _sum,
    Conv2d: _conv2d,
    BatchNormalization: _batch_normalization,
    Sigmoid: _curve(Sigmoid),
    Tanh: _curve(Tanh),
    UnaryLut: _unary_lut,
    QuantizeEach: _quantize_each,
    Constant: _constant,
    Concatenate: _concatenate,
    Reshape: _reshape,
    Flatten: _flatten,
    MaxPool: _max_pool,
    AveragePool: _average_pool,
}
