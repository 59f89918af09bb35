"""Every kernel that may run a network equals the reference, with all sums driven to their bounds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from random_graphs import random_rows
from random_students import LIMITS, cut_before, driving_rows, random_student

from emulator.engine import KERNELS, Emulator, evaluate_rows
from emulator.engine.lanes.target import HAS_QUADS
from emulator.errors import KernelError
from emulator.graph import Dense

if TYPE_CHECKING:
    from emulator.graph import Graph


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
