"""Ranges of exact sums equal those of their terms added one by one, on random networks."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
import pytest
from random_graphs import Limits, random_graph, random_image_graph

from emulator.engine.exact_sums import exact_sum_fraction, sum_range, term_fraction, term_range
from emulator.engine.planner import plan
from emulator.fixed import Interval
from emulator.graph import Conv2d, Dense, Sum, node_ranges
from emulator.graph.windows import BEYOND, patches, weight_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emulator.graph import Graph
    from emulator.graph.operations import Tensor
    from emulator.graph.ranges import Ranges

LIMITS = {
    "common": Limits(),
    "wide": Limits(width=24, integer_beyond=6, accumulator_width=50),
    "very wide": Limits(width=60, integer_beyond=10, accumulator_width=150),
}


def networks(limits: Limits, seeds: int) -> Iterator[Graph]:
    for seed in range(seeds):
        yield random_graph(np.random.default_rng(seed), limits)
    for seed in range(seeds // 3):
        yield random_image_graph(np.random.default_rng(seed))


def terms_of_sums(
    node: Dense | Conv2d | Sum, inputs: Ranges, source: Tensor
) -> list[list[Interval]]:
    """Return the terms of each sum, in order of the results."""
    zero = Interval(0, 0)
    return [
        [
            (zero if place == BEYOND else inputs[place]).times(weight)
            for place, weight in zip(patch.places, weights, strict=True)
        ]
        for patch in patches(node, source)
        for weights in weight_columns(node, len(patch.places))
    ]


@pytest.mark.parametrize("width", LIMITS)
def test_ranges_of_sums_are_those_of_their_terms(width: str) -> None:
    exact, stepwise = 0, 0
    for graph in networks(LIMITS[width], 90):
        ranges = node_ranges(graph)
        for node in graph.nodes:
            if not isinstance(node, Dense | Conv2d | Sum):
                continue
            source, inputs = graph.tensors[node.inputs[0]], ranges[node.inputs[0]]
            rows = terms_of_sums(node, inputs, source)
            terms = [Interval(0, 0), *(term for row in rows for term in row)]
            assert term_range(node, inputs, source) == Interval.hull(terms)
            fraction = term_fraction(node, source)
            at = exact_sum_fraction(node, fraction)
            if at is None:
                stepwise += 1
                continue
            exact += 1
            starts = [0]
            if not isinstance(node, Sum):
                drop = node.accumulator.fraction - at
                bias, own = node.bias_format.fraction, node.accumulator
                starts = [Interval(raw, raw).cast(bias, own).low >> drop for raw in node.bias]
            sums = [
                reduce(add, (term.times(1 << at - fraction) for term in row)).plus(
                    starts[place % len(starts)]
                )
                for place, row in enumerate(rows)
            ]
            assert sum_range(node, inputs, source, at) == Interval.hull(sums)
    assert min(exact, stepwise) > 20


def test_plans_are_those_of_terms_added_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [graph for limits in LIMITS.values() for graph in networks(limits, 30)]
    found = [(node_ranges(graph), plan(graph)) for graph in graphs]

    def one_by_one(
        parts: Sequence[Interval], columns: Iterable[Sequence[int]]
    ) -> Iterator[Interval]:
        for weights in columns:
            terms = (part.times(weight) for part, weight in zip(parts, weights, strict=True))
            yield sum(terms, Interval(0, 0))

    node_ranges.cache_clear()
    monkeypatch.setattr(Interval, "weighted_sums", one_by_one)
    for graph, (ranges, planned) in zip(graphs, found, strict=True):
        assert node_ranges(graph) == ranges
        assert plan(graph) == planned
    node_ranges.cache_clear()


def test_ranges_of_a_network_are_found_once() -> None:
    graph = next(networks(Limits(), 1))
    node_ranges.cache_clear()
    same = node_ranges(replace(graph))
    assert node_ranges(graph) is same, "an equal network has the same ranges"
    other = node_ranges(graph.with_outputs((graph.input.name,)))
    assert other == same
    assert other is not same
