"""Any number that a file has for each entry: generated quantities, pile-up, reconstructed objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import awkward as ak
import numpy as np
import pyarrow.parquet as pq

from emulator.errors import InputFileError, MissingNameError
from emulator.objects.file_access import as_input_error, first_bytes, is_remote
from emulator.objects.root_file import is_root, open_root
from emulator.objects.sha256_files import verify_sha256

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_PARQUET_MAGIC = b"PAR1"


def read_quantity(path: str, name: str) -> NDArray[np.float64]:
    """Return a quantity of each entry of a file.

    Parameters
    ----------
    path
        A ROOT or Parquet file.
    name
        ``TREE/BRANCH`` in ROOT files, as ``l1GeneratorTree/L1GenTree/partPt`` or ``Events/GenMET_pt``; a
        column in Parquet files. Lists give their largest element, as the leading pT.

    Returns
    -------
    float64, axis (entry); NaN for an empty list.

    Raises
    ------
    InputFileError
        If the file cannot be read, has another format, or the branch holds no numbers.
    MissingNameError
        If there is no such tree, branch or column.
    """
    head = b"root" if is_remote(path) else first_bytes(path)
    if is_root(head):
        return _numbers(_root_values(path, name), path, name)
    if head.startswith(_PARQUET_MAGIC):
        verify_sha256(path)
        with as_input_error(path, f"column {name}"):
            names = pq.read_schema(path).names
            if name in names:
                table = pq.read_table(path, columns=[name], page_checksum_verification=True)
                return _numbers(ak.from_arrow(table[name]), path, name)
        raise MissingNameError("column", name, names, path)
    raise InputFileError(path, "quantities are read from ROOT and Parquet files only")


def _root_values(path: str, name: str) -> Any:
    tree_name, _, branch = name.rpartition("/")
    if not tree_name:
        raise InputFileError(path, f"name a quantity as TREE/BRANCH, not {name!r}")
    with open_root(path) as file:
        tree = file.tree(tree_name)
        return tree.numbers(branch, 0, tree.entries)


def _numbers(values: Any, path: str, name: str) -> NDArray[np.float64]:
    layout = ak.to_layout(values)
    with as_input_error(path, f"{name}, which must hold a number or a list of numbers an entry"):
        if layout.purelist_depth == 2:
            values = ak.fill_none(ak.max(values, axis=1), np.nan)
        return np.asarray(ak.to_numpy(values), dtype=np.float64)
