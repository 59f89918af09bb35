"""Which format a file has, from its content."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from emulator.errors import InputFileError, SettingsError
from emulator.objects import adc2021, l1ntuple, nano, parquet, ugt
from emulator.objects.chunks import Order, Source
from emulator.objects.file_access import first_bytes, is_remote
from emulator.objects.parquet_layout import is_zenodo_folder
from emulator.objects.root_file import RootFile, is_root, open_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.objects.reader_protocol import Reader


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

#: Names of all formats that are read.
FORMATS: Final = (
    *(each.name for each in _ROOT_FORMATS),
    ugt.FORMAT_NAME,
    parquet.FORMAT_NAME,
    adc2021.FORMAT_NAME,
)

_DATASET_SEPARATOR: Final = "::"


def open_file(
    path: str | PathLike[str], *, source: Source = "unpacked", order: Order = "pt"
) -> Reader:
    """Open a file of Level-1 objects; the format is found from its content.

    Parameters
    ----------
    path
        A ROOT file (a path, or an address that uproot can read), a uGT test vector, a Parquet file,
        a folder of the Zenodo layout, or an HDF5 file (``file.h5::dataset`` where it has several).
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
        If a tree, branch or column that is needed is not there.
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
    if is_remote(name):
        return _open_root(name, source, order)
    if is_zenodo_folder(Path(name)):
        return parquet.open_parquet(name, source, order)
    file, dataset = split_dataset(name)
    head = first_bytes(file)
    if adc2021.matches(head):
        return adc2021.open_adc2021(file, source, order, dataset=dataset)
    if ugt.matches(head):
        return ugt.open_ugt(name, source, order)
    if parquet.matches(head):
        return parquet.open_parquet(name, source, order)
    if is_root(head):
        return _open_root(name, source, order)
    known = ", ".join(FORMATS)
    raise InputFileError(name, f"its first bytes are of no format that is read ({known})")


def looks_readable(path: Path) -> bool:
    """Tell from its first bytes whether a file may be of a format that is read."""
    try:
        head = first_bytes(str(path))
    except InputFileError:
        return False
    return any(test(head) for test in (is_root, ugt.matches, parquet.matches, adc2021.matches))


def split_dataset(name: str) -> tuple[str, str | None]:
    """Split ``file::dataset``, unless there is a file of the whole name."""
    file, separator, dataset = name.rpartition(_DATASET_SEPARATOR)
    if separator and not Path(name).exists():
        return file, dataset
    return name, None


def _open_root(name: str, source: Source, order: Order) -> Reader:
    with open_root(name) as file:
        for each in _ROOT_FORMATS:
            if each.matches(file):
                return each.open(file, source, order)
        trees = ", ".join(file.trees()) or "none"
    known = ", ".join(each.name for each in _ROOT_FORMATS)
    raise InputFileError(name, f"its trees are of no format that is read ({known}): {trees}")
