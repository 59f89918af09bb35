"""Writes events in the columns of the public data set (Hugging Face layout), seeds beside them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.objects.events import REQUIRED_FIELDS, columns, quality_of_jets, scalar_columns
from emulator.objects.parquet import PROVENANCE_KEY
from emulator.objects.parquet_layout import (
    COLUMNS,
    SCALAR_COLUMNS,
    WEIGHT_COLUMNS,
    seeds_beside,
)
from emulator.objects.sha256_files import remove_sha256, write_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import awkward as ak

    from emulator.objects.chunks import Chunk
    from emulator.objects.decisions import SeedBits

_COMPRESSION: Final = "zstd"


class _Writer:
    """One Parquet file, whose schema is that of the first table."""

    def __init__(self, path: Path, metadata: Mapping[bytes, bytes]) -> None:
        self._path = path
        self._metadata = metadata
        self._writer: Any = None

    def write(self, table: pa.Table) -> None:
        """Write the next rows."""
        if self._writer is None:
            schema = table.schema.with_metadata(self._metadata)
            self._writer = pq.ParquetWriter(
                self._path, schema, compression=_COMPRESSION, write_page_checksum=True
            )
            self._names = table.column_names
        if table.column_names != self._names:
            changed = sorted(set(table.column_names) ^ set(self._names))
            msg = f"events of one file must have the same fields; {', '.join(changed)} differ"
            raise ValueError(msg)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


def write_parquet(
    path: str | Path, chunks: Iterable[Chunk], *, provenance: Mapping[str, Any]
) -> int:
    """Write events, and their decisions into ``seeds/`` beside, as the public data set has them.

    Columns are those of the data set for the fields that the events have; a field that it does not
    know (a muon's isolation) is not written. Weights go to ``L1D_weight`` and so on.

    Parameters
    ----------
    path
        The file to write; an existing one is replaced, and so is its table of seeds.
    chunks
        Chunks with the same fields, taken one at a time; all with decisions, or none.
    provenance
        Where the events come from: anything that JSON can hold.

    Returns
    -------
    Number of rows written.

    Raises
    ------
    InputFileError
        If there are no events, a row is not of crossing 0, or the file cannot be written.
    ValueError
        If the chunks have different fields.
    """
    target = Path(path)
    note = json.dumps(dict(provenance), allow_nan=False, sort_keys=True).encode()
    written = 0
    with ExitStack() as stack:
        events = _Writer(stack.enter_context(replace_file(target)), {PROVENANCE_KEY: note})
        seeds: _Writer | None = None
        for chunk in chunks:
            if len(chunk.events) == 0:
                continue
            table = _events_table(chunk.events, target)
            events.write(table)
            if chunk.bits is not None and (written == 0 or seeds is not None):
                if seeds is None:
                    beside = stack.enter_context(replace_file(seeds_beside(target)))
                    seeds = _Writer(beside, {})
                seeds.write(_seeds_table(chunk.bits, table["event"]))
            elif seeds is not None or chunk.bits is not None:
                msg = "either all chunks have decisions, or none"
                raise ValueError(msg)
            written += len(chunk.events)
        if not written:
            raise InputFileError(path, "there are no events to write")
        events.close()
        if seeds is not None:
            seeds.close()
    _write_check_sums(target, with_seeds=seeds is not None)
    return written


def _write_check_sums(target: Path, *, with_seeds: bool) -> None:
    # Pages have check sums in the file; their headers and the footer, which says where they are, none.
    write_sha256(target)
    seeds = seeds_beside(target)
    if with_seeds:
        write_sha256(seeds)
    else:
        seeds.unlink(missing_ok=True)
        remove_sha256(seeds)


def _events_table(events: ak.Array, path: Path) -> pa.Table:
    scalars = scalar_columns(events)
    others = np.flatnonzero(scalars["crossing"] != 0)
    if len(others):
        crossing = scalars["crossing"][others[0]]
        raise InputFileError(path, f"the data set's columns are of crossing 0, not {crossing}")
    content: dict[str, pa.Array] = {
        f"{COLUMNS[name][0]}_{column}": values
        for name in REQUIRED_FIELDS
        for column, values in _lists(events, name).items()
    }
    content |= {name: pa.array(scalars[name]) for name in SCALAR_COLUMNS}
    content |= {
        column: pa.array(scalars[name])
        for name, column in WEIGHT_COLUMNS.items()
        if name in scalars
    }
    return pa.table(content)


def _lists(events: ak.Array, name: str) -> dict[str, pa.Array]:
    part = columns(events, name)
    offsets = pa.array(part.offsets.astype(np.int32))
    lists = {}
    quality = quality_of_jets(part.fields) if name == "jet" else None
    fields = part.fields if quality is None else {**part.fields, "qual": quality}
    for field, column in COLUMNS[name][1].items():
        if field in fields:
            values = fields[field]
            stored = 1 - 2 * values if field == "charge" else values
            lists[column] = pa.ListArray.from_arrays(offsets, pa.array(stored))
    return lists


def _seeds_table(bits: SeedBits, event: pa.ChunkedArray) -> pa.Table:
    values = {name: pa.array(bits.values[:, place]) for place, name in enumerate(bits.names)}
    return pa.table({**values, "L1bit": pa.array(bits.values.any(axis=1)), "event": event})
