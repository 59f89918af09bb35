"""What a Parquet file notes of its columns' ranges is held against their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from public_data_set import tables, write_hugging_face

from emulator.errors import InputFileError
from emulator.objects import open_file, read_events
from emulator.objects.parquet_statistics import check_limits, noted_limits

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {
    "small": pa.array([[-3, 9], [], None, [4]], pa.list_(pa.int16())),
    "large": pa.array([5, 2**64 - 1, 2**63, 7], pa.uint64()),
    "flag": pa.array([True, True, False, True]),
    "float": pa.array([0.5, 1.5, float("nan"), 2.5]),
    "text": pa.array(["b", "a", "c", "a"]),
    "empty": pa.array([[], [], [], []], pa.list_(pa.int32())),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet", row_group_size=2)
    return tmp_path / "a.parquet"


def test_limits_are_those_of_the_writer(path: Path) -> None:
    metadata = pq.ParquetFile(path).metadata
    assert noted_limits(metadata.row_group(0)) == {
        "small": (-3, 9), "large": (5, 2**64 - 1), "flag": (True, True),
    }  # fmt: skip
    assert noted_limits(metadata.row_group(1)) == {
        "small": (4, 4), "large": (7, 2**63), "flag": (False, True),
    }  # fmt: skip


def test_no_statistics_no_limits(tmp_path: Path) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "a.parquet", write_statistics=False)
    assert noted_limits(pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)) == {}


def test_what_lies_beyond_is_an_error(path: Path) -> None:
    batch = pa.RecordBatch.from_pydict(COLUMNS)
    inside = {"small": (-3, 9), "large": (0, 2**64 - 1), "flag": (False, True), "empty": (1, 2)}
    check_limits(batch, inside, path)
    for limits, found in (
        ({"small": (-2, 9)}, "small holds values from -3 to 9, but the file notes -2 to 9"),
        ({"small": (-3, 8)}, "small holds values from -3 to 9"),
        ({"large": (5, 2**64 - 2)}, f"large holds values from 5 to {2**64 - 1}"),
        ({"flag": (True, True)}, "flag holds values from False to True"),
    ):
        with pytest.raises(InputFileError, match=rf"a\.parquet: column {found}"):
            check_limits(batch, inside | limits, path)


def test_a_flipped_bit_beyond_the_range_is_told(tmp_path: Path) -> None:
    """Without check sums of pages or of the file, and within the range of the hardware."""
    parts = tables(200, seed=3)
    column = parts["ET"].column_names.index("Et")
    code = np.full(200, 1111, np.int64)
    code[::2] = 1110
    offsets = pa.array(np.arange(201, dtype=np.int32))
    parts["ET"] = parts["ET"].set_column(column, "Et", pa.ListArray.from_arrays(offsets, code))
    path = write_hugging_face(tmp_path / "a.parquet", parts, row_group=70)
    content = path.read_bytes()
    assert read_events(path).ett.pt.tolist() == [[each] for each in code]
    with pq.ParquetFile(path) as file:
        start = file.metadata.row_group(1)
        places = [k for k in range(start.num_columns) if "ET_Et" in start.column(k).path_in_schema]
        chunk = next(start.column(k) for k in places if start.column(k).path_in_schema[0] == "E")
    page = content.index((1111).to_bytes(8, "little"), chunk.dictionary_page_offset)
    changed = bytearray(content)
    changed[page + 1] ^= 8  # 1111 becomes 3159
    path.write_bytes(changed)
    assert pq.read_table(path)["ET_Et"].to_pylist().count([3159]) > 0  # pyarrow takes it
    with pytest.raises(InputFileError, match="column ET_Et holds values from 1110 to 3159"):
        read_events(path)
    # Rows of the groups before it are good.
    first = next(open_file(path).chunks(entries=(0, 70)))
    assert first.events.ett.pt.tolist() == [[each] for each in code[:70]]
