"""Random and hand-made networks for the tests of the firmware package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, get_args

import numpy as np
import pytest
import random_graphs

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
from firmware.errors import UnsupportedNodeError
from firmware.hls import HlsSettings
from firmware.hls.checks import check_exact

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


def draw_raws(rng: Generator, target: FixedFormat, n: int) -> tuple[int, ...]:
    """Raws of a type, its extremes often among them; what SAT_SYM cannot hold is left out."""
    return random_graphs.random_raws(rng, target, n)


def draw_graph(seed: int, *, n_nodes: int = 8) -> Graph:
    """A network that hls4ml can express: of any wiring, or (every third) of convolutions."""
    rng = np.random.default_rng(seed)
    limits = random_graphs.Limits(width=18, accumulator_width=30, near=0.8, hls4ml=True)
    while True:
        if seed % 3 == 0:
            graph = random_graphs.random_image_graph(rng, limits)
        else:
            graph = random_graphs.random_graph(rng, limits, n_nodes)
        try:
            check_exact(graph, HlsSettings())
        except UnsupportedNodeError:
            continue
        # The outputs stand in any order, and some of them feed other nodes too.
        n_outputs = int(rng.integers(1, min(4, len(graph.outputs)) + 1))
        outputs = rng.choice(graph.outputs, size=n_outputs, replace=False)
        return graph.with_outputs(tuple(str(name) for name in outputs))


def draw_rtl_graph(seed: int, *, n_nodes: int = 8) -> Graph:
    """A network for RTL, every node an output: mostly sums, or of any operation, or convolutional."""
    rng = np.random.default_rng(seed)
    if seed % 4 == 1:
        limits = random_graphs.Limits(width=10, accumulator_width=24, near=0.9)
        return random_graphs.random_image_graph(rng, limits)
    if seed % 4 == 2:
        limits = random_graphs.Limits(width=10, accumulator_width=24, near=0.9)
        return random_graphs.random_graph(rng, limits, n_nodes)
    limits = random_graphs.Limits(
        width=18, accumulator_width=30, near=0.8, operations=SUMS_AND_CASTS
    )
    return random_graphs.random_graph(rng, limits, n_nodes)


#: What trigger networks are made of; weighted sums more often.
SUMS_AND_CASTS = (*(Dense, Dense, Dense, OffsetShift, Relu, Quantize, Add, Subtract, Square, Sum),)


def draw_rows(graph: Graph, n_events: int, seed: int) -> NDArray[np.int64]:
    """Rows over all of the input's type, extremes in every feature, alone and together."""
    return random_graphs.random_rows(np.random.default_rng(seed), graph, n_events)


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
def random_rtl_graph() -> RandomGraph:
    """Draws random networks of the operations that RTL has."""
    return draw_rtl_graph


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
