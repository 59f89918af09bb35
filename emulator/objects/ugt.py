"""Test vectors of the Global Trigger as files: plain, ``.xz`` or ``.gz``; a reader and a writer."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.objects.crossing_reader import CrossingReader, Part, require_unpacked
from emulator.objects.sha256_files import renew_sha256, verify_sha256, write_sha256
from emulator.objects.ugt_events import decode_objects, decode_scalars, encode_events
from emulator.objects.ugt_lines import LINE_BYTES, format_lines, parse_lines
from emulator.objects.ugt_words import ALGORITHMS, ORBIT_CROSSINGS, UgtWords, oddities

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emulator.objects.chunks import Chunk, Order, Source


FORMAT_NAME: Final = "ugt"

_XZ_MAGIC: Final = b"\xfd7zXZ\x00"
_GZIP_MAGIC: Final = b"\x1f\x8b"

#: A test vector has no more than one orbit, so a small damaged file cannot fill the memory.
_MOST_BYTES: Final = ORBIT_CROSSINGS * LINE_BYTES


def matches(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a test vector, or compressed as one may be."""
    return head.startswith((_XZ_MAGIC, _GZIP_MAGIC)) or re.match(rb"\d{4} ", head) is not None


def _content(path: str, most_bytes: int) -> bytes:
    """Return at most so many bytes of the text, decompressed if its first bytes say so."""
    verify_sha256(path)
    try:
        with Path(path).open("rb") as stream:
            magic = stream.read(len(_XZ_MAGIC))
            stream.seek(0)
            if magic == _XZ_MAGIC:
                with lzma.open(stream) as packed:
                    return packed.read(most_bytes)
            if magic[:2] == _GZIP_MAGIC:
                with gzip.open(stream) as packed:
                    return packed.read(most_bytes)
            return stream.read(most_bytes)
    except (lzma.LZMAError, zlib.error, EOFError) as error:
        raise InputFileError(path, f"is damaged or cut short ({error})") from error
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise InputFileError(path, problem) from error


def read_words(path: str | Path) -> UgtWords:
    """Read all bits of a test vector.

    Parameters
    ----------
    path
        The file; plain, xz or gzip, told by its first bytes.

    Returns
    -------
    The words of all lines.

    Raises
    ------
    InputFileError
        If the file is missing, damaged, longer than an orbit, or not exactly of the form that
        `write_words` gives.
    """
    text = _content(str(path), _MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise InputFileError(path, f"has more than the {ORBIT_CROSSINGS} lines of one orbit")
    return parse_lines(text, str(path))


class UgtReader(CrossingReader):
    """Reads a test vector; each line is a crossing of its own, an entry with relative crossing 0.

    The words of the file come with each chunk (`Chunk.words`), its 512 algorithm bits on request.
    """

    format_name = FORMAT_NAME
    row_name = "line"
    first_row = 1

    def __init__(self, path: str, *, order: Order = "pt") -> None:
        # An orbit at most, a megabyte: kept, so that the file is decompressed and read once.
        self._words = read_words(path)
        super().__init__(path, len(self._words), order=order)

    @property
    def decisions(self) -> int:
        """Number of algorithm bits."""
        return ALGORITHMS

    def signs_of_damage(self) -> tuple[str, ...]:
        """Return what the trigger would not send, one sentence each."""
        return tuple(
            f"{count} crossings with {what}: the file may be damaged"
            for what, count in oddities(self._words).items()
        )

    def notes(self) -> tuple[str, ...]:
        """Return what an undamaged file of the trigger does not show, in sentences."""
        if self.entries == ORBIT_CROSSINGS:
            return self.signs_of_damage()
        lines = f"{self.entries} of the {ORBIT_CROSSINGS} crossings of an orbit"
        return (f"{lines}: the file may be cut short", *self.signs_of_damage())

    def parts(self, ranges: Sequence[tuple[int, int]], *, bits: bool) -> Iterator[Part]:
        """Return the words of each range, decoded."""
        for start, stop in ranges:
            part = self._words[start:stop]
            yield Part(
                decode_scalars(part), decode_objects(part), part.bits() if bits else None, part
            )


def open_ugt(path: str, source: Source, order: Order) -> UgtReader:
    """Return the reader of a test vector; `InputFileError` if emulated objects are asked for."""
    require_unpacked(path, source, "a uGT test vector")
    return UgtReader(path, order=order)


def write_words(path: str | Path, parts: Iterable[UgtWords]) -> int:
    """Write words, part after part; ``.xz`` and ``.gz`` are compressed.

    Returns
    -------
    Number of lines written. The file appears under its name only when it is complete.

    Raises
    ------
    InputFileError
        If there is nothing to write, or more than one orbit.
    """
    text = b"".join(format_lines(part) for part in parts)
    if not text:
        raise InputFileError(path, "there are no crossings to write")
    if len(text) > _MOST_BYTES:
        problem = f"{len(text) // LINE_BYTES} crossings; a test vector holds {ORBIT_CROSSINGS}"
        raise InputFileError(path, problem)
    suffix = Path(path).suffix
    if suffix == ".xz":
        content = lzma.compress(text)
    else:
        content = gzip.compress(text, mtime=0) if suffix == ".gz" else text
    with replace_file(path) as temporary:
        temporary.write_bytes(content)
    renew_sha256(path)
    return len(text) // LINE_BYTES


def write_ugt(path: str | Path, chunks: Iterable[Chunk]) -> int:
    """Write chunks as a test vector: words as they were read, else from events and bits.

    A plain one, which has no check sum in itself, gets one beside it: ``NAME.sha256``, which readers
    compare.

    Returns
    -------
    Number of lines written.

    Raises
    ------
    InputFileError
        If there is nothing to write, or the file cannot be written.
    RangeError
        If a crossing has more objects than slots, or there are more crossings than an orbit has.
    """
    parts: list[UgtWords] = []
    written = 0
    for chunk in chunks:
        words = chunk.words or encode_events(chunk.events, chunk.bits, start=written)
        parts.append(words)
        written += len(words)
    lines = write_words(path, parts)
    if Path(path).suffix not in {".xz", ".gz"}:
        write_sha256(path)
    return lines
