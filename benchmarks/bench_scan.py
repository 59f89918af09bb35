"""A scan of ten models over cached objects beside the engine alone, on the same crossings, one core."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from small_samples import draw_events, write_events

from benchmarks.limits import SCORE_BYTES, Work, time_work
from emulator.engine import Emulator
from emulator.features import load_layout
from emulator.model import Model, model_text
from emulator.rates import load_scenario
from emulator.scan import MEASURING, SETTING, Condition, Counting, Piece, ScanPlan
from emulator.scan.run import find_floors
from emulator.scan.work import PieceResult, chunks_of, score_piece

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from emulator.graph import Graph

N_EVENTS = 300_000
N_MODELS = 10
ONE_CORE = "ten models 57-32-16-1, one core, events by model"


@pytest.fixture(scope="module")
def counting(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> tuple[Piece, Counting]:
    """Ten models, a file, and floors for rates up to 10 kHz."""
    folder: Path = tmp_path_factory.mktemp("scan")
    path = folder / "zero_bias.root"
    write_events(path, draw_events(N_EVENTS, 1, weighted=False))
    models = {}
    for number in range(N_MODELS):
        model = Model(f"m{number}", load_layout("axol1tl_57"), graph, "score")
        models[model.name] = model_text(model)
    condition = Condition(
        "pu60", load_scenario("run3"), {SETTING: (str(path),), MEASURING: (str(path),)}
    )
    plan = ScanPlan((condition,), Counting(models, {}, cache=str(folder / "cache")), (1.0, 10.0))
    counting = replace(plan.counting, floors=find_floors(plan))
    return plan.pieces()[0], counting


def time_models(
    benchmark: BenchmarkFixture, run: Callable[[], Any], graph: Graph, n_models: int
) -> None:
    """Time scores of models that read the same rows; an event is counted for each model."""
    row_bytes = len(load_layout("axol1tl_57")) * np.dtype(np.int16).itemsize
    work = Work(N_EVENTS * n_models, row_bytes / n_models + SCORE_BYTES, graph)
    time_work(benchmark, run, work, rounds=9)


@pytest.mark.benchmark(group=ONE_CORE)
def test_engine_alone(
    benchmark: BenchmarkFixture, graph: Graph, counting: tuple[Piece, Counting]
) -> None:
    rows = np.concatenate([chunk.rows[0] for chunk in chunks_of(*counting)])
    emulator = Emulator(graph, threads=1)
    emulator.run(rows[:1])
    time_models(benchmark, lambda: emulator.run(rows), graph, 1)


@pytest.mark.benchmark(group=ONE_CORE)
def test_scan_over_cached_objects(
    benchmark: BenchmarkFixture, graph: Graph, counting: tuple[Piece, Counting]
) -> None:
    found = score_piece(*counting)  # decodes
    assert isinstance(found, PieceResult)
    assert found.n_events == N_EVENTS
    time_models(benchmark, lambda: score_piece(*counting), graph, N_MODELS)


@pytest.mark.benchmark(group=ONE_CORE)
def test_scan_from_root(
    benchmark: BenchmarkFixture, graph: Graph, counting: tuple[Piece, Counting]
) -> None:
    piece, settings = counting
    uncached = replace(settings, cache="")
    assert isinstance(score_piece(piece, uncached), PieceResult)
    time_models(benchmark, lambda: score_piece(piece, uncached), graph, N_MODELS)
