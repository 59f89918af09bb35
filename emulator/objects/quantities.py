"""Any number that a file has for each entry: generated quantities, pile-up, reconstructed objects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import awkward as ak
import numpy as np
import pyarrow.parquet as pq

from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.objects.file_access import as_input_error, first_bytes, is_remote
from emulator.objects.root_file import is_root, open_root
from emulator.objects.sha256_files import verify_sha256

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_PARQUET_MAGIC = b"PAR1"

#: What every file knows of its crossings.
IDENTITIES: Final = ("run", "lumi")


@dataclass(frozen=True, slots=True)
class Binning:
    """A quantity of a crossing, and its bins.

    Attributes
    ----------
    name
        How tables call it.
    branch
        Where files have it, see `read_quantity`; empty for `IDENTITIES`.
    edges
        Edges of the bins; empty for `IDENTITIES`, whose every value is a group.
    """

    name: str
    branch: str = ""
    edges: tuple[float, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Binning:
        """Read ``run``, ``lumi`` or ``NAME=TREE/BRANCH:EDGE,EDGE,...``.

        Raises
        ------
        SettingsError
            If it is none of them.

        Examples
        --------
        >>> Binning.parse("pile-up=l1EventTree/L1EventTree/nPV_True:0,40,50,60")
        Binning(name='pile-up', branch='l1EventTree/L1EventTree/nPV_True', edges=(0.0, 40.0, 50.0, 60.0))
        """
        if text in IDENTITIES:
            return cls(text)
        name, equals, rest = text.partition("=")
        branch, colon, edges = rest.rpartition(":")
        try:
            numbers = tuple(float(edge) for edge in edges.split(","))
        except ValueError:
            numbers = ()
        rises = len(numbers) > 1 and all(low < high for low, high in pairwise(numbers))
        if not (name and equals and branch and colon and rises):
            msg = (
                f"a quantity is {', '.join(IDENTITIES)} or NAME=TREE/BRANCH:EDGE,EDGE,... with rising "
                f"edges, not {text!r}"
            )
            raise SettingsError(msg)
        return cls(name, branch, numbers)


def read_quantity(
    path: str, name: str, *, entries: int | None = None, first: int = 0, stop: int | None = None
) -> NDArray[np.float64]:
    """Return a quantity of each entry of a file.

    Parameters
    ----------
    path
        A ROOT or Parquet file.
    name
        ``TREE/BRANCH`` in ROOT files, as ``l1GeneratorTree/L1GenTree/partPt`` or ``Events/GenMET_pt``; a
        column in Parquet files. Lists give their largest element, as the leading pT.
    entries
        How many entries the objects of the file have, to be checked.
    first, stop
        The first entry to read and the one behind the last; all by default.

    Returns
    -------
    float64, axis (entry); NaN for an empty list.

    Raises
    ------
    InputFileError
        If the file cannot be read, has another format, or the branch holds no numbers or not as many
        as there are entries.
    MissingNameError
        If there is no such tree, branch or column.
    """
    head = b"root" if is_remote(path) else first_bytes(path)
    if is_root(head):
        return _numbers(_root_values(path, name, entries, first, stop), path, name)
    if head.startswith(_PARQUET_MAGIC):
        verify_sha256(path)
        with as_input_error(path, f"column {name}"):
            names = pq.read_schema(path).names
            if name in names:
                table = pq.read_table(path, columns=[name], page_checksum_verification=True)
                _require_entries(path, name, len(table), entries)
                return _numbers(ak.from_arrow(table[name][first:stop]), path, name)
        raise MissingNameError("column", name, names, path)
    raise InputFileError(path, "quantities are read from ROOT and Parquet files only")


def _root_values(path: str, name: str, entries: int | None, first: int, stop: int | None) -> Any:
    tree_name, _, branch = name.rpartition("/")
    if not tree_name:
        raise InputFileError(path, f"name a quantity as TREE/BRANCH, not {name!r}")
    with open_root(path) as file:
        tree = file.tree(tree_name)
        _require_entries(path, name, tree.entries, entries)
        return tree.numbers(branch, first, tree.entries if stop is None else stop)


def _require_entries(path: str, name: str, found: int, entries: int | None) -> None:
    if entries is not None and found != entries:
        raise InputFileError(path, f"{name} has {found} entries, the objects have {entries}")


def _numbers(values: Any, path: str, name: str) -> NDArray[np.float64]:
    layout = ak.to_layout(values)
    with as_input_error(path, f"{name}, which must hold a number or a list of numbers an entry"):
        if layout.purelist_depth == 2:
            values = ak.fill_none(ak.max(values, axis=1), np.nan)
        return np.asarray(ak.to_numpy(values), dtype=np.float64)
