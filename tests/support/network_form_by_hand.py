"""A network in the form ``l1-fixed-point-network/1``, evaluated from its words with fractions.

Nothing of the project is used here but what text means which type.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

from emulator.fixed import FixedFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def cast(value: Fraction, text: str) -> int:
    """Return the mantissa of a value in a type."""
    target = FixedFormat.parse(text)
    scaled = value * Fraction(2) ** target.fraction
    mantissa = floor(scaled)
    rest = scaled - mantissa
    if target.rounding == "RND":
        mantissa += rest >= Fraction(1, 2)
    elif target.rounding == "RND_CONV":
        mantissa += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and mantissa % 2 == 1)
    elif target.rounding != "TRN":
        raise NotImplementedError(target.rounding)
    low, high = target.raw_min, target.raw_max
    if target.overflow == "WRAP":
        return (mantissa - low) % (1 << target.width) + low
    if target.overflow not in {"SAT", "SAT_SYM"}:
        raise NotImplementedError(target.overflow)
    low = -high if target.overflow == "SAT_SYM" and target.signed else low
    return max(low, min(high, mantissa))


def value(mantissa: int, text: str) -> Fraction:
    """Return the value of a mantissa."""
    return mantissa * Fraction(2) ** -FixedFormat.parse(text).fraction


def evaluate_form(form: dict[str, Any], features: Sequence[Fraction]) -> dict[str, list[int]]:
    """Return the mantissas of every layer for features after the era's rules."""
    types = {"input": form["input"]["type"]}
    values = {"input": _input(form["input"], features)}
    for layer in form["layers"]:
        given = [[value(m, types[name]) for m in values[name]] for name in layer["inputs"]]
        types[layer["name"]] = layer["output_type"]
        values[layer["name"]] = _KINDS[layer["kind"]](layer, *given)
    return values


def _input(given: dict[str, Any], features: Sequence[Fraction]) -> list[int]:
    raw_type = given["raw_type"]
    result = []
    for feature, offset, shift in zip(features, given["offset"], given["shift"], strict=True):
        x = value(cast(feature, raw_type), raw_type)
        moved = cast(x - Fraction(offset), raw_type)
        wrapping = FixedFormat.parse(raw_type)
        plain = f"ap_{'' if wrapping.signed else 'u'}fixed<{wrapping.width},{wrapping.integer}>"
        moved = cast(value(moved, raw_type) * Fraction(2) ** -shift, plain)
        result.append(cast(value(moved, raw_type), given["type"]))
    return result


def _accumulated(terms: Sequence[Fraction], start: Fraction, accum: str) -> Fraction:
    total = value(cast(start, accum), accum)
    for term in terms:
        total = value(cast(total + value(cast(term, accum), accum), accum), accum)
    return total


def _dense(layer: dict[str, Any], x: list[Fraction]) -> list[int]:
    result = []
    for j, bias in enumerate(layer["bias"]):
        terms = [
            part * value(row[j], layer["weight_type"])
            for part, row in zip(x, layer["weight"], strict=True)
        ]
        total = _accumulated(terms, value(bias, layer["bias_type"]), layer["accum_type"])
        total = max(total, Fraction(0)) if layer["activation"] == "relu" else total
        result.append(cast(total, layer["output_type"]))
    return result


def _subtract(layer: dict[str, Any], x: list[Fraction], y: list[Fraction]) -> list[int]:
    return [cast(first - second, layer["output_type"]) for first, second in zip(x, y, strict=True)]


def _sum_of_squares(layer: dict[str, Any], x: list[Fraction]) -> list[int]:
    total = _accumulated([part**2 for part in x], Fraction(0), layer["accum_type"])
    return [cast(total, layer["output_type"])]


_KINDS: dict[str, Callable[..., list[int]]] = {
    "dense": _dense,
    "subtract": _subtract,
    "sum_of_squares": _sum_of_squares,
}
