"""Windows that slide over images, and layers that add weighted elements, as plain lists of places.

Ranges, planner and engine share this; the reference has its own loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from emulator.graph.operations import AveragePool, Conv2d, Dense, MaxPool, Sum, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    # Layers whose results are sums in an accumulator.
    Adder = Dense | Conv2d | Sum

T = TypeVar("T")

#: Place of an element beyond the edge of the image, which is 0.
BEYOND = -1


@dataclass(frozen=True, slots=True)
class Patch:
    """One position of a layer's window.

    Parameters
    ----------
    places
        Flat places of the input's elements in order of their weights; `BEYOND` is 0.
    first
        Flat place of the first result; there is one result for each column of the weights.
    """

    places: tuple[int, ...]
    first: int


def patches(node: Adder, source: Tensor) -> tuple[Patch, ...]:
    """Return the positions of a layer; `Dense` and `Sum` have one, all of the input.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> byte = FixedFormat(8, 8)
    >>> patches(Sum("s", ("x",), byte, accumulator=byte), Tensor((2,), byte))
    (Patch(places=(0, 1), first=0),)
    """
    if not isinstance(node, Conv2d):
        return (Patch(tuple(range(source.size)), 0),)
    height, width, channels = source.shape
    top, bottom, left, right = node.padding
    found: list[Patch] = []
    for row, column in product(
        range(-top, height + bottom - node.kernel[0] + 1, node.stride[0]),
        range(-left, width + right - node.kernel[1] + 1, node.stride[1]),
    ):
        places = []
        for i, j in product(
            range(row, row + node.kernel[0]), range(column, column + node.kernel[1])
        ):
            inside = 0 <= i < height and 0 <= j < width
            start = (i * width + j) * channels
            places += [start + c if inside else BEYOND for c in range(channels)]
        found.append(Patch(tuple(places), len(found) * len(node.bias)))
    return tuple(found)


def weight_columns(node: Adder, n_in: int) -> tuple[tuple[int, ...], ...]:
    """Return the weights of each result of a patch."""
    if isinstance(node, Sum):
        return ((1,) * n_in,)
    return tuple(zip(*node.weights, strict=True))


def pool_windows(node: MaxPool | AveragePool, source: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return, for each window, the flat places of its elements in the first channel.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> byte = FixedFormat(8, 8)
    >>> node = MaxPool("m", ("x",), byte, window=(1, 2), stride=(1, 1))
    >>> pool_windows(node, Tensor((1, 3, 2), byte))
    ((0, 2), (2, 4))
    """
    height, width, channels = source.shape
    return tuple(
        tuple(
            ((row + i) * width + column + j) * channels
            for i, j in product(range(node.window[0]), range(node.window[1]))
        )
        for row, column in product(
            range(0, height - node.window[0] + 1, node.stride[0]),
            range(0, width - node.window[1] + 1, node.stride[1]),
        )
    )


def spread(values: Sequence[T], size: int) -> list[T]:
    """Repeat constants of each channel for each element.

    Examples
    --------
    >>> spread((1, 2), 6)
    [1, 2, 1, 2, 1, 2]
    """
    return [values[place % len(values)] for place in range(size)]
