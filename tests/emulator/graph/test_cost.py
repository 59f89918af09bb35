"""EBOPs and non-zero weights."""

from __future__ import annotations

from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, Relu, Square, graph_cost, total_ebops
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
