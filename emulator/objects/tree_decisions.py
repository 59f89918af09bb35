"""Decisions of the trigger in ROOT files: one vector of bits, or one branch for each seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.errors import InputFileError
from emulator.objects.decisions import SeedBits
from emulator.objects.ugt_words import ALGORITHMS

if TYPE_CHECKING:
    from emulator.objects.root_file import RootFile

#: How branches of decisions begin.
SEED_PREFIXES: Final = ("L1_", "HLT_")


@dataclass(frozen=True, slots=True)
class TreeDecisions:
    """Where a file keeps decisions.

    Attributes
    ----------
    tree
        The tree, with as many entries as that of the objects.
    vector
        Branch with one vector of all algorithm bits an entry; else each seed has a branch.
    seeds
        Branches of seeds and paths.
    """

    tree: str
    vector: str | None = None
    seeds: tuple[str, ...] = ()

    def __len__(self) -> int:
        return ALGORITHMS if self.vector is not None else len(self.seeds)

    def check(self, file: RootFile, entries: int) -> None:
        """Check that the tree has the entries of the objects' tree; `InputFileError` if not."""
        tree = file.tree(self.tree)
        if tree.entries != entries:
            problem = (
                f"{tree.entries} entries, but {entries} with objects: decisions are not matched"
            )
            raise InputFileError(tree.where, problem)

    def read(self, file: RootFile, start: int, stop: int) -> SeedBits:
        """Return the decisions of a range of entries.

        Raises
        ------
        InputFileError
            If an entry has another number of algorithm bits than the Global Trigger.
        """
        tree = file.tree(self.tree)
        if self.vector is None:
            values = np.zeros((stop - start, len(self.seeds)), dtype=bool)
            for place, seed in enumerate(self.seeds):
                values[:, place] = tree.flat(seed, start, stop, decisions=True) != 0
            return SeedBits(self.seeds, values)
        bits = tree.jagged(self.vector, start, stop, decisions=True)
        counts = np.diff(bits.offsets)
        wrong = np.flatnonzero(counts != ALGORITHMS)
        if len(wrong):
            entry = start + int(wrong[0])
            raise InputFileError(
                tree.where,
                f"entry {entry}: {counts[wrong[0]]} algorithm bits in {self.vector}, not {ALGORITHMS}",
            )
        names = tuple(str(index) for index in range(ALGORITHMS))
        return SeedBits(names, bits.contents.reshape(-1, ALGORITHMS) != 0)
