"""Parts of decoded files come back as they were written, or are told to be damaged."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from emulator.decoded import DecodedRows
from emulator.decoded.parts import arrow_array, read_part, write_part
from emulator.errors import InputFileError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "bool",
)


def some(kind: str, n: int) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    values = np.random.default_rng(n).integers(0, 2**64 - 1, n, dtype=np.uint64)
    return values.astype(kind)


def make_part(n: int, rows: str = "int8") -> DecodedRows:
    scalars = {"event": some("uint64", n), "crossing": some("int16", n), "weight": some("int64", n)}
    return DecodedRows(some(rows, 3 * n).reshape(n, 3), scalars)


@pytest.mark.parametrize("rows", ["int8", "int16"])
@pytest.mark.parametrize("n", [0, 1, 1_000])
def test_all_comes_back(tmp_path: Path, n: int, rows: str) -> None:
    part = make_part(n, rows)
    write_part(tmp_path / "a.arrow", part)
    found = read_part(tmp_path / "a.arrow")
    (tmp_path / "a.arrow").unlink()  # it stays mapped
    assert found.rows.dtype == part.rows.dtype
    np.testing.assert_array_equal(found.rows, part.rows)
    assert list(found.scalars) == list(part.scalars)
    for name, values in part.scalars.items():
        assert found.scalars[name].dtype == values.dtype
        np.testing.assert_array_equal(found.scalars[name], values)


def test_rows_that_do_not_stand_in_a_row(tmp_path: Path) -> None:
    wide = some("int16", 60).reshape(10, 6)
    for rows in (wide[:, ::2], wide[::-1, :3], np.asfortranarray(wide)):
        write_part(tmp_path / "a.arrow", DecodedRows(rows, {"event": wide[:, 1]}))
        found = read_part(tmp_path / "a.arrow")
        np.testing.assert_array_equal(found.rows, rows)
        np.testing.assert_array_equal(found.scalars["event"], wide[:, 1])


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write_part(path, make_part(50))
    good = path.read_bytes()
    for content in (good[:-1], bytes(len(good)), b"x", b""):
        path.write_bytes(content)
        with pytest.raises(InputFileError, match=r"a\.arrow: a damaged decoded file, remove its"):
            read_part(path)
    other = pa.table({"rows": [1, 2]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, other.schema) as writer:
        writer.write_table(other)
    with pytest.raises(InputFileError, match="a damaged decoded file"):
        read_part(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 7, 8, 9])
def test_arrow_arrays_are_those_of_arrow(kind: str, n: int) -> None:
    values = some(kind, 3 * n)
    for each in (values[:n], values[::3]):
        found = arrow_array(each)
        found.validate(full=True)
        assert found.equals(pa.array(each))


def test_pandas_is_not_imported(tmp_path: Path) -> None:
    """It takes longer than to score a million crossings."""
    program = """
import sys
import numpy as np
from pathlib import Path
from emulator.decoded import DecodedRows
from emulator.decoded.parts import arrow_array, read_part, write_part
from l1distill.score_table import write_columns
path = Path(sys.argv[1])
write_part(path / "a.arrow", DecodedRows(np.zeros((9, 3), np.int8), {"event": np.arange(9)}))
part = read_part(path / "a.arrow")
for name in ("b.arrow", "b.parquet"):
    write_columns(path / name, [{**part.scalars, "fires_x": part.rows[:, 0] > 1}])
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
