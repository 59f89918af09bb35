"""Random and hand-made networks for the tests of the firmware package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

import numpy as np
import pytest

from emulator.fixed import FixedFormat, Overflow, Rounding
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
    from pathlib import Path

    from numpy.random import Generator
    from numpy.typing import NDArray

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)


class RandomGraph(Protocol):
    """Draws a network; the same seed gives the same one."""

    def __call__(self, seed: int, *, n_nodes: int = 8) -> Graph:
        """Draw one."""
        ...


def draw_format(
    rng: Generator, fraction: int, integer: int, *, low: int = 1, high: int = 18
) -> FixedFormat:
    """A type near the given fraction and integer bits: often too narrow, sometimes too wide."""
    fraction += int(rng.integers(-4, 3))
    integer += int(rng.integers(-2, 3))
    width = int(np.clip(integer + fraction, low, high))
    signed = bool(rng.random() < 0.7)
    rounding = ROUNDINGS[rng.integers(len(ROUNDINGS))]
    overflow = OVERFLOWS[rng.integers(len(OVERFLOWS))]
    if width == 1 and signed and overflow == "SAT_SYM":  # refused: one bit has no symmetric range
        overflow = "SAT"
    return FixedFormat(width, width - fraction, signed, rounding, overflow)


def draw_raws(rng: Generator, target: FixedFormat, n: int) -> tuple[int, ...]:
    """Raws of a type, its extremes often among them; what SAT_SYM cannot hold is left out."""
    low = target.lowest
    raws = rng.integers(low, target.raw_max, size=n, endpoint=True)
    extreme = rng.random(n)
    raws = np.where(extreme < 0.1, low, np.where(extreme > 0.9, target.raw_max, raws))
    return tuple(raws.tolist())


def _draw_dense(rng: Generator, name: str, source: str, tensor: tuple[int, FixedFormat]) -> Dense:
    size, x = tensor
    n_out = int(rng.integers(1, 6))
    weight = draw_format(rng, 4, 3, low=2, high=9)
    bias = draw_format(rng, 5, 5, low=2, high=12)
    raws = draw_raws(rng, weight, size * n_out)
    fraction, integer = x.fraction + weight.fraction, x.integer + weight.integer + 2
    if rng.random() < 0.4:  # the usual case: a wrapping accumulator that rounds nothing
        width = fraction + integer
        accumulator = FixedFormat(max(width - int(rng.integers(3)), 1), integer)
    else:
        accumulator = draw_format(rng, fraction, integer, high=30)
    return Dense(
        name,
        (source,),
        draw_format(rng, accumulator.fraction, accumulator.integer),
        weights=tuple(raws[i * n_out : (i + 1) * n_out] for i in range(size)),
        weight_format=weight,
        bias=draw_raws(rng, bias, n_out),
        bias_format=bias,
        accumulator=accumulator,
    )


def _draw_offset_shift(
    rng: Generator, name: str, source: str, tensor: tuple[int, FixedFormat]
) -> OffsetShift:
    size, x = tensor
    offset = draw_format(rng, x.fraction, x.integer)
    inner = draw_format(rng, x.fraction + 2, x.integer + 2, high=24)
    reach = min(inner.width - 1, 5)
    return OffsetShift(
        name,
        (source,),
        draw_format(rng, inner.fraction, inner.integer),
        offset=draw_raws(rng, offset, size),
        offset_format=offset,
        shift=tuple(rng.integers(-reach, reach, size=size, endpoint=True).tolist()),
        inner=inner,
    )


def _draw_simple(
    rng: Generator, kind: str, name: str, source: str, tensor: tuple[int, FixedFormat]
) -> Node:
    x = tensor[1]
    if kind == "square":
        return Square(name, (source,), draw_format(rng, 2 * x.fraction, 2 * x.integer, high=24))
    if kind == "sum":
        accumulator = draw_format(rng, x.fraction, x.integer + 3, high=24)
        result = draw_format(rng, accumulator.fraction, accumulator.integer)
        return Sum(name, (source,), result, accumulator=accumulator)
    result = draw_format(rng, x.fraction, x.integer)
    if kind == "same":  # a cast that changes nothing must not vanish
        return Quantize(name, (source,), x)
    return (Relu if kind == "relu" else Quantize)(name, (source,), result)


def _draw_pair(rng: Generator, name: str, tensors: dict[str, tuple[int, FixedFormat]]) -> Node:
    names = list(tensors)
    first = names[rng.integers(len(names))]
    partners = [other for other in names if tensors[other][0] == tensors[first][0]]
    second = partners[rng.integers(len(partners))]
    formats = tensors[first][1], tensors[second][1]
    fraction = max(part.fraction for part in formats)
    result = draw_format(rng, fraction, max(part.integer for part in formats) + 1)
    kind = Add if rng.random() < 0.5 else Subtract
    return kind(name, (first, second), result)


KINDS = ("dense", "dense", "dense", "offset", "relu", "quantize", "same", "square", "sum", "pair")


def draw_graph(seed: int, *, n_nodes: int = 8) -> Graph:
    """A network of any wiring, all operations, roundings and overflows."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 8))
    width = int(rng.integers(1, 16))
    source = FixedFormat(width, int(rng.integers(1, width + 4)), bool(rng.random() < 0.8))
    nodes: list[Node] = [Input("x", (), source, size=size)]
    tensors = {"x": (size, source)}
    for place in range(n_nodes):
        name, kind = f"n{place}", KINDS[rng.integers(len(KINDS))]
        recent = list(tensors)[-3:]
        chosen = recent[rng.integers(len(recent))]
        if kind == "dense":
            node: Node = _draw_dense(rng, name, chosen, tensors[chosen])
        elif kind == "offset":
            node = _draw_offset_shift(rng, name, chosen, tensors[chosen])
        elif kind == "pair":
            node = _draw_pair(rng, name, tensors)
        else:
            node = _draw_simple(rng, kind, name, chosen, tensors[chosen])
        nodes.append(node)
        tensor = Graph(tuple(nodes), (name,)).tensors[name]
        tensors[name] = (tensor.size, tensor.format)
    # The outputs stand in any order, and some of them feed other nodes too.
    n_outputs = int(rng.integers(1, min(4, n_nodes) + 1))
    outputs = rng.choice([node.name for node in nodes[1:]], size=n_outputs, replace=False)
    return Graph(tuple(nodes), tuple(str(name) for name in outputs))


def draw_rows(graph: Graph, n_events: int, seed: int) -> NDArray[np.int64]:
    """Rows over all of the input's type, extremes in every feature, alone and together."""
    rng = np.random.default_rng(seed)
    source = graph.input
    low, high = source.format.raw_min, source.format.raw_max
    rows = rng.integers(low, high, size=(n_events, source.size), endpoint=True)
    small = rng.integers(max(low, -8), min(high, 8), size=rows.shape, endpoint=True)
    kind = rng.integers(4, size=n_events)
    rows[kind == 1] = small[kind == 1]
    corners = np.where(rng.random(rows.shape) < 0.5, low, high)
    rows[kind == 2] = corners[kind == 2]
    rows[0], rows[1], rows[2] = low, high, 0
    return rows


def network_57(seed: int = 1) -> Graph:
    """57-32-16-1 with scaled inputs and the types of AXOL1TL: rounding, saturating activations."""
    rng = np.random.default_rng(seed)
    parse = FixedFormat.parse
    scaled = parse("fixed<8,6,RND_CONV,SAT>")
    weight, bias = parse("fixed<6,3>"), parse("fixed<10,7>")
    offset, inner = parse("fixed<10,10>"), parse("fixed<18,14>")
    nodes: list[Node] = [
        Input("features", (), parse("fixed<16,16>"), size=57),
        OffsetShift(
            "scaled",
            ("features",),
            scaled,
            offset=draw_raws(rng, offset, 57),
            offset_format=offset,
            shift=tuple(rng.integers(-2, 7, size=57).tolist()),
            inner=inner,
        ),
    ]
    activation = parse("ufixed<10,6,RND_CONV,SAT>")
    for place, (n_in, n_out) in enumerate(((57, 32), (32, 16), (16, 1))):
        accumulator = parse(("fixed<19,14>", "fixed<22,15>", "fixed<21,14>")[place])
        result = accumulator if place < 2 else parse("fixed<10,7,RND_CONV,SAT>")
        raws = draw_raws(rng, weight, n_in * n_out)
        source = nodes[-1].name
        dense = Dense(
            f"dense{place}",
            (source,),
            result,
            weights=tuple(raws[i * n_out : (i + 1) * n_out] for i in range(n_in)),
            weight_format=weight,
            bias=draw_raws(rng, bias, n_out),
            bias_format=bias,
            accumulator=accumulator,
        )
        nodes.append(dense)
        if place < 2:
            nodes.append(Relu(f"relu{place}", (dense.name,), activation))
    return Graph(tuple(nodes), ("dense2",))


@pytest.fixture(scope="session")
def random_graph() -> RandomGraph:
    """Draws random networks."""
    return draw_graph


@pytest.fixture(scope="session")
def random_rows() -> Callable[[Graph, int, int], NDArray[np.int64]]:
    """Draws (n events, n features) rows for a network: arguments graph, n_events, seed."""
    return draw_rows


@pytest.fixture(scope="session")
def student() -> Graph:
    """A network like the one of the trigger: 57-32-16-1."""
    return network_57()


def score_network() -> Graph:
    """Two anomaly scores from one latent vector, with inner results as outputs.

    A sum of squares as AXOL1TL takes it, and a squared distance as an autoencoder takes it.
    """
    rng = np.random.default_rng(3)
    parse = FixedFormat.parse
    word, weight, bias = parse("fixed<10,6>"), parse("fixed<6,2>"), parse("fixed<8,4>")

    def dense(name: str, source: str, n_in: int, n_out: int) -> Dense:
        raws = draw_raws(rng, weight, n_in * n_out)
        return Dense(
            name,
            (source,),
            parse("fixed<12,8,RND,SAT>"),
            weights=tuple(raws[i * n_out : (i + 1) * n_out] for i in range(n_in)),
            weight_format=weight,
            bias=draw_raws(rng, bias, n_out),
            bias_format=bias,
            accumulator=parse("fixed<20,12>"),
        )

    nodes = (
        Input("x", (), word, size=6),
        dense("latent", "x", 6, 4),
        Square("squares", ("latent",), parse("ufixed<18,14>")),
        Sum("mu2", ("squares",), parse("ufixed<18,14>"), accumulator=parse("ufixed<18,14>")),
        dense("decoded", "latent", 4, 6),
        Subtract("residual", ("x", "decoded"), parse("fixed<9,6,RND_CONV,SAT>")),
        Square("residual2", ("residual",), parse("ufixed<16,10,TRN,SAT>")),
        Sum(
            "distance",
            ("residual2",),
            parse("ufixed<18,14,RND,SAT>"),
            accumulator=parse("fixed<18,14>"),
        ),
        Add("total", ("mu2", "distance"), parse("ufixed<18,15,TRN,SAT>")),
    )
    return Graph(nodes, ("mu2", "total", "distance", "residual"))


def all_modes_network() -> Graph:
    """Each rounding with each overflow: in casts, in accumulators that round each product, in sums."""
    rng = np.random.default_rng(4)
    word, weight = FixedFormat(9, 5), FixedFormat(5, 2)
    nodes: list[Node] = [Input("x", (), word, size=3)]
    for rounding in ROUNDINGS:
        for overflow in OVERFLOWS:
            tag = f"{rounding}_{overflow}".lower()
            narrow = FixedFormat(8, 6, True, rounding, overflow)
            raws = draw_raws(rng, weight, 3)
            dense = Dense(
                f"dense_{tag}",
                ("x",),
                FixedFormat(6, 5, True, rounding, overflow),
                weights=tuple((raw,) for raw in raws),
                weight_format=weight,
                bias=draw_raws(rng, weight, 1),
                bias_format=weight,
                accumulator=narrow,
            )
            quantize = Quantize(
                f"cast_{tag}", ("x",), FixedFormat(5, 4, bool(rng.integers(2)), rounding, overflow)
            )
            total = Sum(
                f"sum_{tag}",
                ("x",),
                narrow,
                accumulator=FixedFormat(7, 5, True, rounding, overflow),
            )
            nodes += [dense, quantize, total]
    return Graph(tuple(nodes), tuple(node.name for node in nodes[1:]))


@pytest.fixture(scope="session")
def scores() -> Graph:
    """Two scores from one latent vector."""
    return score_network()


@pytest.fixture(scope="session")
def all_modes() -> Graph:
    """Every rounding with every overflow."""
    return all_modes_network()


@pytest.fixture(scope="session")
def csim_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled C-simulations of this test run."""
    return tmp_path_factory.mktemp("csim")
