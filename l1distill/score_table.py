"""Scores of crossings with their identity: in memory, and as Parquet or ROOT files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

from emulator.decoded import arrow_batch
from emulator.errors import InputFileError, SettingsError
from emulator.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

    import awkward as ak
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

#: What tells crossings apart, and what a rate needs besides the score.
IDENTITY = ("run", "lumi", "event", "orbit", "crossing")
STATISTICS = ("weight", "stratum", "pool_id")

#: Columns with few values, each of them many times.
_REPEATED = ("run", "lumi", "crossing", "weight", "stratum")
# How columns of scores and of decisions begin in files.
_SCORE = "score:"
_SEED = "seed:"


@dataclass(frozen=True)
class ScoreTable:
    """Integer scores of several models on the same crossings.

    Parameters
    ----------
    identity
        ``run, lumi, event, orbit, crossing``, and ``weight, stratum, pool_id`` where the sample has
        them; each with axis (crossing).
    scores
        For each model or baseline its integer scores, int64, axis (crossing).
    decisions
        Which seeds of a menu fire, before prescales, bool, axes (crossing, seed), if there is a menu.
    seeds
        Names of the seeds; decisions without names are not written to files.
    """

    identity: Columns
    scores: Columns
    decisions: NDArray[np.bool_] | None = None
    seeds: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.identity["event"])

    @property
    def weights(self) -> NDArray[np.int64] | None:
        """Weights in units of ``2**-32``, or None if every crossing counts the same."""
        return self.identity.get("weight")

    @property
    def pool_ids(self) -> NDArray[np.uint64] | None:
        """Blocks of the bootstrap, or None if crossings do not depend on each other."""
        return self.identity.get("pool_id")

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Join tables with the same columns, row after row; decisions only if all have them."""
        decisions = [part.decisions for part in parts if part.decisions is not None]
        return cls(
            {name: np.concatenate([p.identity[name] for p in parts]) for name in parts[0].identity},
            {name: np.concatenate([p.scores[name] for p in parts]) for name in parts[0].scores},
            np.concatenate(decisions) if len(decisions) == len(parts) else None,
            parts[0].seeds,
        )

    def taken(self, chosen: NDArray[np.bool_]) -> ScoreTable:
        """Return some of the crossings."""
        return ScoreTable(
            {name: column[chosen] for name, column in self.identity.items()},
            {name: column[chosen] for name, column in self.scores.items()},
            None if self.decisions is None else self.decisions[chosen],
            self.seeds,
        )

    def write(self, path: str | Path) -> None:
        """Write a Parquet file, complete or not at all."""
        columns = {f"{_SCORE}{name}": column for name, column in self.scores.items()}
        if self.decisions is not None:
            for place, seed in enumerate(self.seeds):
                columns[f"{_SEED}{seed}"] = self.decisions[:, place]
        write_columns(path, [{**self.identity, **columns}])

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote."""
        table = pq.read_table(path)
        columns = {name: table[name].to_numpy() for name in table.column_names}
        scores, seeds = (
            {key.removeprefix(kind): part for key, part in columns.items() if key.startswith(kind)}
            for kind in (_SCORE, _SEED)
        )
        identity = {
            key: column for key, column in columns.items() if not key.startswith((_SCORE, _SEED))
        }
        decisions = np.stack(list(seeds.values()), axis=1) if seeds else None
        return cls(identity, scores, decisions, tuple(seeds))


def identity_columns(events: ak.Array) -> dict[str, NDArray[Any]]:
    """Return the scalars of events that identify crossings and weigh them."""
    return {
        name: np.asarray(events[name]) for name in (*IDENTITY, *STATISTICS) if name in events.fields
    }


class _Writer(Protocol):
    def add(self, columns: Columns) -> None: ...

    def close(self) -> None: ...


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def add(self, columns: Columns) -> None:
        batch = arrow_batch(columns)
        if self._writer is None:
            repeated = [name for name in _REPEATED if name in columns]
            # Twice as fast as dictionaries for all, and half the size: numbers of events rise.
            deltas = {
                name: "DELTA_BINARY_PACKED"
                for name, kind in zip(batch.schema.names, batch.schema.types, strict=True)
                if name not in repeated and pa.types.is_integer(kind)
            }
            self._writer = pq.ParquetWriter(
                self._path,
                batch.schema,
                compression="zstd",
                use_dictionary=repeated,
                column_encoding=deltas,
            )
        self._writer.write_batch(batch)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _ArrowWriter:
    """Nothing is encoded: written as fast as memory is copied, and mapped into memory by who reads it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._writer: pa.RecordBatchFileWriter | None = None

    def add(self, columns: Columns) -> None:
        batch = arrow_batch(columns)
        if self._writer is None:
            self._writer = pa.ipc.new_file(self._file, batch.schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        with self._file:
            if self._writer is not None:
                self._writer.close()


class _RootWriter:
    def __init__(self, path: Path) -> None:
        self._file = uproot.recreate(path, compression=uproot.ZSTD(3))
        self._tree: Any = None

    def add(self, columns: Columns) -> None:
        if self._tree is None:
            types = {name: np.dtype((each.dtype, each.shape[1:])) for name, each in columns.items()}
            self._tree = self._file.mktree("scores", types)
        self._tree.extend(dict(columns))

    def close(self) -> None:
        self._file.close()


_WRITERS: dict[str, type[_ParquetWriter | _ArrowWriter | _RootWriter]] = {
    ".parquet": _ParquetWriter,
    ".arrow": _ArrowWriter,
    ".root": _RootWriter,
}


def check_output_name(path: str | Path) -> None:
    """Refuse an output whose ending names no format that is written, or that is a folder.

    Raises
    ------
    SettingsError
        If the ending is neither ``.parquet`` nor ``.arrow`` nor ``.root``, or a folder has the name.
    """
    if Path(path).suffix not in _WRITERS:
        *names, last = _WRITERS
        msg = f"{path}: scores are written as {', '.join(names)} or {last}, name the output so"
        raise SettingsError(msg)
    if Path(path).is_dir():
        msg = f"{path}: is a folder; give the output another name"
        raise SettingsError(msg)


def write_columns(path: str | Path, parts: Iterable[Columns]) -> int:
    """Write columns part by part, complete or not at all, and return the number of crossings.

    Raises
    ------
    SettingsError
        If the ending of ``path`` names no format that is written.
    InputFileError
        If there is no part at all.
    """
    check_output_name(path)
    written = 0
    with replace_file(path) as temporary:
        writer: _Writer = _WRITERS[Path(path).suffix](temporary)
        try:
            # One part is written while the next one is made.
            with ThreadPoolExecutor(1, thread_name_prefix="writer") as thread:
                writing: Future[None] | None = None
                for part in parts:
                    if writing is not None:
                        writing.result()
                    writing = thread.submit(writer.add, part)
                    written += len(next(iter(part.values())))
                if writing is not None:
                    writing.result()
        finally:
            writer.close()
        if written == 0:
            raise InputFileError(path, "not written: no crossing was read")
    return written
