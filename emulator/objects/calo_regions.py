"""Calorimeter regions and the score of CICADA, as L1Ntuples hold them.

CICADA looks at the transverse energy of 18 x 14 regions of the calorimeter; its emulation writes its
input and its score beside the objects (CMSSW, ``L1Trigger/L1TNtuples``).
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError
from emulator.objects.chunks import entry_ranges
from emulator.objects.root_file import RootFile, RootTree, open_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Regions in phi and in eta.
REGIONS: Final = (18, 14)

TREE: Final = "l1CaloSummaryEmuTree/L1CaloSummaryTree"
_EVENT_TREE: Final = "l1EventTree/L1EventTree"
_SCORE: Final = "CICADAScore"
_INPUT: Final = "modelInput"


@dataclass(frozen=True, slots=True)
class CaloRegions:
    """Regions and scores of a range of entries.

    Attributes
    ----------
    path, entry_start, entry_stop
        The file and the range of entries.
    run, lumi, event
        Each integer (entries,).
    et
        uint16, axes (entry, phi, eta), shape (entries, 18, 14): hardware ET of each region.
    cicada_score
        float32 (entries,); 0 where CICADA was not run.
    """

    path: str
    entry_start: int
    entry_stop: int
    run: NDArray[Any]
    lumi: NDArray[Any]
    event: NDArray[Any]
    et: NDArray[np.uint16]
    cicada_score: NDArray[np.float32]


def has_calo_regions(file: RootFile) -> bool:
    """Tell whether a file has regions with entries."""
    return TREE in file.trees() and file.tree(TREE).entries > 0


def read_calo_regions(
    path: str | PathLike[str], *, chunk_events: int = 100_000
) -> Iterator[CaloRegions]:
    """Read the regions of a file in ranges of at most ``chunk_events`` entries.

    Raises
    ------
    InputFileError
        If the file cannot be read, a region is no hardware integer, or the tree has other entries
        than the event tree.
    MissingNameError
        If a tree or branch is missing.
    """
    name = fspath(path)
    with open_root(name) as file:
        tree, events = file.tree(TREE), file.tree(_EVENT_TREE)
        if tree.entries != events.entries:
            problem = f"{tree.entries} entries, but {events.entries} in {_EVENT_TREE}"
            raise InputFileError(tree.where, problem)
        regions = _input_branch(tree)
        for start, stop in entry_ranges(tree.entries, chunk_events):
            numbers = {each: events.flat(each, start, stop) for each in ("run", "lumi", "event")}
            yield CaloRegions(
                name,
                start,
                stop,
                **numbers,
                et=_hardware(tree, regions, start, stop),
                cicada_score=tree.block(_SCORE, start, stop, ()).astype(np.float32),
            )


def _input_branch(tree: RootTree) -> str:
    """Return the name of the input: ROOT puts the shape of a C array behind it."""
    for branch in tree.branches:
        if branch.partition("[")[0] == _INPUT:
            return branch
    tree.need(_INPUT)
    return _INPUT


def _hardware(tree: RootTree, branch: str, start: int, stop: int) -> NDArray[np.uint16]:
    values = tree.block(branch, start, stop, REGIONS)
    whole = values.astype(np.uint16)
    if values.dtype.kind == "f" or not np.array_equal(whole, values):
        raise InputFileError(tree.where, f"branch {branch} holds values that are no regions' ET")
    return whole
