"""Tables of a network's first casts against the reference, and where a network is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_samples import make_byte_model

from emulator.engine import evaluate_rows
from emulator.fixed import FixedFormat
from emulator.graph import (
    BatchNormalization,
    Graph,
    Input,
    Node,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
    Square,
    Sum,
    cut_behind_casts,
)

parse = FixedFormat.parse
SOURCE = Input("x", (), parse("fixed<13,12>"), size=3)
BYTE = parse("fixed<8,6,RND_CONV,SAT>")
#: Low and high raws of each element.
RANGES = [(-128, 127), (0, 4_095), (-4_096, -4_000)]
WIDE = parse("fixed<60,40>")

CASTS: dict[str, list[Node]] = {
    "shift": [
        OffsetShift(
            "c", ("x",), BYTE, (3, 60, -9), parse("fixed<9,7>"), (2, 5, -1), parse("fixed<15,9>")
        )
    ],
    "quantize": [Quantize("c", ("x",), parse("fixed<8,9,TRN_ZERO,WRAP>"))],
    "each": [
        QuantizeEach(
            "c", ("x",), BYTE, (parse("fixed<4,3,RND,SAT_SYM>"), None, parse("ufixed<5,5>"))
        )
    ],
    "relu of wide numbers": [
        Quantize("wide", ("x",), parse("fixed<40,30>")),
        Relu("c", ("wide",), parse("ufixed<7,6,RND_INF,SAT>")),
    ],
    "beyond 62 bits": [
        BatchNormalization("n", ("x",), WIDE, (2**58, -(2**46), 7), WIDE, (5, -(2**50), 1), WIDE),
        Quantize("c", ("n",), parse("fixed<8,40,RND_MIN_INF,SAT_ZERO>")),
    ],
}


def network(casts: list[Node]) -> Graph:
    square = Square("square", (casts[-1].name,), parse("fixed<24,20>"))
    total = Sum("total", ("square",), parse("fixed<24,20>"), accumulator=parse("fixed<30,26>"))
    return Graph((SOURCE, *casts, square, total), ("total",))


@pytest.mark.parametrize("name", CASTS)
def test_tables_and_the_rest_are_the_network(name: str) -> None:
    graph = network(CASTS[name])
    parts = cut_behind_casts(graph)
    assert parts is not None
    tables = parts.tables(RANGES)
    assert [len(table) for table in tables] == [high - low + 1 for low, high in RANGES]
    rng = np.random.default_rng(2)
    rows = np.stack([rng.integers(low, high + 1, 300) for low, high in RANGES], axis=1)
    rows[:2] = [[low for low, _ in RANGES], [high for _, high in RANGES]]
    cast = np.stack([tables[k][rows[:, k] - RANGES[k][0]] for k in range(3)], axis=1)
    last = CASTS[name][-1].name
    np.testing.assert_array_equal(cast, evaluate_rows(graph.with_outputs((last,)), rows)[last])
    assert len(np.unique(cast)) > 10
    found, expected = evaluate_rows(parts.rest, cast), evaluate_rows(graph, rows)
    np.testing.assert_array_equal(found["total"], expected["total"])


def test_where_there_is_nothing_to_cut() -> None:
    byte = Quantize("c", ("x",), BYTE)
    square = Square("square", ("c",), parse("fixed<24,20>"))
    assert cut_behind_casts(Graph((SOURCE, byte, square), ("square",))) is not None
    assert cut_behind_casts(Graph((SOURCE, byte, square), ("square", "c"))) is None
    assert cut_behind_casts(Graph((SOURCE, byte), ("c",))) is None
    other = Square("other", ("x",), parse("fixed<24,20>"))
    assert cut_behind_casts(Graph((SOURCE, byte, square, other), ("square", "other"))) is None
    wide = replace(byte, format=parse("ufixed<8,8>"))
    assert cut_behind_casts(Graph((SOURCE, wide, square), ("square",))) is None


def test_the_model_of_other_tests_has_casts() -> None:
    assert cut_behind_casts(make_byte_model().graph) is not None
