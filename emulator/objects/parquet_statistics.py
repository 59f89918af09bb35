"""The smallest and largest value that Parquet notes of each column of a group of rows, held against the values.

Nearly all writers note them, few write check sums of pages: a flipped bit that leaves the range is told.
Source: Apache Parquet format, ``Statistics`` (``min_value`` and ``max_value`` bound every value).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow.parquet as pq

    Limits = Mapping[str, tuple[int, int]]


def noted_limits(group: pq.RowGroupMetaData) -> dict[str, tuple[int, int]]:
    """Return the smallest and largest integer of each column of a group of rows, where the file notes them.

    Examples
    --------
    >>> import io
    >>> import pyarrow.parquet as pq
    >>> file = io.BytesIO()
    >>> pq.write_table(pa.table({"pt": [[3, 9], [], [4]]}), file)
    >>> noted_limits(pq.ParquetFile(file).metadata.row_group(0))
    {'pt': (3, 9)}
    """
    found: dict[str, tuple[int, int]] = {}
    for place in range(group.num_columns):
        column = group.column(place)
        statistics = column.statistics if column.is_stats_set else None
        if statistics is None or not statistics.has_min_max:
            continue
        low, high = statistics.min, statistics.max
        if isinstance(low, int) and isinstance(high, int):
            found[column.path_in_schema.partition(".")[0]] = (low, high)
    return found


def check_limits(batch: pa.RecordBatch, limits: Limits, path: Path) -> None:
    """Check that no integer lies outside of what the file notes of its column.

    Raises
    ------
    InputFileError
        If one does; the message names the column.
    """
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = _integers(column)
        if name not in limits or values is None or len(values) == values.null_count:
            continue
        low, high = limits[name]
        found: dict[str, Any] = pc.min_max(values).as_py()
        if found["min"] < low or found["max"] > high:
            raise InputFileError(
                path,
                f"column {name} holds values from {found['min']} to {found['max']}, but the file notes "
                f"{low} to {high}; the file is damaged",
            )


def _integers(column: pa.Array) -> pa.Array | None:
    """Return the integers or decisions of a column, of lists of them too; None of other columns."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        column = column.flatten()
    return column if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type) else None
