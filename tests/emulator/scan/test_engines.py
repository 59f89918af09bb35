"""Engines: a real cluster that loses a worker, and processes that die."""

from __future__ import annotations

import builtins
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import WorkerError
from emulator.scan import Dask, Processes, ScanError, Serial, engine_for, run_scan
from emulator.scan.plan import Condition
from tests.emulator.scan.conftest import EVERYTHING

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.scan import Counting, Piece
    from tests.emulator.scan.conftest import MakePlan


# The cluster's own threads, sockets and finalizers complain when a worker is killed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_cluster_that_loses_a_worker_gives_the_same_to_the_last_bit(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    plan = make_plan()
    (condition,) = plan.conditions
    # Each file in three conditions: 15 pieces, so that there is a middle to kill in.
    plan = make_plan(
        conditions=tuple(
            Condition(f"pu{n}", condition.scenario, condition.samples) for n in (30, 45, 60)
        ),
        counting=EVERYTHING,
    )
    serial = run_scan(plan, tmp_path / "serial")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = min(client.run(os.getpid).values())
        killed: list[int] = []

        def kill_in_the_middle(done: int, total: int, _: str) -> None:
            if done == 5 and not killed:
                os.kill(victim, signal.SIGKILL)
                killed.append(total - done)

        found = run_scan(
            plan,
            tmp_path / "dask",
            engine=Dask(cluster.scheduler_address),
            report=kill_in_the_middle,
        )
    assert killed == [10]
    assert found.result == serial.result
    assert (found.n_worked, found.n_kept) == (15, 0)
    assert len(serial.result.all_of("seeds")) == 12
    assert serial.result.all_of("turn_ons")


def test_a_scheduler_that_does_not_answer() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ScanError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        next(iter(Dask("tcp://127.0.0.1:9", connect_seconds=0.2).run([], None)))  # type: ignore[arg-type]


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def no_distributed(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "distributed":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_distributed)
    with pytest.raises(ScanError, match=r"install l1distill\[dask\]"):
        next(iter(Dask("tcp://127.0.0.1:9").run([], None)))  # type: ignore[arg-type]


def die(piece: Piece, counting: Counting) -> None:
    """Stand for a process that is killed from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_ends_the_scan_in_one_sentence(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emulator.scan import engines

    monkeypatch.setattr(engines, "score_piece", die)
    plan = make_plan()
    with pytest.raises(WorkerError, match=r"a process of the scan died .* go on with --resume"):
        list(Processes(1).run(plan.pieces()[:1], plan.counting))


def test_engines_by_name() -> None:
    assert engine_for("processes", jobs=1) == Serial()
    assert engine_for("processes", jobs=2) == Processes(2)
    assert engine_for("dask", scheduler="tcp://a:1") == Dask("tcp://a:1")
    with pytest.raises(ScanError, match="needs the address of a scheduler"):
        engine_for("dask")
    with pytest.raises(ScanError, match="--scheduler belongs to --engine dask"):
        engine_for("processes", scheduler="tcp://a:1")
