"""Decisions of the trigger that a file holds beside its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import MissingNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeedBits:
    """Decisions that a file holds, for the same crossings as an events array.

    Attributes
    ----------
    names
        Bit indices ``"0"`` to ``"511"`` where a file stores no names (uGT test vectors, L1uGT
        trees), else names of seeds and paths as the file has them.
    values
        bool, axes (crossing, name).

    Examples
    --------
    >>> bits = SeedBits(("0", "1"), np.array([[True, False], [True, True]]))
    >>> bits.column("1").tolist()
    [False, True]
    """

    names: tuple[str, ...]
    values: NDArray[np.bool_]

    def column(self, name: str) -> NDArray[np.bool_]:
        """Return the decisions of one seed, bool (crossing); `MissingNameError` if there is none."""
        return self.columns((name,))[:, 0]

    def columns(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return the decisions of some seeds, bool (crossing, name), in the order asked for."""
        if tuple(names) == self.names:
            return self.values
        places = {name: place for place, name in enumerate(self.names)}
        for name in names:
            if name not in places:
                raise MissingNameError("seed", name, self.names, "decisions")
        return self.values[:, [places[name] for name in names]]


def concatenate_bits(parts: Sequence[SeedBits]) -> SeedBits:
    """Join decisions row after row; names that only some parts have are left out.

    Examples
    --------
    >>> a = SeedBits(("x", "y"), np.array([[True, False]]))
    >>> b = SeedBits(("y",), np.array([[True]]))
    >>> joined = concatenate_bits([a, b])
    >>> joined.names, joined.values.tolist()
    (('y',), [[False], [True]])
    """
    if not parts:
        return SeedBits((), np.zeros((0, 0), dtype=bool))
    common = set(parts[0].names).intersection(*(part.names for part in parts))
    names = tuple(name for name in parts[0].names if name in common)
    return SeedBits(names, np.concatenate([part.columns(names) for part in parts]))
