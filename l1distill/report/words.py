"""Numbers as a page prints them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Printed where a value is not known.
UNKNOWN = "\N{EN DASH}"


def number(value: float, digits: int = 3) -> str:
    """Return a number with some significant digits and no exponent, thousands set apart.

    Less than a billionth is what sums of floats leave of 0, and shown as 0.

    Examples
    --------
    >>> [number(value) for value in (2e-15, 0.000412345, 1.04, 26314.7)]
    ['0', '0.000412', '1.04', '26,315']
    """
    if abs(value) < 0.5e-9:
        return "0"
    if not math.isfinite(value):
        return f"{value:g}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), 9)}f}"


def percent(fraction: float) -> str:
    """Return a fraction in per cent, without the sign.

    Examples
    --------
    >>> [percent(fraction) for fraction in (0.3141, 0.0006, 1)]
    ['31.4', '0.0600', '100']
    """
    return number(100 * fraction)


def span(low: float | None, high: float | None, *, scale: float = 1.0) -> str:
    r"""Return an interval; a bound that cannot be told is left open.

    Examples
    --------
    >>> [bounds.split("\N{EN DASH}") for bounds in (span(0.184, 0.196, scale=100), span(0.9, None))]
    [['18.4', '19.6'], ['0.900', '?']]
    """
    bounds = ("?" if bound is None else number(scale * bound) for bound in (low, high))
    return "\N{EN DASH}".join(bounds)


def with_error(value: float, error: float) -> str:
    """Return a value and its error, both to the second digit of the error.

    An error below the ninth digit is what summing floats leaves of none.

    Examples
    --------
    >>> with_error(1.0352, 0.0711), with_error(10.2, 2e-15), with_error(26314.7, 123.4)
    ('1.035 ± 0.071', '10.2 ± 0', '26,315 ± 123')
    """
    if 0 < error < 1e-9 * max(abs(value), 1.0):
        error = 0.0
    if not error > 0 or not math.isfinite(error):
        return f"{number(value)} ± {error:g}"
    decimals = max(1 - math.floor(math.log10(error)), 0)
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def khz(value: float) -> str:
    """Return a target rate with its unit."""
    return f"{value:g} kHz"


def listing(words: Iterable[str]) -> str:
    """Join words for a sentence.

    Examples
    --------
    >>> listing(["HTT", "MET", "leading jet"]), listing(["HTT"])
    ('HTT, MET and leading jet', 'HTT')
    """
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def count(n: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> count(1, "crossing"), count(12_000, "crossing")
    ('1 crossing', '12,000 crossings')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
