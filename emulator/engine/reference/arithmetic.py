"""Casts and sums in Python integers, from their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed.format import FixedFormat


def cast_exact(raw: int, fraction: int, target: FixedFormat) -> int:
    """Cast one raw to a type: rounding first, then overflow.

    Examples
    --------
    >>> from emulator.fixed.format import FixedFormat
    >>> cast_exact(-6, 2, FixedFormat(4, 4, rounding="RND_CONV"))
    -2
    """
    return overflow(_round(raw, fraction - target.fraction, target.rounding), target)


def _round(raw: int, drop: int, rounding: str) -> int:
    """Divide by ``2**drop`` and round to an integer."""
    if drop <= 0:
        return raw * (1 << -drop)
    divisor = 1 << drop
    floor, rest = divmod(raw, divisor)  # floor toward minus infinity, 0 <= rest < divisor
    if rest == 0 or rounding == "TRN":
        return floor
    if rounding == "TRN_ZERO":
        return floor + 1 if raw < 0 else floor
    if 2 * rest != divisor:  # nearest; only a tie needs a rule
        return floor + 1 if 2 * rest > divisor else floor
    up = {
        "RND": True,
        "RND_ZERO": raw < 0,
        "RND_INF": raw > 0,
        "RND_MIN_INF": False,
        "RND_CONV": floor % 2 == 1,
    }[rounding]
    return floor + 1 if up else floor


def overflow(raw: int, target: FixedFormat) -> int:
    """Bring an integer into the range of a type, by its overflow mode."""
    low, high = target.raw_min, target.raw_max
    if target.overflow == "SAT_SYM" and target.signed:
        low = -high
    if low <= raw <= high:
        return raw
    if target.overflow == "WRAP":
        return (raw - low) % (1 << target.width) + low
    if target.overflow == "SAT_ZERO":
        return 0
    return low if raw < low else high


def accumulate(terms: Sequence[int], fraction: int, start: int, accumulator: FixedFormat) -> int:
    """Add exact terms as the hardware does: each cast to the accumulator, each sum too."""
    if accumulator.overflow == "WRAP" and accumulator.fraction >= fraction:
        # Nothing is rounded and wrapping commutes with adding: one sum, one wrap.
        exact = sum(terms) * (1 << accumulator.fraction - fraction)
        return overflow(start + exact, accumulator)
    total = start
    for term in terms:
        total = overflow(total + cast_exact(term, fraction, accumulator), accumulator)
    return total


def divide_toward_zero(number: int, divisor: int) -> int:
    """Divide by a positive integer; what is left over is dropped, as C does.

    Examples
    --------
    >>> divide_toward_zero(-7, 2)
    -3
    """
    quotient = abs(number) // divisor
    return quotient if number >= 0 else -quotient
