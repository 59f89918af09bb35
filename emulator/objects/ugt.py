"""Test vectors of the Global Trigger as files: plain, ``.xz`` or ``.gz``; a reader and a writer."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError
from emulator.files import replace_file
from emulator.objects.arrange import sort_by_pt
from emulator.objects.chunks import Chunk, Order, Source, checked_crossings, entry_ranges
from emulator.objects.events import build_events, known_fields
from emulator.objects.scales import load_scales
from emulator.objects.summary import FileSummary, Tally
from emulator.objects.ugt_words import (
    LINE_BYTES,
    ORBIT_CROSSINGS,
    UgtWords,
    decode_objects,
    decode_scalars,
    encode_events,
    format_lines,
    parse_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


FORMAT_NAME: Final = "ugt"

_XZ_MAGIC: Final = b"\xfd7zXZ\x00"
_GZIP_MAGIC: Final = b"\x1f\x8b"

#: A test vector has no more than one orbit, so a small damaged file cannot fill the memory.
_MOST_BYTES: Final = ORBIT_CROSSINGS * LINE_BYTES

_DESCRIBE_CROSSINGS: Final = ORBIT_CROSSINGS


def matches(head: bytes) -> bool:
    """Tell from its first bytes whether a file is a test vector, or compressed as one may be."""
    return head.startswith((_XZ_MAGIC, _GZIP_MAGIC)) or re.match(rb"\d{4} ", head) is not None


def _content(path: str, most_bytes: int) -> bytes:
    """Return at most so many bytes of the text, decompressed if its first bytes say so."""
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


class UgtReader:
    """Reads a test vector; see the protocol `emulator.objects.reader.Reader`.

    Each line is a crossing of its own, an entry with relative crossing 0 only. The words of the file
    come with each chunk (`Chunk.words`), its 512 algorithm bits on request.
    """

    format_name: str = FORMAT_NAME

    def __init__(self, path: str, *, order: Order = "pt") -> None:
        self.path = path
        self.order = order
        self.entries = len(read_words(path))

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
    ) -> Iterator[Chunk]:
        """Return the crossings of the file in ranges of at most ``chunk_events`` lines.

        Raises
        ------
        InputFileError
            If another relative crossing than 0 is asked for.
        RangeError
            If an integer does not fit its range; the message names the line.
        """
        others = [int(each) for each in checked_crossings(crossings) if each != 0]
        if others:
            asked = ", ".join(str(each) for each in others)
            raise InputFileError(self.path, f"crossing {asked} is in no entry; offered: 0")
        return self._chunks(entry_ranges(self.entries, chunk_events), bits)

    def _chunks(self, ranges: Sequence[tuple[int, int]], bits: bool) -> Iterator[Chunk]:
        words = read_words(self.path)
        for start, stop in ranges:
            part = words[start:stop]
            place = partial(_line_of, self.path, start)
            events = build_events(decode_scalars(part), decode_objects(part), place=place)
            yield Chunk(
                self.path,
                "",
                start,
                stop,
                sort_by_pt(events) if self.order == "pt" else events,
                bits=part.bits() if bits else None,
                words=part,
            )

    def provenance(self) -> dict[str, Any]:
        """Return nothing: test vectors carry no note about their origin."""
        return {}

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""
        tally = Tally(load_scales())
        objects = decode_objects(read_words(self.path))
        for name, part in objects.items():
            tally.add_objects(name, part.fields)
        tally.add_crossings(np.arange(self.entries), np.zeros(self.entries, dtype=np.int64))
        return FileSummary(
            path=self.path,
            format_name=FORMAT_NAME,
            source="unpacked",
            trees=(),
            entries=self.entries,
            sources=("unpacked",),
            crossings=tally.crossings(),
            collections=tally.collections(),
            missing=tuple(
                f"{name}.{field}"
                for name, part in objects.items()
                for field in known_fields(name)
                if field not in part.fields
            ),
            weighted=False,
            provenance={},
        )


def _line_of(path: str, start: int, row: int) -> str:
    return f"{path}: line {start + row + 1}"


def open_ugt(path: str, source: Source, order: Order) -> UgtReader:
    """Return the reader of a test vector; `InputFileError` if emulated objects are asked for."""
    if source != "unpacked":
        raise InputFileError(path, "a uGT test vector has one set of objects; read it as unpacked")
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
    return len(text) // LINE_BYTES


def write_ugt(path: str | Path, chunks: Iterable[Chunk]) -> int:
    """Write chunks as a test vector: words as they were read, else from events and bits.

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
    return write_words(path, parts)
