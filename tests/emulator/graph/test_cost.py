"""EBOPs and non-zero weights."""

from __future__ import annotations

from emulator.fixed import FixedFormat
from emulator.graph import (
    BatchNormalization,
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    Multiply,
    QuantizeEach,
    Relu,
    Reshape,
    Square,
    graph_cost,
    total_ebops,
)
from emulator.graph.cost import constant_bits

BYTE = FixedFormat(8, 8)


def test_bits_of_all_small_constants() -> None:
    for raw in range(-300, 301):
        text = f"{abs(raw):b}".strip("0")
        assert constant_bits(raw) == len(text)


def test_costs_of_each_node() -> None:
    x = Input("x", (), BYTE, size=2)
    dense = Dense(
        "d",
        ("x",),
        FixedFormat(6, 6, signed=False),
        weights=((0, 1, -8), (5, 12, 7)),
        weight_format=BYTE,
        bias=(99, 0, 0),
        bias_format=BYTE,
        accumulator=FixedFormat(20, 20),
    )
    relu, square = Relu("r", ("d",), FixedFormat(6, 6, signed=False)), Square("s", ("r",), BYTE)
    graph = Graph((x, dense, relu, square), ("s",))
    costs = {cost.node: cost for cost in graph_cost(graph)}
    # 7 bits of data times 0 + 1 + 1 + 3 + 2 + 3 bits of weights; 6 unsigned bits squared, thrice.
    assert costs["d"].ebops == 7 * 10
    assert (costs["d"].n_weights, costs["d"].n_nonzero) == (6, 5)
    assert costs["s"].ebops == 3 * 36
    assert costs["x"].ebops == costs["r"].ebops == costs["r"].n_weights == 0
    assert total_ebops(graph) == 70 + 108


def test_costs_of_a_convolution_of_elements_with_types_of_their_own() -> None:
    x = Input("x", (), BYTE, size=4)
    each = QuantizeEach("q", ("x",), BYTE, formats=(FixedFormat(3, 3), None, BYTE, BYTE))
    image = Reshape("i", ("q",), BYTE, shape=(2, 2, 1))
    conv = Conv2d(
        "c",
        ("i",),
        BYTE,
        weights=((3,), (1,)),
        weight_format=BYTE,
        bias=(0,),
        bias_format=BYTE,
        accumulator=BYTE,
        kernel=(1, 2),
        stride=(1, 1),
        padding=(0, 0, 0, 1),
    )
    flat = Flatten("f", ("c",), BYTE)
    norm = BatchNormalization(
        "b", ("f",), BYTE, scale=(5, 0, 1, 1), scale_format=BYTE, bias=(0,) * 4, bias_format=BYTE
    )
    product = Multiply("m", ("b", "q"), BYTE)
    costs = {
        cost.node: cost
        for cost in graph_cost(Graph((x, each, image, conv, flat, norm, product), ("m",)))
    }
    # Patches: (2 bits, none), (none, edge), (7, 7), (7, edge); the weights have 2 and 1 bits.
    assert costs["c"].ebops == 2 * 2 + 0 + 7 * 2 + 7 * 1 + 7 * 2
    assert (costs["c"].n_weights, costs["c"].n_nonzero) == (2, 2)
    assert costs["b"].ebops == 7 * (3 + 0 + 1 + 1)
    assert (costs["b"].n_weights, costs["b"].n_nonzero) == (4, 3)
    assert costs["m"].ebops == 7 * (2 + 0 + 7 + 7)
