"""Opens files of Level-1 objects, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, Protocol, get_args

from emulator.errors import InputFileError, SettingsError
from emulator.objects import l1ntuple, nano
from emulator.objects.arrange import concatenate
from emulator.objects.events import OPTIONAL_SCALARS
from emulator.objects.root_file import RootFile, open_root
from emulator.objects.summary import FileSummary
from emulator.objects.tree_reader import Chunk, Order, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import awkward as ak

__all__ = ["Chunk", "FileSummary", "Order", "Reader", "Source", "open_file", "read_events"]


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
        self, *, crossings: Sequence[int] = (0,), chunk_events: int = 100_000
    ) -> Iterator[Chunk]:
        """Return the events, in ranges of at most ``chunk_events`` entries.

        With several crossings there is one row for each pair of entry and crossing, entry by entry.
        """

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it."""


@dataclass(frozen=True, slots=True)
class _Format:
    name: str
    matches: Callable[[RootFile], bool]
    open: Callable[[RootFile, Source, Order], Reader]


#: Every format that is read. The first one that matches a file's trees opens it.
_FORMATS: Final = (
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
        A ROOT file: a path, or an address that uproot can read.
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
    with open_root(name) as file:
        for each in _FORMATS:
            if each.matches(file):
                return each.open(file, source, order)
        trees = ", ".join(file.trees()) or "none"
    known = ", ".join(each.name for each in _FORMATS)
    raise InputFileError(name, f"its trees are of no format that is read ({known}): {trees}")


def read_events(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
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
    files = [paths] if isinstance(paths, str | PathLike) else list(paths)
    parts: list[ak.Array] = []
    for path in files:
        for chunk in open_file(path, source=source, order=order).chunks(crossings=crossings):
            _check_same_scalars(parts, chunk, files[0])
            parts.append(chunk.events)
    return concatenate(parts)


def _check_same_scalars(
    parts: Sequence[ak.Array], chunk: Chunk, first: str | PathLike[str]
) -> None:
    if not parts:
        return
    for name in OPTIONAL_SCALARS:
        if (name in parts[0].fields) != (name in chunk.events.fields):
            which = "has no" if name in parts[0].fields else "has a"
            raise InputFileError(
                chunk.path,
                f"{which} {name} for each event, unlike {fspath(first)}; do not mix them",
            )
