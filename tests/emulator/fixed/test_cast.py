"""Casts against exact rational arithmetic and against the reference, in every mode."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.reference import cast_exact
from emulator.errors import RangeError
from emulator.fixed import FixedFormat, Interval, cast, quantize, to_float
from emulator.fixed.format import OVERFLOWS, ROUNDINGS, Overflow, Rounding

MODES = [(rounding, overflow) for rounding in ROUNDINGS for overflow in OVERFLOWS]


def rounded(value: Fraction, mode: Rounding) -> int:
    """The definition in words of the manual, on rational numbers."""
    floor, up = math.floor(value), math.ceil(value)
    if mode == "TRN":
        return floor
    if mode == "TRN_ZERO":
        return math.trunc(value)
    if value - floor != Fraction(1, 2):
        return math.floor(value + Fraction(1, 2))
    return {
        "RND": up,
        "RND_ZERO": floor if value > 0 else up,
        "RND_INF": up if value > 0 else floor,
        "RND_MIN_INF": floor,
        "RND_CONV": round(value),
    }[mode]


def overflowed(raw: int, target: FixedFormat) -> int:
    """The definition: count around the range, or clamp, or zero."""
    low, high = target.raw_min, target.raw_max
    if target.overflow == "WRAP":
        while raw > high:
            raw -= 2**target.width
        while raw < low:
            raw += 2**target.width
        return raw
    if target.overflow == "SAT_SYM" and target.signed:
        low = -high
    if low <= raw <= high:
        return raw
    if target.overflow == "SAT_ZERO":
        return 0
    return low if raw < low else high


def defined(value: Fraction, target: FixedFormat) -> int:
    scaled = value * Fraction(2) ** target.fraction
    return overflowed(rounded(scaled, target.rounding), target)


formats = st.builds(
    FixedFormat,
    width=st.integers(2, 40),
    integer=st.integers(-6, 46),
    signed=st.booleans(),
    rounding=st.sampled_from(ROUNDINGS),
    overflow=st.sampled_from(OVERFLOWS),
)


@pytest.mark.parametrize(
    ("rounding", "overflow", "signed", "width"),
    [
        (*modes, signed, width)
        for modes, signed, width in product(MODES, [True, False], [1, 2, 3, 5])
        if not (modes[1] == "SAT_SYM" and signed and width == 1)  # no type
    ],
)
def test_all_small_raws_in_every_mode(
    rounding: Rounding, overflow: Overflow, signed: bool, width: int
) -> None:
    raws = np.arange(-128, 128)
    for integer in range(-1, width + 3):
        target = FixedFormat(width, integer, signed, rounding, overflow)
        for fraction in (0, 2, 4):
            expected = [defined(Fraction(int(raw), 2**fraction), target) for raw in raws]
            assert cast(raws, fraction, target).tolist() == expected
            values = raws / 2**fraction
            assert quantize(values, target).tolist() == expected
            assert [cast_exact(int(raw), fraction, target) for raw in raws] == expected


@given(raw=st.integers(-(2**61), 2**61), fraction=st.integers(-20, 80), target=formats)
def test_wide_raws_equal_the_reference(raw: int, fraction: int, target: FixedFormat) -> None:
    assert cast([raw], fraction, target).tolist() == [cast_exact(raw, fraction, target)]


@given(value=st.floats(allow_nan=False, allow_infinity=False), target=formats)
def test_a_double_is_cast_as_the_real_number_that_it_is(value: float, target: FixedFormat) -> None:
    scaled = Fraction(value) * Fraction(2) ** target.fraction
    raw = rounded(scaled, target.rounding)
    low, high = target.raw_min, target.raw_max
    if target.overflow == "WRAP":
        expected = (raw - low) % 2**target.width + low
    else:
        expected = overflowed(max(min(raw, high + 1), low - 1), target)
    assert quantize([value], target).tolist() == [expected]


@given(target=formats)
def test_every_raw_survives_the_way_through_doubles(target: FixedFormat) -> None:
    raws = np.unique([target.raw_min, target.raw_min // 3, 0, target.raw_max // 3, target.raw_max])
    kept = raws if target.overflow != "SAT_SYM" else raws[raws > target.raw_min]
    assert quantize(to_float(kept, target), target).tolist() == kept.tolist()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_refuses_what_is_no_number(bad: float) -> None:
    with pytest.raises(RangeError, match=r"cannot be cast to fixed<8,8>"):
        quantize([1.0, bad], FixedFormat(8, 8))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_drops_more_bits_than_there_are(rounding: Rounding) -> None:
    target = FixedFormat(4, 4, rounding=rounding)
    most = (1 << 62) - 1
    raws = [sign * raw for sign in (-1, 1) for raw in (0, 1, most >> 1, (most >> 1) + 1, most)]
    for drop in range(58, 68):
        expected = [cast_exact(raw, drop, target) for raw in raws]
        assert cast(raws, drop, target).tolist() == expected, f"{drop} bits"


def test_refuses_what_64_bits_cannot_hold() -> None:
    with pytest.raises(ValueError, match="at most 61 bits"):
        cast([1], 0, FixedFormat(62, 62))
    with pytest.raises(ValueError, match="62 bits or more"):
        cast([1 << 62], 0, FixedFormat(8, 8))
    with pytest.raises(ValueError, match="at most 50 bits"):
        quantize([1.0], FixedFormat(51, 51))


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@pytest.mark.parametrize("signed", [True, False])
def test_intervals_hold_every_cast_and_are_tight(
    rounding: Rounding, overflow: Overflow, signed: bool
) -> None:
    target = FixedFormat(3, 3, signed, rounding, overflow)
    for low in range(-40, 40, 3):
        for high in range(low, 40, 5):
            casts = [cast_exact(raw, 2, target) for raw in range(low, high + 1)]
            found = Interval(low, high).cast(2, target)
            assert found.low <= min(casts)
            assert found.high >= max(casts)
            if overflow in {"SAT", "SAT_SYM"}:
                assert (found.low, found.high) == (min(casts), max(casts))
            if low == high:
                assert (found.low, found.high) == (casts[0], casts[0])
