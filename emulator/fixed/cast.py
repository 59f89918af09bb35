"""Casts on arrays: fixed to fixed, double to fixed, fixed to double."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import RangeError
from emulator.fixed.rounding import drop_bits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emulator.fixed.format import FixedFormat

#: Casts of arrays hold their numbers in 64 bits with one bit to spare.
MAX_ARRAY_WIDTH = 61


def cast(raw: ArrayLike, fraction: int, target: FixedFormat) -> NDArray[np.int64]:
    """Cast raws to another fixed-point type, exactly as ``ap_fixed`` does.

    Parameters
    ----------
    raw
        Integers, any shape, ``|raw| < 2**62``.
    fraction
        Fraction bits of ``raw``.
    target
        The type to cast to, at most 61 bits wide; its rounding and overflow apply, in this order.

    Returns
    -------
    Raws of ``target``, int64, same shape.

    Raises
    ------
    ValueError
        If the target is wider than 61 bits or a raw does not fit 62 bits.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> cast([5, 6, 7, 1000], 2, FixedFormat(4, 4, rounding="RND_CONV", overflow="SAT"))
    array([1, 2, 2, 7])
    """
    if target.width > MAX_ARRAY_WIDTH:
        msg = f"arrays are cast to at most {MAX_ARRAY_WIDTH} bits, asked for {target}"
        raise ValueError(msg)
    mantissa = np.asarray(raw, dtype=np.int64)
    if mantissa.size and (mantissa.max() >= 1 << 62 or mantissa.min() <= -(1 << 62)):
        msg = "raws of 62 bits or more cannot be cast as an array"
        raise ValueError(msg)
    drop = fraction - target.fraction
    if drop >= 0:
        # Beyond 63 dropped bits nothing changes any more: only the sign is left.
        return _overflow(drop_bits(mantissa, min(drop, 63), target.rounding), target)
    return _overflow(_shift_left(mantissa, -drop, target), target)


def _shift_left(raw: NDArray[np.int64], bits: int, target: FixedFormat) -> NDArray[np.int64]:
    """Append zero bits, where what cannot be held in 64 bits does not matter for the overflow mode."""
    if target.overflow == "WRAP":
        return raw << bits if bits < 64 else np.zeros_like(raw)
    room = max(62 - bits, 0)  # beyond this the result is out of the target's range in any case
    return np.clip(raw, -(1 << room), 1 << room) << min(bits, 62)


def _overflow(raw: NDArray[np.int64], target: FixedFormat) -> NDArray[np.int64]:
    low, high = target.raw_min, target.raw_max
    if target.overflow == "WRAP":
        return (raw - low & (1 << target.width) - 1) + low
    if target.overflow == "SAT_ZERO":
        return np.where((raw < low) | (raw > high), 0, raw)
    return np.clip(raw, target.lowest, high)


def quantize(values: ArrayLike, target: FixedFormat) -> NDArray[np.int64]:
    """Cast doubles to a fixed-point type: the exact real number is rounded, then overflows.

    Parameters
    ----------
    values
        Finite float64, any shape.
    target
        The type to cast to, at most 50 bits wide.

    Returns
    -------
    Raws, int64, same shape.

    Raises
    ------
    RangeError
        If a value is not finite.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> quantize([0.3, -0.3, 2.0], FixedFormat(4, 1, rounding="RND", overflow="SAT"))
    array([ 2, -2,  7])
    """
    if target.width > 50:
        msg = f"doubles are cast to at most 50 bits, asked for {target}"
        raise ValueError(msg)
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        msg = f"a number that is not finite cannot be cast to {target}"
        raise RangeError(msg)
    # One half bit and one sticky bit below the target's last bit decide every rounding mode.
    halves = _scaled(numbers, target.fraction + 1)
    floor = np.floor(halves)
    sticky = floor != halves
    if target.overflow == "WRAP":
        # Only the rest modulo the width matters, and the sign, which rounding toward zero needs.
        period = 2.0 ** (target.width + 4)
        floor = np.fmod(floor, period) - np.where(floor < 0, period, 0.0)
    else:
        floor = np.clip(floor, -(2.0**58), 2.0**58)
    return cast(floor.astype(np.int64) * 2 + sticky, target.fraction + 2, target)


def _scaled(numbers: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Multiply by ``2**bits``; what a double cannot hold becomes something that casts alike."""
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.ldexp(numbers, bits)
    # Too small: any fraction below a half bit. Too large: a multiple of every period, or clamped.
    scaled = np.where((scaled == 0) & (numbers != 0), np.copysign(0.25, numbers), scaled)
    return np.where(np.isinf(scaled), np.copysign(2.0**1000, numbers), scaled)


def to_float(raw: ArrayLike, source: FixedFormat) -> NDArray[np.float64]:
    """Return the values of raws, exact below 53 bits.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> to_float([3, -1], FixedFormat(4, 2))
    array([ 0.75, -0.25])
    """
    return np.ldexp(np.asarray(raw, dtype=np.float64), -source.fraction)
