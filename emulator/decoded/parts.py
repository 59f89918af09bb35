"""One range of entries as an Arrow file, mapped into memory: one file to open, however many columns it has."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_ROWS = "rows"


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """Crossings of a range of entries.

    Attributes
    ----------
    rows
        Axes (crossing, feature): the features, int16, or what they are cast to, int8.
    scalars
        Run, lumi, event, orbit and crossing, and the weights that the file has; axis (crossing).
    """

    rows: NDArray[Any]
    scalars: dict[str, NDArray[Any]]


def arrow_array(values: NDArray[Any]) -> pa.Array:
    """Return numbers or decisions as an Arrow array, and rows of them as lists of one length.

    Numbers that stand in a row are not copied.

    ``pyarrow.array`` would do the same, but imports pandas first, which takes longer than a million scores.

    Examples
    --------
    >>> arrow_array(np.array([True, False, True])).to_pylist()
    [True, False, True]
    >>> arrow_array(np.array([[1, 2], [3, 4]])).to_pylist()
    [[1, 2], [3, 4]]
    """
    if values.ndim == 2:
        flat = arrow_array(values.reshape(-1))
        kind = pa.list_(flat.type, values.shape[1])
        return pa.Array.from_buffers(kind, len(values), [None], children=[flat])
    if values.dtype == np.bool_:
        kind, stored = pa.bool_(), np.packbits(values, bitorder="little")
    else:
        kind, stored = pa.from_numpy_dtype(values.dtype), np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(stored)])


def arrow_batch(columns: Mapping[str, NDArray[Any]]) -> pa.RecordBatch:
    """Return columns of one length as an Arrow batch, see `arrow_array`.

    Examples
    --------
    >>> arrow_batch({"score": np.array([3, 5])}).num_rows
    2
    """
    return pa.RecordBatch.from_arrays(
        [arrow_array(each) for each in columns.values()], list(columns)
    )


def _numpy_array(values: pa.Array) -> NDArray[Any]:
    """Return the view that ``values.to_numpy()`` would give after importing pandas."""
    return np.frombuffer(values.buffers()[1], values.type.to_pandas_dtype(), len(values))


def write_part(path: Path, part: DecodedRows) -> None:
    """Write crossings as they are, nothing encoded."""
    batch = arrow_batch({_ROWS: part.rows} | part.scalars)
    with path.open("wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def read_part(path: Path) -> DecodedRows:
    """Return crossings as views of the mapped file, which stays mapped as long as one of them is used.

    Raises
    ------
    InputFileError
        If the file is not what `write_part` wrote.
    """
    # Arrow's own mapping asks the system for every column ahead, which costs more than to map what is there.
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        batch = pa.ipc.open_file(pa.py_buffer(content)).get_batch(0)
        rows, *scalars = batch.columns
        names = batch.schema.names[1:]
        shape = (len(batch), rows.type.list_size)
        return DecodedRows(
            _numpy_array(rows.values).reshape(shape),
            {name: _numpy_array(each) for name, each in zip(names, scalars, strict=True)},
        )
    except (pa.ArrowException, ValueError, AttributeError) as error:
        raise InputFileError(str(path), "a damaged decoded file, remove its folder") from error
