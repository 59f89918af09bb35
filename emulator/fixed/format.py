"""The type of a fixed-point number, named as ``ap_[u]fixed<W,I,Q,O>`` names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from emulator.errors import FormatError

Rounding = Literal["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
Overflow = Literal["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]

ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)

#: Widest type that is accepted anywhere; C-simulation and Python integers would take more.
MAX_WIDTH = 1024

_TEXT = re.compile(
    r"(?:ap_)?(?P<unsigned>u?)fixed<(?P<width>\d+),(?P<integer>-?\d+)"
    r"(?:,(?:AP_)?(?P<rounding>[A-Z_]+))?(?:,(?:AP_)?(?P<overflow>[A-Z_]+))?(?:,(?P<wrap_bits>\d+))?>"
)


@dataclass(frozen=True, slots=True)
class FixedFormat:
    """``ap_fixed<width, integer, rounding, overflow>``, or ``ap_ufixed`` if not signed.

    Parameters
    ----------
    width
        Number of bits, the sign bit included, ``1 <= width <= 1024``.
    integer
        Number of integer bits, the sign bit included; may be negative or exceed the width.
    signed
        Two's complement, else unsigned.
    rounding, overflow
        Modes that apply when a number is cast *to* this type.

    Raises
    ------
    FormatError
        If the width is out of range or a mode is unknown.

    Examples
    --------
    >>> FixedFormat(8, 6, rounding="RND_CONV", overflow="SAT")
    fixed<8,6,RND_CONV,SAT>
    >>> FixedFormat.parse("ap_ufixed<10,6>").raw_max
    1023
    """

    width: int
    integer: int
    signed: bool = True
    rounding: Rounding = "TRN"
    overflow: Overflow = "WRAP"

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            msg = f"width must be 1 to {MAX_WIDTH} bits, got {self.width}"
            raise FormatError(msg)
        if abs(self.integer) > 2 * MAX_WIDTH:
            msg = f"integer bits must lie within ±{2 * MAX_WIDTH}, got {self.integer}"
            raise FormatError(msg)
        if self.rounding not in ROUNDINGS:
            msg = f"unknown rounding {self.rounding!r}; known: {', '.join(ROUNDINGS)}"
            raise FormatError(msg)
        if self.overflow not in OVERFLOWS:
            msg = f"unknown overflow {self.overflow!r}; known: {', '.join(OVERFLOWS)}"
            raise FormatError(msg)
        if self.overflow == "SAT_SYM" and self.signed and self.width == 1:
            # ap_fixed gives -1 here, which is no symmetric range at all.
            msg = "a signed type of one bit has no symmetric range, SAT_SYM needs two"
            raise FormatError(msg)

    @classmethod
    def parse(cls, text: str) -> FixedFormat:
        """Read a type from its text, with or without the ``ap_`` and ``AP_`` prefixes.

        Raises
        ------
        FormatError
            If the text is no fixed-point type, or asks for ``AP_WRAP`` with saturation bits.
        """
        match = _TEXT.fullmatch(text.replace(" ", ""))
        if match is None:
            msg = f"{text!r} is no fixed-point type; write for example 'ap_fixed<8,6,AP_RND_CONV,AP_SAT>'"
            raise FormatError(msg)
        if int(match["wrap_bits"] or 0):
            msg = f"{text!r}: wrapping with saturation bits (the fifth parameter) is not modelled"
            raise FormatError(msg)
        return cls(
            width=int(match["width"]),
            integer=int(match["integer"]),
            signed=not match["unsigned"],
            rounding=cast("Rounding", match["rounding"] or "TRN"),
            overflow=cast("Overflow", match["overflow"] or "WRAP"),
        )

    @property
    def fraction(self) -> int:
        """Number of fraction bits, ``width - integer``; negative if the last bit is above one."""
        return self.width - self.integer

    @property
    def raw_min(self) -> int:
        """Smallest raw that the bits of the type can hold."""
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def raw_max(self) -> int:
        """Largest raw of the type."""
        return (1 << self.width - self.signed) - 1

    @property
    def lowest(self) -> int:
        """Smallest raw that a cast to the type gives: `raw_min`, or ``-raw_max`` for `SAT_SYM`."""
        return -self.raw_max if self.signed and self.overflow == "SAT_SYM" else self.raw_min

    def __str__(self) -> str:
        modes = f",{self.rounding},{self.overflow}"
        if modes == ",TRN,WRAP":
            modes = ""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    def __repr__(self) -> str:
        return str(self)
