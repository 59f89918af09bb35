"""Reads Level-1 objects from files, whatever their format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.objects.arrange import concatenate
from emulator.objects.chunks import Chunk, Order, Source
from emulator.objects.decisions import SeedBits, concatenate_bits
from emulator.objects.formats import open_file
from emulator.objects.paths import expand_paths
from emulator.objects.reader_protocol import Reader
from emulator.objects.same_scalars import SameScalars
from emulator.objects.summary import FileSummary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import awkward as ak

    from emulator.objects.paths import Paths

__all__ = [
    "Chunk",
    "FileSummary",
    "Order",
    "Reader",
    "Source",
    "open_file",
    "read_events",
    "read_events_and_bits",
]


def read_events(
    paths: Paths,
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    order: Order = "pt",
) -> ak.Array:
    """Read whole files into one events array.

    Parameters
    ----------
    paths
        One file or several; also patterns, folders and lists of files (see `expand_paths`).
    source, order
        As for `open_file`.
    crossings
        Relative crossings to take; 0 is the triggered one.

    Returns
    -------
    The events, file after file, entry after entry, crossing after crossing.

    Raises
    ------
    InputFileError
        As for `open_file`, and if some files carry weights and others do not.
    RangeError
        If an integer does not fit its range.
    """
    chunks = _all_chunks(paths, source=source, crossings=crossings, order=order)
    return concatenate([chunk.events for chunk in chunks])


def read_events_and_bits(
    paths: Paths, *, source: Source = "unpacked", order: Order = "pt"
) -> tuple[ak.Array, SeedBits]:
    """Read the triggered crossings of whole files, with the decisions that the files hold.

    Parameters
    ----------
    paths, source, order
        As for `read_events`.

    Returns
    -------
    The events, and for the same rows the decisions that all files have.

    Raises
    ------
    InputFileError
        As for `read_events`, and if a file holds no decisions.
    """
    events: list[ak.Array] = []
    bits: list[SeedBits] = []
    for chunk in _all_chunks(paths, source=source, crossings=(0,), order=order, bits=True):
        events.append(chunk.events)
        if chunk.bits is not None:
            bits.append(chunk.bits)
    return concatenate(events), concatenate_bits(bits)


def _all_chunks(
    paths: Paths,
    *,
    source: Source,
    crossings: Sequence[int],
    order: Order,
    bits: bool = False,
) -> Iterator[Chunk]:
    same = SameScalars()
    for path in expand_paths(paths):
        reader = open_file(path, source=source, order=order)
        for chunk in reader.chunks(crossings=crossings, bits=bits):
            same.check(chunk.path, chunk.events.fields)
            yield chunk
