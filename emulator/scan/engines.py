"""Where pieces are worked on: here, in processes of this machine, or on a Dask cluster.

Every engine yields the same results; only their order differs, and nothing depends on that.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import as_completed as futures_as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from emulator.errors import WorkerError
from emulator.jit import without_extensions
from emulator.scan.errors import ScanError
from emulator.scan.work import score_piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.scan.plan import Counting, Piece
    from emulator.scan.work import LostPiece, PieceResult

    Done = Iterator[tuple[Piece, PieceResult | LostPiece]]


class Engine(Protocol):
    """Works on pieces."""

    def run(self, pieces: Sequence[Piece], counting: Counting) -> Done:
        """Yield each piece with its result, in any order."""


@dataclass(frozen=True, slots=True)
class Serial:
    """One piece after the other, in this process."""

    def run(self, pieces: Sequence[Piece], counting: Counting) -> Done:
        """Yield each piece with its result, in order."""
        for piece in pieces:
            yield piece, score_piece(piece, counting)


@dataclass(frozen=True, slots=True)
class Processes:
    """Several processes of this machine."""

    jobs: int

    def run(self, pieces: Sequence[Piece], counting: Counting) -> Done:
        """Yield each piece with its result, as they come.

        Raises
        ------
        WorkerError
            If a process dies, for want of memory or killed.
        """
        # Fresh processes: a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        jobs = min(self.jobs, max(1, len(pieces)))
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=without_extensions)
        try:
            waiting = {pool.submit(score_piece, piece, counting): piece for piece in pieces}
            for future in futures_as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            advice = "finished files are kept: go on with --resume, with fewer --jobs if memory was short"
            raise WorkerError("scan", advice) from error
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Dask:
    """A Dask cluster; pieces of workers that are lost are worked on again by others.

    Parameters
    ----------
    scheduler
        Address of its scheduler, as ``tcp://host:8786``.
    connect_seconds
        How long to wait for it.
    """

    scheduler: str
    connect_seconds: float = 30.0

    def run(self, pieces: Sequence[Piece], counting: Counting) -> Done:
        """Yield each piece with its result, as they come.

        Raises
        ------
        ScanError
            If dask.distributed is not installed, the scheduler does not answer, or the cluster gives
            up on a piece.
        """
        try:
            import distributed
        except ImportError as error:
            msg = "--engine dask needs dask.distributed: install l1distill[dask]"
            raise ScanError(msg) from error
        try:
            client = distributed.Client(  # type: ignore[no-untyped-call]
                self.scheduler, timeout=self.connect_seconds, set_as_default=False
            )
        except (OSError, ValueError) as error:
            msg = f"{self.scheduler}: no Dask scheduler answers ({type(error).__name__}: {error})"
            raise ScanError(msg) from error
        with client:
            # A task, not scattered data: it is run again where a worker that held it is lost.
            shared = client.submit(_same, counting, pure=False)
            waiting = {
                client.submit(score_piece, piece, shared, pure=False, retries=3): piece
                for piece in pieces
            }
            # Without its loop it would wait in that of another client, if there is one: a result that
            # was lost with its worker cannot be waited for in two.
            finished = distributed.as_completed(waiting, loop=client.loop)  # type: ignore[no-untyped-call]
            for future in finished:
                piece = waiting.pop(future)
                yield piece, _result(future, piece)


def _same(counting: Counting) -> Counting:
    return counting


def _result(future: object, piece: Piece) -> PieceResult | LostPiece:
    from distributed import Future
    from distributed.scheduler import KilledWorker

    assert isinstance(future, Future)  # noqa: S101 - what as_completed gives
    try:
        result: PieceResult | LostPiece = future.result()
    except KilledWorker as error:
        msg = (
            f"{piece.path}: workers of the cluster died over it again and again (short of memory?); "
            "finished files are kept: go on with --resume"
        )
        raise ScanError(msg) from error
    return result


def engine_for(
    name: Literal["processes", "dask"], *, jobs: int = 1, scheduler: str | None = None
) -> Engine:
    """Return the engine that was asked for.

    Raises
    ------
    ScanError
        If a Dask engine is asked for without a scheduler, or the other way round.
    """
    if name == "dask":
        if not scheduler:
            msg = "--engine dask needs the address of a scheduler: --scheduler tcp://HOST:8786"
            raise ScanError(msg)
        return Dask(scheduler)
    if scheduler:
        msg = "--scheduler belongs to --engine dask"
        raise ScanError(msg)
    return Processes(jobs) if jobs > 1 else Serial()
