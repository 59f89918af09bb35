"""Fixed-point arithmetic in the convention of ``ap_fixed``, exact on integers.

A *raw* is the stored integer; its value is ``raw * 2**-fraction``. Widths and integer bits count the
sign bit, so ``fraction = width - integer``.
"""

from __future__ import annotations

from emulator.fixed.cast import cast, quantize, to_float
from emulator.fixed.format import FixedFormat, Overflow, Rounding
from emulator.fixed.interval import Interval

__all__ = ["FixedFormat", "Interval", "Overflow", "Rounding", "cast", "quantize", "to_float"]
