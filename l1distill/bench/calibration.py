"""The calibration: frozen integer work, whose time is the unit in which speed is told.

It does what an engine does (multiply, add, shift and clip short vectors of 32-bit integers that stay in
the caches) by numpy's compiled loops, so a change of the engine, of numba or of its options moves the
engine's time and not the unit. Never change it: with it all references of speed lose their meaning. A
changed one is a new version, and `VERSION` is part of the key of every reference.
"""

from __future__ import annotations

from typing import Final

import numpy as np

VERSION: Final = 1

_SIZE: Final = 8_192
_STEPS: Final = 120
_MULTIPLIERS: Final = np.arange(_SIZE, dtype=np.int32) % 251 - 125
_OFFSETS: Final = np.arange(_SIZE, dtype=np.int32) * 40_503 % 65_521
_SHIFTS: Final = np.full(_SIZE, 6, dtype=np.int32)
_LIMITS: Final = np.full(_SIZE, 1_023, dtype=np.int32)


def calibrate() -> int:
    """Do the work once, about half a millisecond, and return a checksum that is always the same.

    Examples
    --------
    >>> calibrate()
    5768898
    """
    values = np.arange(_SIZE, dtype=np.int32) % 1_024
    for _ in range(_STEPS):
        np.multiply(values, _MULTIPLIERS, out=values)
        np.add(values, _OFFSETS, out=values)
        np.right_shift(values, _SHIFTS, out=values)
        np.minimum(values, _LIMITS, out=values)
    return int(values.sum())
