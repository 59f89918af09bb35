"""What the benchmarks share: a network, crossings as rows, as jagged objects and in files; and one demand.

The demand: each benchmark says how far it is from a limit of the machine, or why none bounds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pytest

from benchmarks.files import BenchFiles
from benchmarks.limits import is_held
from benchmarks.students import SCALED, SIZES, make_rows, make_student

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.graph import Graph


@pytest.fixture(autouse=True)
def _demand_a_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail what was timed and tells neither a part of a limit nor why there is none."""
    benchmark = None
    if "benchmark" in request.fixturenames:
        benchmark = request.getfixturevalue("benchmark")
    yield
    if benchmark is not None and benchmark.stats is not None:
        assert is_held(benchmark.extra_info), "tell a limit (benchmarks/limits.py), or why none"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> BenchFiles:
    """Hundred thousand crossings in a file of each format."""
    return BenchFiles(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def graph() -> Graph:
    """A dense 57-32-16-1 that scales its inputs."""
    return make_student(SIZES, SCALED)


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    """A million crossings, int16 (crossings, features), more than the caches hold."""
    return make_rows(1_000_000)


@pytest.fixture(scope="session")
def jagged() -> ak.Array:
    """A million crossings as jagged objects, with more of them than slots now and then."""
    rng = np.random.default_rng(3)
    n_events = 1_000_000
    collections = {}
    for name, mean, most, top in (
        ("mu", 0.6, 8, 512),
        ("eg", 3.0, 12, 512),
        ("jet", 6.0, 12, 2_048),
    ):
        counts = np.minimum(rng.poisson(mean, n_events), most)
        collections[name] = ak.unflatten(_objects(rng, int(counts.sum()), top), counts)
    one = np.ones(n_events, dtype=np.int64)
    collections["etm"] = ak.unflatten(_objects(rng, n_events, 4_096), one)
    return ak.Array(collections)


def _objects(rng: np.random.Generator, n: int, top: int) -> ak.Array:
    pt = np.minimum(rng.exponential(top / 20, n), top - 1).astype(np.int16)
    eta = rng.integers(-115, 116, n).astype(np.int16)
    phi = rng.integers(0, 144, n).astype(np.int16)
    fields = {"pt": pt, "eta": eta, "phi": phi, "eta_vtx": eta, "phi_vtx": phi}
    return ak.zip(fields)
