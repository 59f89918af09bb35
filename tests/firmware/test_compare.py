"""The comparison finds what differs, where it begins, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emulator.engine import Emulator, evaluate
from emulator.errors import MissingNameError, SettingsError
from emulator.graph import Dense, Graph
from firmware.compare import Reference, compare, compare_executions, write_mismatches
from firmware.csim import CSimulation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = Callable[[Graph, int, int], NDArray[np.int64]]


def changed(graph: Graph, name: str, **values: Any) -> Graph:
    """The graph with some fields of one node changed."""
    nodes = tuple(replace(node, **values) if node.name == name else node for node in graph.nodes)
    return Graph(nodes, graph.outputs)


def with_corrupt_weight(graph: Graph, name: str) -> Graph:
    """One weight off by one bit."""
    dense = graph[name]
    assert isinstance(dense, Dense)
    row = (dense.weights[1][0] ^ 1, *dense.weights[1][1:])
    return changed(graph, name, weights=(dense.weights[0], row, *dense.weights[2:]))


def test_equal_sides_have_no_mismatch(scores: Graph, random_rows: Rows, csim_folder: Path) -> None:
    rows = random_rows(scores, 2_000, 1)
    comparisons = compare(scores, rows, against=("reference", "csim"), work_dir=csim_folder)
    assert [one.against for one in comparisons] == ["reference", "csim"]
    for one in comparisons:
        assert (one.n_events, one.n_mismatch, one.mismatches) == (2_000, 0, ())
        assert one.events_per_second == pytest.approx(2_000 / one.seconds)


def test_corrupt_weight_is_found_with_its_node(scores: Graph, random_rows: Rows) -> None:
    rows = random_rows(scores, 500, 2)
    wrong = with_corrupt_weight(scores, "decoded")
    found = compare_executions(
        scores, rows, Emulator(wrong, threads=1), Reference(scores), against="reference"
    )
    good, bad = Reference(scores).run(rows), Reference(wrong).run(rows)
    differs = np.zeros(500, dtype=bool)
    for name in scores.outputs:
        differs |= (good[name] != bad[name]).any(axis=1)
    assert found.n_mismatch == differs.sum() > 5
    assert [one.event for one in found.mismatches] == np.flatnonzero(differs)[:5].tolist()
    for one in found.mismatches:
        row = rows[one.event].tolist()
        assert one.row == tuple(row)
        assert one.first_node is not None
        assert one.first_node.node == "decoded"
        assert one.first_node.engine == tuple(evaluate(wrong, row)["decoded"])
        assert one.first_node.other == tuple(evaluate(scores, row)["decoded"])
        # mu2 does not depend on the decoder.
        assert "mu2" not in {output.node for output in one.outputs}
        for output in one.outputs:
            assert output.engine != output.other
            assert output.other == tuple(evaluate(scores, row)[output.node])


def test_wrong_rounding_is_found_against_c_simulation(
    scores: Graph, random_rows: Rows, csim_folder: Path
) -> None:
    rows = random_rows(scores, 500, 3)
    wrong = changed(scores, "residual", format=replace(scores["residual"].format, rounding="TRN"))
    simulation = CSimulation.build(scores, csim_folder)
    found = compare_executions(scores, rows, Emulator(wrong, threads=1), simulation, against="csim")
    assert found.n_mismatch > 0
    for one in found.mismatches:
        assert one.first_node is not None
        assert one.first_node.node == "residual"
        assert one.first_node.other == tuple(evaluate(scores, one.row)["residual"])


def test_one_score_can_be_compared_alone(scores: Graph, random_rows: Rows) -> None:
    rows = random_rows(scores, 50, 4)
    (found,) = compare(scores, rows, score="mu2")
    assert found.n_mismatch == 0
    with pytest.raises(MissingNameError, match="the graph: no output 'mu'; nearest: mu2"):
        compare(scores, rows, score="mu")


def test_unknown_side_is_refused(scores: Graph, random_rows: Rows) -> None:
    with pytest.raises(
        SettingsError, match="cannot compare with 'bits'; known: reference, csim, rtl"
    ):
        compare(scores, random_rows(scores, 5, 5), against=("bits",))  # type: ignore[arg-type]


def test_mismatches_are_written_as_json(scores: Graph, random_rows: Rows, tmp_path: Path) -> None:
    rows = random_rows(scores, 100, 6)
    wrong = with_corrupt_weight(scores, "latent")
    found = compare_executions(
        scores, rows, Emulator(wrong, threads=1), Reference(scores), against="reference"
    )
    path = write_mismatches(tmp_path / "run" / "mismatches.json", [found])
    assert [file.name for file in path.parent.iterdir()] == ["mismatches.json"]
    (plain,) = json.loads(path.read_text())["comparisons"]
    assert plain["with"] == "reference"
    assert "against" not in plain
    assert plain["n_mismatch"] == found.n_mismatch > 0
    first = plain["mismatches"][0]
    assert first["row"] == list(found.mismatches[0].row)
    assert first["first_node"]["node"] == "latent"


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(AttributeError):
        write_mismatches(tmp_path / "mismatches.json", [None])  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []
