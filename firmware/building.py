"""What C-simulation and RTL share: building tools, folders that appear only when complete, rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock

from emulator.errors import InputFileError, RangeError
from emulator.files import user_cache_folder
from emulator.results import Record
from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.graph import Graph


@dataclass(frozen=True, slots=True)
class Build(Record):
    """What compiling a simulation took.

    Parameters
    ----------
    seconds
        Wall time.
    peak_mib
        Largest memory of one of the compiler's processes.
    """

    seconds: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class ToolRun:
    """How a building tool ended.

    Parameters
    ----------
    code
        Its exit code.
    build
        What it took.
    """

    code: int
    build: Build


def run_tool(
    command: Sequence[str],
    log: Path,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> ToolRun:
    """Run a compiler or make; all that it says goes to the log.

    Examples
    --------
    >>> log = Path(tempfile.mkdtemp()) / "log"
    >>> run_tool(["sh", "-c", "echo not today; exit 3"], log).code, first_error(log)
    (3, 'not today')
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
        except OSError as error:  # for example no program of this kind of machine
            msg = f"{command[0]} cannot be started: {error.strerror or error}"
            raise MissingToolError(msg) from error
        # Not `Popen.wait`, which does not tell the memory.
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    return ToolRun(process.returncode, Build(round(seconds, 2), round(usage.ru_maxrss / 1024, 1)))


def first_error(log: Path) -> str:
    """Return the first line of a log that tells of an error, made short."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    # Verilator's warnings are errors here.
    errors = [line for line in lines if "error" in line.lower() or line.startswith("%Warning")]
    return (errors or [line for line in lines if line] or ["(it says nothing)"])[0][-200:]


@contextmanager
def complete_folder(target: Path, is_complete: Callable[[], bool]) -> Iterator[Path]:
    """Give a temporary folder; on success it takes the name ``target``, on failure it goes.

    Parameters
    ----------
    target
        The folder to make. Another process may make the same one meanwhile: the first one wins.
    is_complete
        Whether what has the name ``target`` is good; if not, it is replaced.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with complete_folder(folder / "made", lambda: False) as temporary:
    ...     _ = (temporary / "note.txt").write_text("complete")
    >>> [path.name for path in folder.glob("*/*")]
    ['note.txt']
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists() and not is_complete():
            shutil.rmtree(target)
        try:
            os.replace(temporary, target)  # noqa: PTH105 - the folder as a whole
        except OSError:
            if not is_complete():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_replaceable(folder: Path, mark: str) -> None:
    """Check that a folder may be replaced: it is absent, empty, or what we wrote there earlier.

    Parameters
    ----------
    folder
        The folder.
    mark
        A file that each folder of this kind has.

    Raises
    ------
    InputFileError
        If it holds something else.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputFileError(folder, "is no folder; name another one")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).is_file():
        problem = f"is not empty and has no {mark}, so it is not replaced; name another folder"
        raise InputFileError(folder, problem)


@contextmanager
def one_at_a_time(target: Path) -> Iterator[None]:
    """Wait while another process makes ``target``, then remove what a killed one left of it.

    The file that is locked goes while it is still locked: whoever waits sees that his is no longer the one
    of that name, and takes another.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    place = target.with_name(f".{target.name}.lock")
    with FileLock(place):
        for left in target.parent.glob(f".{target.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def simulations_folder() -> Path:
    """Return where simulations are kept that belong to no run: in the user's cache folder.

    ``XDG_CACHE_HOME`` in the environment moves it.
    """
    return user_cache_folder() / "simulations"


def check_rows(graph: Graph, rows: NDArray[np.integer]) -> None:
    """Check that rows, (n events, n features), fit the input of a graph.

    Raises
    ------
    RangeError
        If an integer is out of the input's range.
    ValueError
        If the rows have another number of features.
    """
    source = graph.input
    if rows.ndim != 2 or rows.shape[1] != source.size:
        msg = f"the network takes {source.size} features, the rows have shape {rows.shape}"
        raise ValueError(msg)
    low, high = source.format.lowest, source.format.raw_max
    wrong = (rows < low) | (rows > high)
    if wrong.any():
        event, feature = (int(places[0]) for places in wrong.nonzero())
        msg = (
            f"event {event}, feature {feature}: {rows[event, feature]} is out of the range of "
            f"the input {source.name!r}, {source.format}: {low} to {high}"
        )
        raise RangeError(msg)


def n_outputs(graph: Graph) -> int:
    """Return how many numbers leave a graph for each event."""
    return sum(graph.tensors[name].size for name in graph.outputs)


def by_output(graph: Graph, raws: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return raws, (n events, all outputs side by side), as one array for each output."""
    ends = np.cumsum([graph.tensors[name].size for name in graph.outputs])
    parts = np.split(raws, ends[:-1], axis=1)
    return {
        name: np.ascontiguousarray(part) for name, part in zip(graph.outputs, parts, strict=True)
    }
