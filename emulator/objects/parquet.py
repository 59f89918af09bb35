"""Reads events in the columns of the public data set ``CERN/anomaly_detection_cmsl1t``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.errors import InputFileError, MissingNameError
from emulator.objects.crossing_reader import CrossingReader, Part, require_unpacked
from emulator.objects.decisions import SeedBits
from emulator.objects.events import REQUIRED_FIELDS, Columns
from emulator.objects.file_access import as_input_error, charge_bits, whole_numbers
from emulator.objects.parquet_layout import (
    COLUMNS,
    NO_SEEDS,
    SCALAR_COLUMNS,
    WEIGHT_COLUMNS,
    find_places,
)
from emulator.objects.parquet_statistics import check_limits, noted_limits
from emulator.objects.sha256_files import verify_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.objects.chunks import Order, Source

    _Key = tuple[tuple[Path, ...], str]

FORMAT_NAME: Final = "parquet"

#: Key of the file's metadata under which `write_parquet` keeps the provenance.
PROVENANCE_KEY: Final = b"l1distill"

_MAGIC: Final = b"PAR1"
_BATCH_ROWS: Final = 65_536


def matches(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a Parquet file."""
    return head.startswith(_MAGIC)


class _Table:
    """The files of a place, their columns, and their rows in ranges."""

    def __init__(self, files: tuple[Path, ...], where: str) -> None:
        self.files = files
        self.where = where
        if not files:
            raise InputFileError(where, "a folder of the data set holds no Parquet files")
        self.rows = 0
        for path in reversed(files):
            verify_sha256(path)
            with as_input_error(str(path), "its footer"), pq.ParquetFile(path) as file:
                self.rows += int(file.metadata.num_rows)
                schema = file.schema_arrow
                self.types = dict(zip(schema.names, schema.types, strict=True))
                self.metadata: dict[bytes, bytes] = schema.metadata or {}

    def need(self, column: str) -> None:
        """Raise `MissingNameError` if there is no such column."""
        if column not in self.types:
            raise MissingNameError("column", column, tuple(self.types), self.where)

    def ranges(
        self, columns: Sequence[str], ranges: Sequence[tuple[int, int]]
    ) -> Iterator[pa.Table]:
        """Yield the rows of each range; the ranges follow each other."""
        held: list[pa.Table] = []
        batches = self._batches(list(columns), ranges[0][0])
        for size in (stop - start for start, stop in ranges):
            with as_input_error(self.where, f"columns {', '.join(columns[:3])} and so on"):
                while sum(table.num_rows for table in held) < size:
                    held.append(pa.Table.from_batches([next(batches)]))
                whole = pa.concat_tables(held, promote_options="permissive")
            yield whole.slice(0, size)
            held = [whole.slice(size)] if whole.num_rows > size else []

    def _batches(self, columns: list[str], first: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows from ``first`` on; groups of rows before it are not read."""
        before = 0
        for path in self.files:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                groups = [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)]
                ends = np.cumsum([before, *groups])
                wanted = [k for k in range(len(groups)) if ends[k + 1] > first]
                before, row = int(ends[-1]), int(ends[wanted[0]]) if wanted else 0
                for group in wanted:
                    limits = noted_limits(file.metadata.row_group(group))
                    for batch in file.iter_batches(
                        _BATCH_ROWS, row_groups=[group], columns=columns
                    ):
                        if batch.num_columns != len(columns):
                            lacking = ", ".join(columns)
                            raise InputFileError(path, f"lacks one of the columns {lacking}")
                        check_limits(batch, limits, path)
                        row += batch.num_rows
                        if row > first:
                            yield batch.slice(max(0, batch.num_rows - (row - first)))


class ParquetReader(CrossingReader):
    """Reads one file of the Hugging Face layout, or one folder of the Zenodo layout.

    Seeds beside the events are joined by position, as the data set wants it: numbers of events are
    not unique in it.
    """

    format_name = FORMAT_NAME
    row_name = "row"

    def __init__(self, path: str, *, order: Order = "pt") -> None:
        self._places = find_places(Path(path))
        scalars = _Table(self._places.scalars.files, path)
        for name in SCALAR_COLUMNS:
            scalars.need(self._places.scalars.column(name))
        self._metadata = scalars.metadata
        self._scalars = {
            **{name: name for name in SCALAR_COLUMNS},
            **{name: column for name, column in WEIGHT_COLUMNS.items() if column in scalars.types},
        }
        self._fields = {name: self._present_fields(path, name, scalars) for name in COLUMNS}
        self._seeds = self._seed_names(path, scalars.rows)
        super().__init__(path, scalars.rows, order=order)
        self.float_valued = self.provenance().get("float_valued") is True

    def _present_fields(self, path: str, name: str, scalars: _Table) -> dict[str, str]:
        """Return the column of each field that the collection has in this file."""
        place = self._places.collections[name]
        table = scalars if place.files == scalars.files else _Table(place.files, path)
        _same_rows(path, name, table.rows, scalars.rows)
        columns = {field: place.column(column) for field, column in COLUMNS[name][1].items()}
        for field in REQUIRED_FIELDS[name]:
            table.need(columns[field])
        return {field: column for field, column in columns.items() if column in table.types}

    def _seed_names(self, path: str, rows: int) -> tuple[str, ...]:
        if self._places.seeds is None:
            return ()
        table = _Table(self._places.seeds.files, path)
        _same_rows(path, "seeds", table.rows, rows)
        return tuple(
            name
            for name, kind in table.types.items()
            if pa.types.is_boolean(kind) and name not in NO_SEEDS
        )

    @property
    def decisions(self) -> int:
        """Number of seeds."""
        return len(self._seeds)

    def notes(self) -> tuple[str, ...]:
        """Return what is not in the columns of this data set."""
        return ("ET_ETTEM is not read: converters filled it from another sum",)

    def provenance(self) -> dict[str, Any]:
        """Return what `write_parquet` noted, empty for other files."""
        with as_input_error(self.path, "its metadata"):
            content = json.loads(self._metadata.get(PROVENANCE_KEY, b"{}"))
        return content if isinstance(content, dict) else {}

    def parts(self, ranges: Sequence[tuple[int, int]], *, bits: bool) -> Iterator[Part]:
        """Return the rows of each range."""
        seeds = self._seed_tables(ranges) if bits else None
        for (start, _), columns in zip(ranges, self._columns(ranges), strict=True):
            numbers = {
                name: _flat(columns[self._places.scalars.files, column], f"{self.path}: {column}")
                for name, column in self._scalars.items()
            }
            numbers["crossing"] = np.zeros(len(numbers["run"]), dtype=np.int64)
            parts = {name: self._objects(name, columns) for name in COLUMNS}
            decisions = None
            if seeds is not None:
                decisions = self._decisions(next(seeds), numbers["event"], start)
            yield Part(numbers, parts, decisions)

    def _columns(self, ranges: Sequence[tuple[int, int]]) -> Iterator[dict[_Key, pa.ChunkedArray]]:
        """Yield the columns of each range, by their files and name; files are read once."""
        wanted: dict[tuple[Path, ...], list[str]] = {}
        wanted.setdefault(self._places.scalars.files, []).extend(self._scalars.values())
        for name, fields in self._fields.items():
            wanted.setdefault(self._places.collections[name].files, []).extend(fields.values())
        tables = {
            files: _Table(files, self.path).ranges(columns, ranges)
            for files, columns in wanted.items()
        }
        for _ in ranges:
            yield {
                (files, name): column
                for files, table in ((files, next(each)) for files, each in tables.items())
                for name, column in zip(table.column_names, table.columns, strict=True)
            }

    def _objects(self, name: str, columns: Mapping[_Key, pa.ChunkedArray]) -> Columns:
        files = self._places.collections[name].files
        lists: dict[str, tuple[NDArray[np.int64], NDArray[Any]]] = {}
        for field, column in self._fields[name].items():
            where = f"{self.path}: column {column}"
            lists[field] = _lists(columns[files, column], where)
            if not np.array_equal(lists[field][0], lists["pt"][0]):
                raise InputFileError(where, "has lists of another length than its neighbours")
        fields = {field: values for field, (_, values) in lists.items()}
        if "charge" in fields:
            fields["charge"] = charge_bits(fields["charge"], f"{self.path}: muonChg")
        return _present(name, Columns(lists["pt"][0], fields))

    def _seed_tables(self, ranges: Sequence[tuple[int, int]]) -> Iterator[pa.Table]:
        if self._places.seeds is None:
            return iter(())
        table = _Table(self._places.seeds.files, self.path)
        keys = ("event",) if "event" in table.types else ()
        return table.ranges((*self._seeds, *keys), ranges)

    def _decisions(self, seeds: pa.Table, event: NDArray[Any], start: int) -> SeedBits:
        if "event" in seeds.column_names:
            wrong = np.flatnonzero(_flat(seeds["event"], f"{self.path}: seeds: event") != event)
            if len(wrong):
                problem = f"row {start + int(wrong[0])}: the seeds beside it are of another event"
                raise InputFileError(self.path, problem)
        values = np.zeros((seeds.num_rows, len(self._seeds)), dtype=bool)
        for place, name in enumerate(self._seeds):
            where = f"{self.path}: seed {name}"
            values[:, place] = _flat(seeds[name], where, decisions=True) != 0
        return SeedBits(self._seeds, values)


def _present(name: str, part: Columns) -> Columns:
    """Leave out objects without pt; sums count with ET 0 too."""
    if len(REQUIRED_FIELDS[name]) < 3 or not np.any(part.fields["pt"] == 0):
        return part
    there = part.fields["pt"] != 0
    kept = np.concatenate([[0], np.cumsum(there)])[part.offsets]
    return part.taken(np.flatnonzero(there), kept)


def _flat(column: pa.ChunkedArray, where: str, *, decisions: bool = False) -> NDArray[Any]:
    """Return a column with one number (or decision) a row."""
    if column.null_count:
        raise InputFileError(where, "has rows without a value")
    if not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
            or pa.types.is_floating(column.type)):  # fmt: skip
        raise InputFileError(where, f"holds {column.type}, not numbers")
    return whole_numbers(column.to_numpy(), where, decisions=decisions)


def _lists(column: pa.ChunkedArray, where: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return offsets and contents of a column of lists; one number a row is a list of one."""
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)
            or pa.types.is_fixed_size_list(kind)):  # fmt: skip
        return np.arange(len(column) + 1), _flat(column, where)
    if column.null_count:
        raise InputFileError(where, "has rows without a value")
    whole = pa.chunked_array(column.chunks, type=kind).combine_chunks()
    values = whole.flatten()
    counts = whole.value_lengths().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return offsets, _flat(pa.chunked_array([values]), where)


def _same_rows(path: str, name: str, rows: int, wanted: int) -> None:
    if rows != wanted:
        raise InputFileError(path, f"{name} has {rows} rows, the events have {wanted}")


def open_parquet(path: str, source: Source, order: Order) -> ParquetReader:
    """Return the reader of a Parquet file or folder.

    Raises
    ------
    InputFileError, MissingNameError
        If it is damaged, a column is missing, or tables have different numbers of rows.
    """
    require_unpacked(path, source, "a Parquet file")
    return ParquetReader(path, order=order)
