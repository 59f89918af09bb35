"""The calibration never changes."""

from __future__ import annotations

import hashlib
import inspect

from l1distill.bench import calibration


def test_source_is_frozen() -> None:
    """With another calibration all accepted speeds lose their meaning: raise VERSION, accept anew."""
    source = inspect.getsource(calibration.calibrate)
    found = hashlib.sha256(source.encode()).hexdigest()
    assert (calibration.VERSION, found[:16]) == (1, "3b368142d3057640")


def test_checksum_by_plain_integers() -> None:
    """Two steps by hand in 64 bits, wrapped to 32."""

    def step(value: int, place: int) -> int:
        multiplied = value * (place % 251 - 125)
        offset = (place * 40_503 + 2**31) % 2**32 - 2**31
        # The remainder of numpy has the sign of the divisor, like Python's.
        added = multiplied + offset % 65_521
        wrapped = (added + 2**31) % 2**32 - 2**31
        return min(wrapped >> 6, 1_023)

    total = 0
    for place in range(8_192):
        value = place % 1_024
        for _ in range(120):
            value = step(value, place)
        total += value
    assert calibration.calibrate() == total
