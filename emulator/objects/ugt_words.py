"""The words of the Global Trigger's test vectors, and the bit fields in them.

A test vector holds one line for each crossing of an orbit, 60 columns of hexadecimal words behind the
crossing number. `UgtWords` keeps every bit of it, so that writing gives the same bytes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.objects.decisions import SeedBits
from emulator.objects.events import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: Crossings of one LHC orbit, and so the lines of a test vector.
ORBIT_CROSSINGS: Final = 3564

#: Number of algorithm bits.
ALGORITHMS: Final = 512

#: Number of words of each kind in a line, in order, and their type.
GROUPS: Final = {
    "mu": (8, np.uint64),
    "eg": (12, np.uint32),
    "tau": (12, np.uint32),
    "jet": (12, np.uint32),
    "sums": (6, np.uint32),
    "cicada": (6, np.uint32),
}


@dataclass(frozen=True, slots=True)
class BitField:
    """Where a field lies in a word: lowest bit, number of bits, two's complement or not."""

    low: int
    bits: int
    signed: bool = False

    def get(self, words: NDArray[Any]) -> NDArray[np.int64]:
        """Return the field of each word, same shape."""
        kind = words.dtype.type
        values: NDArray[np.int64] = (words >> kind(self.low) & kind(self._mask)).astype(np.int64)
        if self.signed:
            values -= (values >> (self.bits - 1)) << self.bits
        return values

    def put(self, values: NDArray[np.integer[Any]], dtype: type[Any]) -> NDArray[Any]:
        """Return words with nothing but the field; values must fit it."""
        word: NDArray[Any] = (np.asarray(values, np.int64) & self._mask).astype(dtype)
        word <<= dtype(self.low)
        return word

    @property
    def _mask(self) -> int:
        return (1 << self.bits) - 1


_CALO: Final = {"pt": BitField(0, 9), "eta": BitField(9, 8, signed=True), "phi": BitField(17, 8)}
_ET, _ANGLE = BitField(0, 12), BitField(12, 8)
_ASYMMETRY, _TOP = BitField(20, 8), BitField(28, 4)

#: Bit fields of each word (CMS, interface of the Global Trigger in Run 3).
BIT_FIELDS: Final[Mapping[str, Mapping[str, BitField]]] = {
    "mu": {
        "pt": BitField(10, 9),
        "eta_vtx": BitField(23, 9, signed=True),
        "phi_vtx": BitField(0, 10),
        "phi": BitField(43, 10),
        "qual": BitField(19, 4),
        "charge": BitField(34, 1),
        "charge_valid": BitField(35, 1),
        "index": BitField(36, 7),
        "iso": BitField(32, 2),
        "pt_unconstrained": BitField(53, 8),
        "dxy": BitField(62, 2),
    },
    "eg": {**_CALO, "iso": BitField(25, 2)},
    "tau": {**_CALO, "iso": BitField(25, 2)},
    "jet": {
        "pt": BitField(0, 11),
        "eta": BitField(11, 8, signed=True),
        "phi": BitField(19, 8),
        "displaced": BitField(27, 1),
    },
    "ett": {"pt": _ET, "ettem": BitField(12, 12), "min_bias": _TOP},
    "htt": {"pt": _ET, "towers": BitField(12, 13), "min_bias": _TOP},
    "etm": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "min_bias": _TOP},
    "htm": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "min_bias": _TOP},
    "etmhf": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "centrality": _TOP},
    "htmhf": {"pt": _ET, "phi": _ANGLE, "asymmetry": _ASYMMETRY, "centrality": _TOP},
}

#: Muon slot whose `SHOWER` bit is the flag of a muon shower.
SHOWER_SLOTS: Final = {"mus0": 0, "mus1": 2, "mus2": 3}
SHOWER: Final = BitField(61, 1)


@dataclass(frozen=True, slots=True)
class UgtWords:
    """All bits of the lines of a test vector; every array has the axis (crossing) first.

    Attributes
    ----------
    crossing
        int64 (n,): crossing number of each line.
    mu, eg, tau, jet
        uint64 (n, 8), uint32 (n, 12), three times.
    sums
        uint32 (n, 6): ETT, HTT, ETM, HTM, ETMHF, HTMHF.
    cicada
        uint32 (n, 6).
    external
        uint8 (n, 32): external conditions, most significant byte first.
    algorithms
        uint8 (n, 64): algorithm bits, most significant byte first.
    final_or
        uint8 (n,): 0 or 1.
    """

    crossing: NDArray[np.int64]
    mu: NDArray[np.uint64]
    eg: NDArray[np.uint32]
    tau: NDArray[np.uint32]
    jet: NDArray[np.uint32]
    sums: NDArray[np.uint32]
    cicada: NDArray[np.uint32]
    external: NDArray[np.uint8]
    algorithms: NDArray[np.uint8]
    final_or: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.crossing)

    def __getitem__(self, rows: slice) -> UgtWords:
        return UgtWords(*(getattr(self, name)[rows] for name in self.__slots__))

    def bits(self) -> SeedBits:
        """Return the algorithm bits, named ``"0"`` to ``"511"``."""
        values = np.unpackbits(self.algorithms, axis=1)[:, ::-1].astype(bool)
        return SeedBits(tuple(str(index) for index in range(ALGORITHMS)), values)


def empty_words(crossings: int) -> UgtWords:
    """Return words of so many crossings without objects, sums, conditions or decisions."""
    groups: dict[str, Any] = {
        name: np.zeros((crossings, count), dtype) for name, (count, dtype) in GROUPS.items()
    }
    return UgtWords(
        crossing=np.arange(crossings),
        **groups,
        external=np.zeros((crossings, 32), np.uint8),
        algorithms=np.zeros((crossings, ALGORITHMS // 8), np.uint8),
        final_or=np.zeros(crossings, np.uint8),
    )


#: Bits that no field uses; bit 27 of EG and tau words is set in simulation.
_UNUSED: Final = {
    **dict.fromkeys(("eg", "tau", "jet"), 0xF000_0000),
    "sums": np.array([0x0F00_0000, 0x0E00_0000, 0, 0, 0, 0], dtype=np.uint32),
}


def oddities(words: UgtWords) -> dict[str, int]:
    """Count crossings that the trigger would not send, as damage makes them; only what occurs.

    Examples
    --------
    >>> words = empty_words(2)
    >>> words.eg[0, 3] = 20
    >>> oddities(words)
    {'an object behind an empty slot': 1}
    """
    unused, behind, empty = (np.zeros(len(words), dtype=np.bool_) for _ in range(3))
    for name, bits in _UNUSED.items():
        unused |= (getattr(words, name) & np.asarray(bits, dtype=np.uint32)).any(axis=1)
    for name in OBJECTS:
        slots = getattr(words, name)
        there = BIT_FIELDS[name]["pt"].get(slots) > 0
        behind |= (there[:, 1:] & ~there[:, :-1]).any(axis=1)
        shower = SHOWER.put(np.array(1), slots.dtype.type) if name == "mu" else slots.dtype.type(0)
        empty |= (~there & ((slots & ~shower) != 0)).any(axis=1)
    final = words.algorithms.any(axis=1) != (words.final_or > 0)
    found = {
        "bits that no field uses": unused,
        "an object behind an empty slot": behind,
        "an object without pT": empty,
        "a final OR that is not the OR of the algorithm bits": final,
    }
    return {what: int(where.sum()) for what, where in found.items() if where.any()}
