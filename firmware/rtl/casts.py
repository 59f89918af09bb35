"""Rounding and overflow of alkaid's symbolic variables, from primitives that are exact.

alkaid has no more than three of the seven roundings and three of the four overflows, so all are built
here from constants, one-bit corrections, truncation, comparison and selection: each rounding is
``floor(x + constant + correction)``, where the correction is one bit of ``x``.

Numbers are values (raw * 2**-fraction), which alkaid holds in doubles; it finds the last bit of
*constants* in float32, so that those of more than 24 significant bits would silently lose some:
`exact_constant` refuses them.
"""

from __future__ import annotations

from fractions import Fraction
from math import frexp
from typing import TYPE_CHECKING, Any

from emulator.fixed import Interval
from firmware.rtl.library import alkaid_trace

if TYPE_CHECKING:
    from emulator.fixed import FixedFormat, Rounding

    # An alkaid FVariable.
    Variable = Any

#: Significant bits of constants that alkaid 0.8.2 keeps, see above.
CONSTANT_BITS = 24


class InexactError(Exception):
    """Something that alkaid would not compute exactly; the caller adds the node's name."""


def exact_constant(raw: int, fraction: int) -> float:
    """Return the value of a constant.

    Raises
    ------
    InexactError
        If it has more significant bits than alkaid keeps.
    """
    bits = (abs(raw) // ((raw & -raw) or 1)).bit_length()
    if bits > CONSTANT_BITS:
        msg = f"it needs a constant of {bits} significant bits, alkaid keeps {CONSTANT_BITS}"
        raise InexactError(msg)
    return float(raw) * 2.0**-fraction


def constant(raw: int, fraction: int) -> Variable:
    """Return a variable of one value."""
    trace = alkaid_trace()
    return trace.FVariable.from_const(exact_constant(raw, fraction), hwconf=trace.HARDWARE)


def is_constant(x: Variable) -> bool:
    """Whether a variable has one value only."""
    return bool(x.low == x.high)


def raw_of(x: Variable, fraction: int) -> int:
    """Return the raw of a constant variable."""
    return int(x.low * 2.0**fraction)


def fresh(x: Variable) -> Variable:
    """Forget how a variable depends on others.

    alkaid follows linear dependence to narrow intervals; the constants that collect there would
    outgrow what it keeps, see `CONSTANT_BITS`.
    """
    interval = alkaid_trace().AffineInterval.new(x.qint)
    return x._with(_affine=interval, renew_id=False)


def plus_constant(x: Variable, raw: int, fraction: int) -> Variable:
    """Add a constant."""
    if is_constant(x):
        step = max(fraction, x.kif[2])
        return constant(raw_of(x, step) + (raw << step - fraction), step)
    if x.opr == "cadd":
        # alkaid folds both constants into one, which may have more bits than each of them.
        total = _added_constant(x) + Fraction(raw) / Fraction(2) ** fraction
        exact_constant(total.numerator, total.denominator.bit_length() - 1)
    return fresh(x + exact_constant(raw, fraction))


def _added_constant(x: Variable) -> Fraction:
    """Return the constant that made ``x``, which alkaid packs as 32 bits and 32 bits of shift."""
    number, shift = (
        (part & 0xFFFFFFFF) - ((part & 0x80000000) << 1) for part in (x._data, x._data >> 32)
    )
    power = Fraction(2**shift) if shift >= 0 else 1 / Fraction(2**-shift)
    return Fraction(number) / power * Fraction(x._factor)


def plus(x: Variable, y: Variable) -> Variable:
    """Add two variables."""
    for one, other in ((x, y), (y, x)):
        if is_constant(other):
            fraction = max(other.kif[2], 0)
            return plus_constant(one, raw_of(other, fraction), fraction)
    return fresh(x + y)


def rectified(x: Variable) -> Variable:
    """Return the larger of x and 0."""
    if x.high <= 0:
        return constant(0, 0)
    return x if x.low >= 0 else fresh(x.relu())


def cast(x: Variable, fraction: int, target: FixedFormat) -> Variable:
    """Cast a variable of a known fraction to a type: rounding first, then overflow."""
    if is_constant(x):
        return _constant_cast(x, fraction, target)
    return overflowed(rounded(x, target.fraction, target.rounding), target)


def _constant_cast(x: Variable, fraction: int, target: FixedFormat) -> Variable:
    # Not left to alkaid, which wraps unsigned constants at twice their range.
    raw = raw_of(x, fraction)
    return constant(Interval(raw, raw).cast(fraction, target).low, target.fraction)


def wrapped(x: Variable, signed: bool, integer: int, fraction: int) -> Variable:
    """Keep the bits of a type (``integer`` without the sign bit), drop all others.

    alkaid keeps a power of two beside each variable. Its optimizer forgets that power for some
    selections of one bit (``canonicalize_msb_wraps``), so nothing is selected from scaled variables.
    """
    scale = abs(x._factor)
    shift = frexp(scale)[1] - 1
    plain = x * (1 / scale)
    return plain.quantize(int(signed), integer - shift, fraction + shift, "WRAP", "TRN") * scale


def floor(x: Variable, fraction: int) -> Variable:
    """Drop the fraction bits beyond ``fraction``; nothing overflows."""
    signed, integer, _ = x.kif
    # A negative number smaller than the last kept bit becomes minus one.
    return wrapped(x, signed, max(integer, -fraction + (not signed)), fraction)


def rounded(x: Variable, fraction: int, rounding: Rounding) -> Variable:
    """Round to ``fraction`` bits, ties and signs by the mode; nothing overflows."""
    source = x.kif[2]
    drop = source - fraction
    if drop <= 0 or is_constant(x):
        return x
    half = 1 << drop - 1
    if rounding == "TRN":
        return floor(x, fraction)
    if rounding == "TRN_ZERO":
        # Negative numbers: one bit below the next multiple, so that those on the grid stay.
        negative = x.is_negative()
        up = plus(negative * 2.0**-fraction, -(negative * 2.0**-source))
        return floor(plus(x, up), fraction)
    if rounding == "RND":
        return floor(plus_constant(x, half, source), fraction)
    if rounding == "RND_MIN_INF":
        return floor(plus_constant(x, half - 1, source), fraction)
    if rounding == "RND_CONV":
        correction = wrapped(x, False, 1 - fraction, fraction) * 2.0**-drop
    elif rounding == "RND_ZERO":
        correction = x.is_negative() * 2.0**-source
    else:  # RND_INF: up by one where not negative
        correction = plus_constant(-(x.is_negative() * 2.0**-source), 1, source)
    return floor(plus_constant(plus(x, correction), half - 1, source), fraction)


def overflowed(x: Variable, target: FixedFormat) -> Variable:
    """Bring a number on the target's grid into its range."""
    if is_constant(x):
        return _constant_cast(x, target.fraction, target)
    low, high = target.raw_min, target.raw_max
    if target.overflow == "SAT_SYM" and target.signed:
        low = -high
    unit = 2.0**-target.fraction
    below, above = x.low < low * unit, x.high > high * unit
    if not (below or above):
        return x
    if target.overflow == "WRAP":
        return fresh(wrapped(x, target.signed, target.integer - target.signed, target.fraction))
    if x.high < low * unit or x.low > high * unit:
        clamped = 0 if target.overflow == "SAT_ZERO" else (low if below else high)
        return constant(clamped, target.fraction)
    if target.overflow == "SAT_ZERO":
        return _zero_outside(x, low, high, target.fraction)
    if below:
        x = fresh(x.max_of(exact_constant(low, target.fraction)))
    if above and not is_constant(x):
        x = fresh(x.min_of(exact_constant(high, target.fraction)))
    return x


def _zero_outside(x: Variable, low: int, high: int, fraction: int) -> Variable:
    """Replace what is out of the range by zero."""
    unit = 2.0**-fraction
    keys = []
    if x.low < low * unit:
        keys.append(plus_constant(x, -low, fraction))
    if x.high > high * unit:
        keys.append(plus_constant(-x, high, fraction))
    for key in keys:
        if not is_constant(x):
            x = fresh(key.msb_mux(0.0, x))
    signed, integer = low < 0, max(high, -low - 1).bit_length() - fraction
    # The selection does not narrow alkaid's interval; no bit of the number is lost here.
    return fresh(wrapped(x, signed, integer, fraction))
