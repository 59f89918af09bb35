"""Prints a hash of the scores of random students, run by every lane kernel; used in processes.

Arguments: first and last seed. Every score is compared with the reference before it is hashed, so the
hash only shows that another process has computed the same networks.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from random_graphs import random_rows
from random_students import LIMITS, cut_before, driving_rows, random_student

from emulator.engine import KERNELS, Emulator, evaluate_rows
from emulator.engine.lanes.target import HAS_QUADS, LANES
from emulator.errors import KernelError
from emulator.graph import Dense, Graph


def check(graph: Graph, rows: np.ndarray, digest: hashlib._Hash, ran: dict[str, int]) -> None:
    """Compare all lane kernels that may run a network with the reference; count them."""
    expected = evaluate_rows(graph, rows)
    for name in graph.outputs:
        digest.update(expected[name].tobytes())
    for kernel in KERNELS:
        try:
            emulator = Emulator(graph, threads=1, kernel=kernel)
        except KernelError:
            continue
        if {"element", "exact sum", "stepwise"} & {node.kernel for node in emulator.plan.nodes}:
            continue  # general kernels would have to be compiled; no instruction set is theirs
        found = emulator.run(rows)
        for name in graph.outputs:
            if not np.array_equal(found[name], expected[name]):
                sys.exit(f"{kernel} differs: {graph}")
        ran[kernel] = ran.get(kernel, 0) + 1


def main(first: int, last: int) -> None:
    """Check the students of some seeds and print what ran, as JSON."""
    digest, ran = hashlib.sha256(), dict[str, int]()
    for seed in range(first, last):
        for limits in LIMITS.values():
            rng = np.random.default_rng(seed)
            graph = random_student(rng, limits)
            check(graph, random_rows(rng, graph, 70), digest, ran)
            for node in graph.nodes:
                if isinstance(node, Dense):
                    part = cut_before(graph, node.name)
                    check(part, driving_rows(part), digest, ran)
    result = {"sha256": digest.hexdigest(), "ran": ran, "lanes": LANES, "quads": HAS_QUADS}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
