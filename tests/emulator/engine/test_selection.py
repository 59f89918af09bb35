"""Every kernel that may run a network equals the reference, with all sums driven to their bounds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from random_graphs import random_rows
from random_students import LIMITS, cut_before, driving_rows, random_student

from emulator.engine import KERNELS, Emulator, evaluate_rows, plan
from emulator.engine.lanes.target import HAS_QUADS
from emulator.errors import KernelError
from emulator.fixed import FixedFormat
from emulator.graph import Dense, Graph, Input

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.engine import KernelName


def assert_all_kernels_equal_the_reference(
    graph: Graph, rows: np.ndarray, what: str
) -> Counter[str]:
    """Run a network with every kernel that is proved for it; return how often each ran."""
    expected = evaluate_rows(graph, rows)
    ran: Counter[str] = Counter()
    for kernel in (None, *KERNELS[:-1]):
        try:
            emulator = Emulator(graph, threads=1, kernel=kernel)
        except KernelError:
            continue
        found = emulator.run(rows)
        for name in graph.outputs:
            np.testing.assert_array_equal(
                found[name], expected[name], err_msg=f"{what}, {kernel}: {graph}"
            )
        ran.update({kernel} if kernel else {node.kernel for node in emulator.plan.nodes})
    return ran


def assert_student_is_exact(seed: int, kind: str) -> Counter[str]:
    """Compare one random student: random rows, then every layer with its sums at their bounds."""
    rng = np.random.default_rng(seed)
    graph = random_student(rng, LIMITS[kind])
    what = f"seed {seed}, {kind}"
    ran = assert_all_kernels_equal_the_reference(graph, random_rows(rng, graph, 70), what)
    for node in graph.nodes:
        if isinstance(node, Dense):
            part = cut_before(graph, node.name)
            rows = driving_rows(part)
            ran += assert_all_kernels_equal_the_reference(part, rows, f"{what}, {node.name} driven")
    return ran


def assert_students_are_exact(first: int, last: int) -> None:
    """Compare students of all kinds, and check that every kernel was among those that ran."""
    ran: Counter[str] = Counter()
    for seed in range(first, last):
        for kind in LIMITS:
            ran += assert_student_is_exact(seed, kind)
    expected = {"scale16", "dot16", "dot32", "tiles32", "tiles64"}
    expected |= {"dot8"} if HAS_QUADS else set()
    assert min(ran[kernel] for kernel in expected) >= (last - first) // 4


def test_every_kernel_equals_the_reference() -> None:
    assert_students_are_exact(0, 60)


@pytest.mark.parametrize("seed", [1_704, 2_512, 2_636])
def test_bytes_above_127_behind_a_mask(seed: int) -> None:
    # Inputs in steps of 256 and more were written 128 lower before a mask, which lost the 128.
    assert_student_is_exact(seed, "bytes")


def test_bits_that_are_cleared_above_all_bytes() -> None:
    # Inputs that are shifted to the left saturated at 127, of which 0 is left where eight bits are cleared.
    assert_student_is_exact(1_356, "halves")


@pytest.mark.deep
@pytest.mark.parametrize("first", range(1_000, 2_800, 200))
def test_every_kernel_equals_the_reference_on_thousands_of_networks(
    first: int, record_property: Callable[[str, int], None]
) -> None:
    assert_students_are_exact(first, first + 200)
    record_property("networks", 200 * len(LIMITS))


def test_the_result_does_not_depend_on_threads_batches_or_types_of_rows() -> None:
    rng = np.random.default_rng(11)
    byte, total = FixedFormat(8, 6), FixedFormat(32, 26)
    x = Input("x", (), byte, 9)
    weights = tuple(tuple(row) for row in rng.integers(-128, 128, (9, 7)).tolist())
    dense = Dense("d", ("x",), total, weights, byte, (3,) * 7, byte, total)
    graph = Graph((x, dense), ("d",))
    rows = rng.integers(-128, 128, (40_000, 9))
    expected = Emulator(graph, threads=1, kernel="tiles32").run(rows)["d"]
    for threads in (1, 2, 3):
        for dtype in ("int8", "int16", "int32", "int64"):
            found = Emulator(graph, threads=threads).run(rows.astype(dtype))["d"]
            np.testing.assert_array_equal(found, expected)
    emulator = Emulator(graph, threads=1)
    for size in (0, 1, 15, 16, 17, 63, 64, 65, 127, 129):
        for dtype in ("int8", "int16"):
            some = rows[:size].astype(dtype)
            np.testing.assert_array_equal(emulator.run(some)["d"], expected[:size])
    every_other = rows.astype(np.int16)[::2]
    np.testing.assert_array_equal(emulator.run(every_other)["d"], expected[::2])


@pytest.mark.parametrize("signed", [True, False])
def test_every_byte_by_every_weight_is_exact(signed: bool) -> None:
    byte, total = FixedFormat(8, 8, signed), FixedFormat(32, 32)
    numbers = range(byte.lowest, byte.raw_max + 1)
    weights = (tuple(range(-128, 128)),)
    x = Input("x", (), byte, 1)
    dense = Dense("d", ("x",), total, weights, FixedFormat(8, 8), (0,) * 256, total, total)
    rows = np.array(numbers).reshape(-1, 1)
    expected = rows * np.array(weights)
    graph = Graph((x, dense), ("d",))
    for kernel in ("dot8", "dot16", "dot32") if HAS_QUADS else ("dot16", "dot32"):
        for dtype in (np.int16, np.int8 if signed else np.uint8):
            emulator = Emulator(graph, threads=1, kernel=kernel)
            np.testing.assert_array_equal(emulator.run(rows.astype(dtype))["d"], expected)


def student(weight: int = 3) -> Graph:
    wide = FixedFormat(40, 40)
    x = Input("x", (), FixedFormat(16, 16), 2)
    weights = ((weight,), (-2,))
    return Graph(
        (x, Dense("d", ("x",), wide, weights, wide, (0,), wide, wide)),
        ("d",),
    )


@pytest.mark.parametrize(
    ("graph", "kernel", "message"),
    [
        (student(), "dot8", r"'dot8' cannot run node 'd': inputs -32768 … 32767, weights -2 … 3"),
        (student(2**15), "dot16", r"'dot16' cannot run node 'd': .* do not fit dot16"),
        (student(2**20), "dot32", r"'dot32' cannot run node 'd': results reach .* beyond 32 bits"),
        (
            student(2**20),
            "tiles32",
            r"'tiles32' cannot run node 'd': it stores integers of 37 bits",
        ),
        (student(), "fast", "there is no such kernel, only dot8, dot16, dot32, tiles32"),
    ],
)
def test_refuses_a_kernel_that_is_not_proved(
    graph: Graph, kernel: KernelName, message: str
) -> None:
    with pytest.raises(KernelError, match=message):
        Emulator(graph, kernel=kernel)


def test_an_output_in_between_ends_the_chain() -> None:
    rng = np.random.default_rng(2)
    graph = random_student(rng, LIMITS["bytes"])
    rows = random_rows(rng, graph, 200)
    for names in [(node.name, graph.outputs[0]) for node in graph.nodes[:-1]]:
        several = graph.with_outputs(names)
        expected = evaluate_rows(several, rows)
        found = Emulator(several, threads=1).run(rows)
        for name in names:
            np.testing.assert_array_equal(found[name], expected[name])


def test_a_plan_names_the_kernel_of_each_layer_and_why() -> None:
    planned = plan(student())
    assert [node.kernel for node in planned.nodes] == ["load", "dot16"]
    assert planned.nodes[1].reason.startswith("inputs -32768 … 32767, weights -2 … 3")
    assert planned.nodes[1].computed_bits == 19
