"""Type codes of sums in CMSSW's collections, and which of them the Global Trigger's words join.

Source: CMSSW, ``l1t::EtSum::EtSumType``; interface of the Global Trigger in Run 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: Type code of each sum of the events array.
SUM_TYPES: Final[Mapping[str, int]] = {
    "ett": 0,
    "htt": 1,
    "etm": 2,
    "htm": 3,
    "etmhf": 8,
    "htmhf": 20,
}


@dataclass(frozen=True, slots=True)
class SumPart:
    """A further field of a sum's word, which CMSSW keeps as a sum of its own.

    Attributes
    ----------
    kind
        Its type code; the field is its hardware ET.
    shift, bits
        The bits of that ET which the word has.
    """

    kind: int
    shift: int = 0
    bits: int = 16

    def values(
        self,
        offsets: NDArray[np.int64],
        part_offsets: NDArray[np.int64],
        index: NDArray[np.int64],
        pt: NDArray[Any],
    ) -> NDArray[np.int64] | None:
        """Return the field for each entry of a sum, or None if a row has the sum but not the part.

        Parameters
        ----------
        offsets
            int64 (n_rows + 1) of the sum.
        part_offsets, index
            int64 (n_rows + 1), and positions of the parts in ``pt``; at most one a row.
        pt
            Hardware ET of all sums of the range.
        """
        rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        if np.any(np.diff(part_offsets)[rows] == 0):
            return None
        return self.bits_of(pt[index[part_offsets[rows]]])

    def bits_of(self, pt: NDArray[Any]) -> NDArray[np.int64]:
        """Return the field from the hardware ET of the parts."""
        return pt.astype(np.int64) >> self.shift & ((1 << self.bits) - 1)


#: Further fields of each sum (see `emulator.objects.events.OPTIONAL_FIELDS`).
SUM_PARTS: Final[Mapping[str, Mapping[str, SumPart]]] = {
    "ett": {"ettem": SumPart(16), "min_bias": SumPart(11)},
    "htt": {"towers": SumPart(21), "min_bias": SumPart(12)},
    "etm": {"asymmetry": SumPart(23), "min_bias": SumPart(13)},
    "htm": {"asymmetry": SumPart(24), "min_bias": SumPart(14)},
    # The eight bits of centrality go half and half into two words.
    "etmhf": {"asymmetry": SumPart(25), "centrality": SumPart(22, 0, 4)},
    "htmhf": {"asymmetry": SumPart(26), "centrality": SumPart(22, 4, 4)},
}
