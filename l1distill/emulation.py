"""From files of L1 objects to integer scores and decisions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.decoded import RowsWanted, casts_of, decoded_rows
from emulator.engine import Emulator
from emulator.errors import MissingNameError, SettingsError
from emulator.features import feature_rows
from emulator.objects import expand_paths, open_file
from emulator.objects.same_scalars import SameScalars
from emulator.results import Record
from l1distill.model_caveats import InputRange
from l1distill.score_table import IDENTITY, STATISTICS, check_output_name, write_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.decoded import DecodedRows, Store
    from emulator.engine import KernelName
    from emulator.model import Model
    from emulator.objects.chunks import Chunk, Order, Source

    Paths = Sequence[str | PathLike[str]]


#: Traced integers that are held at a time.
_TRACED_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Emulation(Record):
    """What `emulate_files` did.

    Parameters
    ----------
    model, network_sha256
        Name and identity of the network.
    output
        The file with the scores.
    n_crossings
        Crossings scored.
    fires
        For each named threshold, the number of crossings that fire.
    score_min, score_max
        Range of the integer scores.
    """

    model: str
    network_sha256: str
    output: str
    n_crossings: int
    fires: Mapping[str, int]
    score_min: int
    score_max: int


class Scorer:
    """A model ready to score events; the engine is prepared once.

    Parameters
    ----------
    model
        The network, its layout and thresholds.
    threads
        Threads of the engine; all processors by default.
    trace
        Nodes whose results are wanted beside the score.
    kernel
        Run the network with this kernel, see `emulator.engine.Emulator`.

    Raises
    ------
    MissingNameError
        If there is no such node.
    KernelError
        When it is first used, if the kernel is not proved exact for the network.
    """

    def __init__(
        self,
        model: Model,
        *,
        threads: int | None = None,
        trace: Sequence[str] = (),
        kernel: KernelName | None = None,
    ) -> None:
        self.model = model
        self.threads = threads if threads is not None else len(os.sched_getaffinity(0))
        self.trace = tuple(dict.fromkeys(trace))
        for name in self.trace:
            if name not in model.graph.tensors:
                raise MissingNameError("node", name, model.graph.tensors, f"network {model.name}")
        outputs = dict.fromkeys((model.score, *self.trace))
        self._graph = model.graph.with_outputs(tuple(outputs))
        self._kernel = kernel
        #: The casts at the network's beginning, if it has any that narrow its inputs to a byte.
        self.casts = None if trace or kernel else casts_of(self._graph, model.layout)

    @cached_property
    def emulator(self) -> Emulator:
        """The network."""
        return Emulator(self._graph, threads=self.threads, kernel=self._kernel)

    @cached_property
    def _behind_casts(self) -> Emulator:
        assert self.casts is not None  # noqa: S101 - there are no such rows without
        return Emulator(self.casts.rest, threads=self.threads)

    def scores(self, events: ak.Array) -> NDArray[np.int64]:
        """Return the integer score of each crossing, int64, axis (crossing)."""
        return self.scores_of_rows(feature_rows(events, self.model.layout))

    def scores_of_rows(self, rows: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the integer score of each row of features, int64, axis (crossing)."""
        return self.emulator.run(rows)[self.model.score][:, 0]

    def scores_of_cast_rows(self, rows: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the integer score of each row of cast features, int64, axis (crossing)."""
        return self._behind_casts.run(rows)[self.model.score][:, 0]

    def columns(self, decoded: DecodedRows) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the columns of a table of scores for crossings, in pieces if much of them is traced."""
        if not self.trace:
            cast = self.casts is not None
            scores = (self.scores_of_cast_rows if cast else self.scores_of_rows)(decoded.rows)
            yield self._columns(decoded.scalars, scores, {})
            return
        n_traced = sum(self._graph.tensors[name].size for name in self._graph.outputs)
        step = max(1, _TRACED_BYTES // (8 * n_traced))
        for start in range(0, len(decoded.rows), step):
            here = slice(start, start + step)
            found = self.emulator.run(decoded.rows[here])
            scalars = {name: values[here] for name, values in decoded.scalars.items()}
            yield self._columns(scalars, found[self.model.score][:, 0], found)

    def _columns(
        self,
        scalars: Mapping[str, NDArray[Any]],
        scores: NDArray[np.int64],
        traced: Mapping[str, NDArray[np.int64]],
    ) -> dict[str, NDArray[Any]]:
        columns = {name: scalars[name] for name in (*IDENTITY, *STATISTICS) if name in scalars}
        columns["score"] = scores
        for each in self.model.thresholds:
            columns[f"fires_{each.name}"] = scores >= each.threshold
        for name in self.trace:
            raws = traced[name]
            columns[f"trace_{name}"] = raws if raws.shape[1] > 1 else raws[:, 0]
        return columns


def emulate_files(
    model: Model,
    paths: Paths,
    output: str | Path,
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    threads: int | None = None,
    store: Store | None = None,
    trace: Sequence[str] = (),
    kernel: KernelName | None = None,
) -> Emulation:
    """Score every selected crossing of the files and write one row for each.

    Memory stays bounded, whatever the length of the files.

    Parameters
    ----------
    model
        The network, its layout and thresholds.
    paths
        Files of L1 objects.
    output
        A ``.parquet``, ``.arrow`` (not encoded: largest, fastest) or ``.root`` file: identity of the crossing, ``score``, and
        ``fires_<threshold>`` for each named threshold.
    source
        ``unpacked`` or ``emulated`` objects, where a file has both.
    crossings
        Relative crossings to score, each on its own.
    threads
        Threads of the engine, and processes that decode a large file; all processors by default.
    store
        Where decoded files are kept; a file that is there is not decoded again.
    trace
        Nodes whose integers are written too, as ``trace_<node>``: a number, or a list of its elements.
    kernel
        Run the network with this kernel of the engine instead of the fastest that is proved exact.

    Raises
    ------
    L1Error
        If a file cannot be read, a node or kernel is not what the network has, or the output cannot be
        named so; nothing is left behind.
    """
    check_output_name(output)
    _require_other_file(paths, output)
    scorer = Scorer(model, threads=threads, trace=trace, kernel=kernel)
    fires = {threshold.name: 0 for threshold in model.thresholds}
    extremes: list[int] = []
    held = InputRange(model)

    def parts() -> Iterator[dict[str, Any]]:
        wanted = RowsWanted(model.layout, source, tuple(crossings), scorer.casts)
        for path, decoded in _rows_of_files(paths, wanted, store, scorer.threads):
            held.require(decoded.rows, path)
            for columns in scorer.columns(decoded) if len(decoded.rows) else ():
                for name in fires:
                    fires[name] += int(np.count_nonzero(columns[f"fires_{name}"]))
                extremes.extend((int(columns["score"].min()), int(columns["score"].max())))
                yield columns

    n_crossings = write_columns(output, parts())
    return Emulation(
        model=model.name,
        network_sha256=model.network_sha256,
        output=str(output),
        n_crossings=n_crossings,
        fires=fires,
        score_min=min(extremes),
        score_max=max(extremes),
    )


def _require_other_file(paths: Paths, output: str | Path) -> None:
    if Path(output).resolve() in {Path(path).resolve() for path in paths}:
        msg = f"{output}: is read from and would be replaced; give the output another name"
        raise SettingsError(msg)


def _rows_of_files(
    paths: Paths, wanted: RowsWanted, store: Store | None, jobs: int
) -> Iterator[tuple[str, DecodedRows]]:
    weights = SameScalars()
    for path in map(fspath, expand_paths(paths)):
        for decoded in decoded_rows(path, wanted, store=store, jobs=jobs):
            weights.check(path, decoded.scalars)
            yield path, decoded


def chunks_of_events(
    paths: Paths,
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    order: Order = "pt",
) -> Iterator[ak.Array]:
    """Yield the events of all files, chunk by chunk, with bounded memory; see `chunks_of_files`."""
    for chunk in chunks_of_files(paths, source=source, crossings=crossings, order=order):
        yield chunk.events


def chunks_of_files(
    paths: Paths,
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    order: Order = "pt",
    bits: bool = False,
) -> Iterator[Chunk]:
    """Yield all files chunk by chunk, with the decisions they store if `bits`; see `open_file`.

    Raises
    ------
    InputFileError
        If a file cannot be read, or some files carry weights and others do not.
    """
    weights = SameScalars()
    for path in expand_paths(paths):
        reader = open_file(path, source=source, order=order)
        for chunk in reader.chunks(crossings=crossings, bits=bits):
            weights.check(path, chunk.events.fields)
            yield chunk
