"""Figures of one network: the quick estimate, alkaid's plan, Yosys' counts."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input, QuantizeEach, total_ebops
from firmware.cost import analytic_figures, estimate_cost, planned_figures
from firmware.cost.analytic import adder_levels, bit_products
from firmware.cost.estimate import synthesised_figures
from firmware.cost.yosys import find_yosys, read_synthesis, synthesise
from firmware.errors import MissingToolError, SynthesisError
from firmware.rtl import RtlSettings

if TYPE_CHECKING:
    from pathlib import Path


def dense_graph(accumulator: FixedFormat) -> Graph:
    source = Input("x", (), FixedFormat(8, 8), size=4)
    dense = Dense(
        "y",
        ("x",),
        FixedFormat(12, 12),
        weights=((1, 0), (3, 0), (-8, 0), (7, 5)),
        weight_format=FixedFormat(4, 4),
        bias=(1, 1),
        bias_format=FixedFormat(4, 4),
        accumulator=accumulator,
    )
    return Graph((source, dense), ("y",))


WRAPS = FixedFormat(16, 16)


def test_bit_products_count_weights_that_are_not_zero() -> None:
    graph = dense_graph(WRAPS)
    assert bit_products(graph) == 5 * 8 * 4
    # EBOPs count the bits of each weight, without signs.
    assert total_ebops(graph) == 7 * (1 + 2 + 1 + 3 + 3)


def test_units_with_types_of_their_own_count_their_own_bits() -> None:
    graph = dense_graph(WRAPS)
    source, dense = graph.nodes
    assert isinstance(dense, Dense)
    each = QuantizeEach(
        "each",
        ("x",),
        FixedFormat(8, 8),
        formats=(FixedFormat(3, 3), None, FixedFormat(8, 8), FixedFormat(5, 5)),
    )
    coarse = replace(dense, inputs=("each",), weights=((4, 0), (3, 0), (-8, 0), (4, 5)))
    products = bit_products(Graph((source, each, coarse), ("y",)))
    assert products == (3 + 0 + 8 + 5) * 4 + 5 * 4
    ends_in_zeros = replace(coarse, weights=((4, 0), (0, 0), (-8, 0), (4, 5)))
    assert bit_products(Graph((source, each, ends_in_zeros), ("y",))) == (3 + 8 + 5) * 2 + 5 * 4


def test_levels_of_a_tree_and_of_a_chain() -> None:
    # 4 products and a bias, 2 additions each at most: 10 terms in a tree of 4 levels, and a cast.
    assert adder_levels(dense_graph(WRAPS)) == 5
    assert adder_levels(dense_graph(FixedFormat(16, 16, overflow="SAT"))) == 6


def test_each_figure_has_its_flow_stage_range_and_source(student: Graph) -> None:
    figures = analytic_figures(student)
    assert [one.quantity for one in figures] == ["ebops", *["luts"] * 4, "latency_ns"]
    flows = {(one.flow, one.stage) for one in figures if one.quantity == "luts"}
    assert len(flows) == 4
    for one in figures:
        assert one.low <= one.value <= one.high
        assert one.source
        if one.quantity != "ebops":
            assert one.high >= 2 * one.value


def test_plan_lies_in_the_range_of_the_quick_estimate(student: Graph) -> None:
    figures = estimate_cost(student, RtlSettings())
    quick, planned = (one for one in figures if (one.quantity, one.stage) == ("luts", "estimate"))
    assert planned.source.startswith("alkaid")
    assert quick.low <= planned.value <= quick.high
    guessed, scheduled = (one for one in figures if one.quantity == "latency_ns")
    assert guessed.low <= scheduled.value <= guessed.high
    assert scheduled.value % 5.0 == 0


OLD = """
=== top ===

   Number of wires:               1234
   Number of cells:                 31
     CARRY4                          2
     FDRE                            7
     LUT2                            3
     LUT6                           18
     DSP48E2                         1

   Estimated number of LCs:         18
"""
NEW = """
=== top ===

        +----------Local Count, excluding submodules.
        |
     1234 wires
       31 cells
        2   CARRY4
        7   FDRE
        3   LUT2
       18   LUT6
        1   DSP48E2
"""


@pytest.mark.parametrize("stat", [OLD, NEW], ids=["Yosys 0.23", "Yosys 0.70"])
def test_counts_of_both_orders_of_columns(stat: str) -> None:
    path = "\nLongest topological path in top (length=5):\n    0: ...\n"
    found = read_synthesis(stat, path, version="Yosys", seconds=1.0)
    assert (found.luts, found.ffs, found.dsps, found.logic_levels) == (21, 7, 1, 5)
    assert read_synthesis(stat, "", version="Yosys", seconds=1.0).logic_levels is None


STAGES = """
=== top ===
        5   FDRE
        1   logic0
        1   logic1

=== logic0 ===
        2   LUT2

=== logic1 ===
        3   LUT2
        4   LUT6

=== design hierarchy ===
       14 top
        5   FDRE
        5   LUT2
        4   LUT6
"""


def test_stages_are_added_and_the_longest_path_lies_in_one_of_them() -> None:
    lengths = {"top": 9, "logic0": 3, "logic1": 6}
    paths = "\n".join(
        f"Longest topological path in {name} (length={length}):" for name, length in lengths.items()
    )
    found = read_synthesis(STAGES, paths, version="Yosys", seconds=1.0)
    assert (found.luts, found.ffs, found.logic_levels) == (9, 5, 6)


@pytest.mark.deep
def test_yosys_counts_a_small_network() -> None:
    try:
        find_yosys()
    except MissingToolError as error:
        pytest.skip(str(error))
    graph = dense_graph(WRAPS)
    figures = {one.quantity: one for one in synthesised_figures(graph, RtlSettings())}
    (planned,) = (one for one in planned_figures(graph, RtlSettings()) if one.quantity == "luts")
    assert figures["luts"].source.startswith("Yosys")
    assert planned.low / 2 <= figures["luts"].value <= 2 * planned.high
    assert figures["ffs"].value > 0
    assert figures["dsps"].value == 0
    assert 1 <= figures["logic_levels"].value <= 60


def test_missing_yosys_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.cost.yosys.shutil.which", lambda *_, **__: None)
    with pytest.raises(
        MissingToolError, match=r"yosys is not installed: pip install 'l1distill\[yo"
    ):
        find_yosys()


def test_failing_yosys_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "yosys"
    program.write_text(
        '#!/bin/sh\n[ "$1" = -V ] && echo "Yosys 0.0 (x)" && exit 0\necho "ERROR: no"; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr("firmware.cost.yosys.find_yosys", lambda: str(program))
    with pytest.raises(SynthesisError, match=r"^Yosys cannot synthesise the network: ERROR: no$"):
        synthesise(dense_graph(WRAPS), RtlSettings())


def test_yosys_runs_in_the_folder_of_the_verilog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts: list[str] = []

    def run(command: list[str], log: Path, *, folder: Path) -> Any:
        scripts.append((folder / "synth.ys").read_text())
        (folder / "stat.txt").write_text(NEW)
        (folder / "levels.txt").write_text("")
        return real(["true"], log)

    from firmware.building import run_tool as real

    monkeypatch.setattr("firmware.cost.yosys.find_yosys", lambda: "true")
    monkeypatch.setattr("firmware.cost.yosys.run_tool", run)
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, "Yosys 0.70 (git)\n", ""),
    )
    found = synthesise(dense_graph(WRAPS), RtlSettings())
    assert (found.version, found.luts) == ("Yosys 0.70", 21)
    (script,) = scripts
    assert "src/l1network.v" in script
    assert "synth_xilinx -family xcup -top l1network" in script
    assert str(tmp_path) not in script
