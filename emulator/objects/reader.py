"""Opens files of Level-1 objects, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, Protocol, get_args

from emulator.errors import InputFileError, SettingsError
from emulator.objects import l1ntuple, nano, ugt
from emulator.objects.arrange import concatenate
from emulator.objects.chunks import Chunk, Order, Source
from emulator.objects.decisions import SeedBits, concatenate_bits
from emulator.objects.events import OPTIONAL_SCALARS
from emulator.objects.root_file import RootFile, first_bytes, is_remote, open_root
from emulator.objects.summary import FileSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import awkward as ak

    Paths = str | PathLike[str] | Sequence[str | PathLike[str]]

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


class Reader(Protocol):
    """Reads one file. Readers hold no open file, so they can be sent to other processes."""

    @property
    def format_name(self) -> str:
        """Name of the format, as ``l1ntuple`` or ``l1nano``."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def entries(self) -> int:
        """Number of entries of the file."""

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
    ) -> Iterator[Chunk]:
        """Return the events, in ranges of at most ``chunk_events`` entries.

        With several crossings there is one row for each pair of entry and crossing, entry by entry.
        ``bits`` asks for the decisions too, which are of crossing 0.
        """

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it."""


@dataclass(frozen=True, slots=True)
class _Format:
    name: str
    matches: Callable[[RootFile], bool]
    open: Callable[[RootFile, Source, Order], Reader]


#: Every ROOT format that is read. The first one that matches a file's trees opens it.
_ROOT_FORMATS: Final = (
    _Format(l1ntuple.FORMAT_NAME, l1ntuple.matches, l1ntuple.open_l1ntuple),
    _Format(nano.FORMAT_NAME, nano.matches, nano.open_nano),
)


def open_file(
    path: str | PathLike[str], *, source: Source = "unpacked", order: Order = "pt"
) -> Reader:
    """Open a file of Level-1 objects; the format is found from its content.

    Parameters
    ----------
    path
        A ROOT file (a path, or an address that uproot can read) or a uGT test vector.
    source
        ``unpacked`` from the detector's read-out, or ``emulated`` again by the experiment.
    order
        ``pt``: objects in falling pt. ``readout``: as the trigger sent them (muons may differ).

    Returns
    -------
    The reader.

    Raises
    ------
    InputFileError
        If the file is missing, empty, damaged, or of no format that is read.
    MissingNameError
        If a tree or branch that is needed is not there.
    SettingsError
        If the source or order is unknown.

    Examples
    --------
    >>> open_file("nowhere.root")
    Traceback (most recent call last):
    emulator.errors.InputFileError: nowhere.root: there is no such file
    """
    if source not in get_args(Source):
        msg = f"source must be one of {', '.join(get_args(Source))}, not {source!r}"
        raise SettingsError(msg)
    if order not in get_args(Order):
        msg = f"order must be one of {', '.join(get_args(Order))}, not {order!r}"
        raise SettingsError(msg)
    name = fspath(path)
    if not is_remote(name) and ugt.matches(first_bytes(name)):
        return ugt.open_ugt(name, source, order)
    with open_root(name) as file:
        for each in _ROOT_FORMATS:
            if each.matches(file):
                return each.open(file, source, order)
        trees = ", ".join(file.trees()) or "none"
    known = ", ".join(each.name for each in _ROOT_FORMATS)
    raise InputFileError(name, f"its trees are of no format that is read ({known}): {trees}")


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
        One file or several.
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
    files = [paths] if isinstance(paths, str | PathLike) else list(paths)
    first: Chunk | None = None
    for path in files:
        reader = open_file(path, source=source, order=order)
        for chunk in reader.chunks(crossings=crossings, bits=bits):
            first = first or chunk
            _check_same_scalars(first, chunk)
            yield chunk


def _check_same_scalars(first: Chunk, chunk: Chunk) -> None:
    for name in OPTIONAL_SCALARS:
        if (name in first.events.fields) != (name in chunk.events.fields):
            which = "has no" if name in first.events.fields else "has a"
            raise InputFileError(
                chunk.path, f"{which} {name} for each event, unlike {first.path}; do not mix them"
            )
