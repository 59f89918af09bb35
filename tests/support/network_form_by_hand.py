"""A network in the form ``l1-fixed-point-network/1``, evaluated from its words in plain integers.

Nothing of the project is used here. A number is its mantissa and its fraction bits.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TYPE = re.compile(r"ap_(u?)fixed<(\d+),(-?\d+)(?:,AP_([A-Z_]+))?(?:,AP_([A-Z_]+))?>")


class Number(NamedTuple):
    """``mantissa * 2**-fraction``."""

    mantissa: int
    fraction: int

    def at(self, fraction: int) -> int:
        """Return the mantissa with at least as many fraction bits."""
        assert fraction >= self.fraction
        return self.mantissa << (fraction - self.fraction)


class Type(NamedTuple):
    """``ap_[u]fixed<width, integer, rounding, overflow>``."""

    unsigned: bool
    width: int
    integer: int
    rounding: str
    overflow: str

    @property
    def fraction(self) -> int:
        """Fraction bits."""
        return self.width - self.integer


def type_of(text: str) -> Type:
    """Read what a type is called."""
    match = _TYPE.fullmatch(text.replace(" ", ""))
    assert match, text
    unsigned, width, integer, rounding, overflow = match.groups()
    return Type(bool(unsigned), int(width), int(integer), rounding or "TRN", overflow or "WRAP")


def exact(value: Fraction) -> Number:
    """Return a number whose denominator is a power of two."""
    fraction = value.denominator.bit_length() - 1
    assert value.denominator == 1 << fraction
    return Number(value.numerator, fraction)


def _rounded(number: Number, fraction: int, rounding: str) -> int:
    bits = number.fraction - fraction
    if bits <= 0:
        return number.mantissa << -bits
    down, rest = divmod(number.mantissa, 1 << bits)
    negative, twice, whole = number.mantissa < 0, 2 * rest, 1 << bits
    up = {
        "TRN": False,
        "TRN_ZERO": negative and rest > 0,
        "RND": twice >= whole,
        "RND_ZERO": twice > whole or (twice == whole and negative),
        "RND_INF": twice > whole or (twice == whole and not negative),
        "RND_MIN_INF": twice > whole,
        "RND_CONV": twice > whole or (twice == whole and down % 2 == 1),
    }[rounding]
    return down + up


def _within(mantissa: int, target: Type, overflow: str) -> int:
    low = 0 if target.unsigned else -(1 << target.width - 1)
    high = low + (1 << target.width) - 1
    if overflow == "WRAP":
        return (mantissa - low) % (1 << target.width) + low
    if low <= mantissa <= high and not (overflow == "SAT_SYM" and mantissa < -high):
        return mantissa
    if overflow == "SAT_ZERO":
        return 0
    assert overflow in {"SAT", "SAT_SYM"}
    smallest = -high if overflow == "SAT_SYM" and not target.unsigned else low
    return max(smallest, min(high, mantissa))


def cast(number: Number, text: str) -> Number:
    """Return a number in a type."""
    target = type_of(text)
    mantissa = _rounded(number, target.fraction, target.rounding)
    return Number(_within(mantissa, target, target.overflow), target.fraction)


def evaluate_form(form: dict[str, Any], features: Sequence[Fraction]) -> dict[str, list[int]]:
    """Return the mantissas of every layer for features after the era's rules."""
    values = {"input": _input(form["input"], features)}
    for layer in form["layers"]:
        given = [values[name] for name in layer["inputs"]]
        values[layer["name"]] = _KINDS[layer["kind"]](layer, *given)
    return {name: [each.mantissa for each in numbers] for name, numbers in values.items()}


def _difference(first: Number, second: Number) -> Number:
    fraction = max(first.fraction, second.fraction)
    return Number(first.at(fraction) - second.at(fraction), fraction)


def _input(given: dict[str, Any], features: Sequence[Fraction]) -> list[Number]:
    raw_type = given["raw_type"]
    kept = type_of(raw_type)
    result = []
    for feature, offset, shift in zip(features, given["offset"], given["shift"], strict=True):
        x = cast(exact(feature), raw_type)
        moved = cast(_difference(x, exact(Fraction(offset))), raw_type).mantissa
        moved = moved >> shift if shift >= 0 else _within(moved << -shift, kept, "WRAP")
        result.append(cast(Number(moved, kept.fraction), given["type"]))
    return result


def _accumulated(terms: Sequence[Number], start: Number, accum: str) -> Number:
    total = cast(start, accum)
    for term in terms:
        added = cast(term, accum)
        total = cast(Number(total.mantissa + added.mantissa, total.fraction), accum)
    return total


def _dense(layer: dict[str, Any], x: list[Number]) -> list[Number]:
    weight, bias = (type_of(layer[f"{name}_type"]).fraction for name in ("weight", "bias"))
    result = []
    for j, start in enumerate(layer["bias"]):
        terms = [
            Number(part.mantissa * row[j], part.fraction + weight)
            for part, row in zip(x, layer["weight"], strict=True)
        ]
        total = _accumulated(terms, Number(start, bias), layer["accum_type"])
        if layer["activation"] == "relu":
            total = Number(max(total.mantissa, 0), total.fraction)
        result.append(cast(total, layer["output_type"]))
    return result


def _subtract(layer: dict[str, Any], x: list[Number], y: list[Number]) -> list[Number]:
    pairs = zip(x, y, strict=True)
    return [cast(_difference(first, second), layer["output_type"]) for first, second in pairs]


def _sum_of_squares(layer: dict[str, Any], x: list[Number]) -> list[Number]:
    squares = [Number(part.mantissa**2, 2 * part.fraction) for part in x]
    total = _accumulated(squares, Number(0, 0), layer["accum_type"])
    return [cast(total, layer["output_type"])]


_KINDS: dict[str, Callable[..., list[Number]]] = {
    "dense": _dense,
    "subtract": _subtract,
    "sum_of_squares": _sum_of_squares,
}
