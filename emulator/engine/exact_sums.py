"""When the sum of a layer is one exact integer sum, at which fraction, and which numbers it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.fixed import FixedFormat, Interval
from emulator.graph.operations import Sum
from emulator.graph.windows import BEYOND, patches, weight_columns

if TYPE_CHECKING:
    from emulator.graph.operations import Tensor
    from emulator.graph.ranges import Ranges
    from emulator.graph.windows import Adder


def start_values(node: Adder) -> tuple[int, ...]:
    """Return what each sum starts with, as raws of the accumulator."""
    if isinstance(node, Sum):
        return (0,)
    return tuple(
        Interval(bias, bias).cast(node.bias_format.fraction, node.accumulator).low
        for bias in node.bias
    )


def exact_sum_fraction(node: Adder, fraction: int) -> int | None:
    """Return the fraction bits at which one integer sum is exact, or None if steps are needed.

    One sum is exact when the accumulator wraps and keeps all ``fraction`` bits of the terms. Start
    values may need more of the accumulator's fraction bits than the terms.
    """
    accumulator = node.accumulator
    if accumulator.overflow != "WRAP" or accumulator.fraction < fraction:
        return None
    spare = accumulator.fraction - fraction
    for start in start_values(node):
        if start:
            trailing_zeros = (start & -start).bit_length() - 1
            spare = min(spare, trailing_zeros)
    return accumulator.fraction - spare if spare < accumulator.width else None


def kept_format(accumulator: FixedFormat, fraction: int) -> FixedFormat:
    """Return a wrapping accumulator without those of its fraction bits that are always zero."""
    width = accumulator.width - (accumulator.fraction - fraction)
    return FixedFormat(width, accumulator.integer, accumulator.signed)


def term_fraction(node: Adder, source: Tensor) -> int:
    """Return the fraction bits of the exact terms of a sum."""
    weight = 0 if isinstance(node, Sum) else node.weight_format.fraction
    return source.format.fraction + weight


def _read_by_patches(node: Adder, inputs: Ranges, source: Tensor) -> list[list[Interval]]:
    """Return what each position of a layer reads, in order of its weights."""
    zero = Interval(0, 0)
    return [
        [zero if place == BEYOND else inputs[place] for place in patch.places]
        for patch in patches(node, source)
    ]


def term_range(node: Adder, inputs: Ranges, source: Tensor) -> Interval:
    """Return the interval of all exact terms, and 0 where nothing is added yet."""
    read = _read_by_patches(node, inputs, source)
    # A product is largest and smallest at ends of both, and these ends are weights.
    rows = zip(*weight_columns(node, len(read[0])), strict=True)
    weights = [Interval(min(row), max(row)) for row in rows]
    terms = (
        x.product(ends) for elements in read for x, ends in zip(elements, weights, strict=True)
    )
    return Interval.hull([Interval(0, 0), *terms])


def sum_range(node: Adder, inputs: Ranges, source: Tensor, at: int) -> Interval:
    """Return an interval that holds all sums, exact, at ``at`` fraction bits, start included."""
    starts = [start >> node.accumulator.fraction - at for start in start_values(node)]
    unit = 1 << at - term_fraction(node, source)
    read = _read_by_patches(node, inputs, source)
    columns = weight_columns(node, len(read[0]))
    return Interval.hull(
        part.times(unit).plus(start)
        for elements in read
        for part, start in zip(Interval.weighted_sums(elements, columns), starts, strict=True)
    )
