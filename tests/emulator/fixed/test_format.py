"""Types: their text, their range, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import FormatError
from emulator.fixed import FixedFormat
from emulator.fixed.format import OVERFLOWS, ROUNDINGS


@given(
    st.builds(
        FixedFormat,
        width=st.integers(2, 1024),
        integer=st.integers(-40, 1024),
        signed=st.booleans(),
        rounding=st.sampled_from(ROUNDINGS),
        overflow=st.sampled_from(OVERFLOWS),
    )
)
def test_text_comes_back(target: FixedFormat) -> None:
    assert FixedFormat.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ap_fixed<18,13>", FixedFormat(18, 13)),
        ("ap_fixed<8, 6, AP_RND_CONV, AP_SAT>", FixedFormat(8, 6, True, "RND_CONV", "SAT")),
        ("ufixed<10,6,RND>", FixedFormat(10, 6, False, "RND")),
        ("fixed<8,-2,TRN,WRAP,0>", FixedFormat(8, -2)),
    ],
)
def test_reads_what_hls_writes(text: str, expected: FixedFormat) -> None:
    assert FixedFormat.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("float", "'float' is no fixed-point type"),
        ("ap_fixed<8>", "is no fixed-point type"),
        ("ap_fixed<8,4,AP_RND,AP_WRAP,2>", "saturation bits .* is not modelled"),
        ("ap_fixed<0,0>", "width must be 1 to 1024 bits, got 0"),
        ("ap_fixed<8,4,AP_UP>", "unknown rounding 'UP'"),
        ("ap_fixed<8,4,AP_RND,AP_CLIP>", "unknown overflow 'CLIP'"),
        ("ap_fixed<8,99999>", "integer bits must lie within"),
        ("ap_fixed<1,1,AP_TRN,AP_SAT_SYM>", "one bit has no symmetric range"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        FixedFormat.parse(text)


def test_range() -> None:
    assert (FixedFormat(8, 6).raw_min, FixedFormat(8, 6).raw_max) == (-128, 127)
    assert (FixedFormat(8, 6, signed=False).raw_min, FixedFormat(1, 1).raw_max) == (0, 0)
    assert FixedFormat(8, 6).fraction == 2
