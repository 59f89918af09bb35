"""Check sums behind a ROOT file that l1distill wrote, and a source for uproot that holds reads to them.

ROOT protects neither its baskets (with zstd) nor its lists of them, so one flipped bit can be another
value. `add_check_sums` appends the CRC-32 of each block behind the end that the ROOT file states, where
ROOT and uproot do not look. `CheckedSource` gives no byte whose block was not found good.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import uproot

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Small against what a basket of real files has, large against the work of one call.
BLOCK_BYTES: Final = 1 << 16

_MAGIC: Final = b"L1DCRC32"

#: Length of the file before the check sums, bytes of a block, check sum of all of these and the table.
_FOOTER: Final = struct.Struct(f"<QII{len(_MAGIC)}s")


def add_check_sums(path: str | Path) -> None:
    """Append the check sums of a complete file."""
    with Path(path).open("r+b") as stream:
        table = bytearray()
        size = 0
        while block := stream.read(BLOCK_BYTES):
            table += struct.pack("<I", zlib.crc32(block))
            size += len(block)
        stream.write(table + _footer(table, size))


def _footer(table: bytes | bytearray, size: int) -> bytes:
    own = zlib.crc32(struct.pack("<QI", size, BLOCK_BYTES), zlib.crc32(table))
    return _FOOTER.pack(size, BLOCK_BYTES, own, _MAGIC)


def has_check_sums(path: str | Path) -> bool:
    """Tell whether a file ends as `add_check_sums` leaves it."""
    with Path(path).open("rb") as stream:
        end = stream.seek(0, 2)
        stream.seek(max(end - len(_MAGIC), 0))
        return stream.read() == _MAGIC


class BlockChecks:
    """The check sums of one file, and which of its blocks were found good.

    Parameters
    ----------
    path
        A file for which `has_check_sums` is true.

    Attributes
    ----------
    size
        Length of the file without its check sums.

    Raises
    ------
    InputFileError
        Here and in `check`, if bytes are not those that were written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.root"
    >>> _ = path.write_bytes(b"root and so on")
    >>> add_check_sums(path)
    >>> checks = BlockChecks(path)
    >>> checks.check(np.fromfile(path, np.uint8), 5, 9)
    >>> checks.size
    14
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self.size, self._table = self._read_table()
        self._good = np.zeros(len(self._table), dtype=np.bool_)

    def _read_table(self) -> tuple[int, NDArray[np.uint32]]:
        problem = "the check sums at its end are damaged or cut short"
        with Path(self._path).open("rb") as stream:
            end = stream.seek(0, 2)
            if end < _FOOTER.size:
                raise InputFileError(self._path, problem)
            stream.seek(end - _FOOTER.size)
            footer = stream.read()
            size, block_bytes, _, _ = _FOOTER.unpack(footer)
            n_blocks = -(-size // BLOCK_BYTES)
            if block_bytes != BLOCK_BYTES or end != size + 4 * n_blocks + _FOOTER.size:
                raise InputFileError(self._path, problem)
            stream.seek(size)
            table = stream.read(4 * n_blocks)
        if footer != _footer(table, size):
            raise InputFileError(self._path, problem)
        return size, np.frombuffer(table, dtype="<u4")

    def check(self, content: NDArray[np.uint8], start: int, stop: int) -> None:
        """Check all blocks that a range of the file's content touches, unless they are known."""
        first, last = start // BLOCK_BYTES, -(-min(stop, self.size) // BLOCK_BYTES)
        for block in first + np.flatnonzero(~self._good[first:last]):
            begin = int(block) * BLOCK_BYTES
            end = min(begin + BLOCK_BYTES, self.size)
            if zlib.crc32(content[begin:end].data) != self._table[block]:
                problem = (
                    f"bytes {begin} to {end} are not those that were written (CRC-32): the file is "
                    "damaged, or another program has changed it"
                )
                raise InputFileError(self._path, problem)
            self._good[block] = True


class CheckedSource(uproot.MemmapSource):
    """A mapped file with check sums: every block is checked before its first use."""

    def __init__(self, file_path: str, **options: Any) -> None:
        super().__init__(file_path, **options)
        if self.file is None:
            raise InputFileError(file_path, "cannot be mapped into memory")
        self._checks = BlockChecks(file_path)

    def chunk(self, start: int, stop: int) -> Any:
        """Return the bytes of a range."""
        self._checks.check(self.file, start, stop)
        return super().chunk(start, stop)

    def chunks(self, ranges: list[tuple[int, int]], notifications: Any) -> Any:
        """Return the bytes of several ranges."""
        for start, stop in ranges:
            self._checks.check(self.file, start, stop)
        return super().chunks(ranges, notifications)
