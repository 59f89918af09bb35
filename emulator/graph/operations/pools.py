"""Pooling of images: windows that slide over height and width, each channel on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.graph.operations.node import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class _Pool(Node):
    """Windows without padding; what is left over at the lower and right edge is not read.

    Parameters
    ----------
    window
        Height and width of the window.
    stride
        Steps of the window, down and to the right.
    """

    hls4ml_layer: ClassVar[bool] = True

    window: tuple[int, ...]
    stride: tuple[int, ...]

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that the window fits into the image."""
        height, width, channels = self.require_image(inputs[0])
        for what, pair in (("window", self.window), ("stride", self.stride)):
            self.require(
                len(pair) == 2 and min(pair) >= 1,
                f"needs two positive numbers as {what}, has {pair}",
            )
        self.require(
            self.window[0] <= height and self.window[1] <= width,
            f"its window {self.window} is larger than the image, {(height, width)}",
        )
        rows = (height - self.window[0]) // self.stride[0] + 1
        columns = (width - self.window[1]) // self.stride[1] + 1
        return Tensor((rows, columns, channels), self.format)


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """Largest element of each window, cast to ``format``."""

    rtl: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class AveragePool(_Pool):
    """Mean of each window as hls4ml computes it.

    Elements are added to 0 in the order (row, column), each sum exact and then cast to
    ``accumulator``; the raw of the sum is divided by the size of the window and truncated toward
    zero; the quotient is cast to ``format``.
    """

    rtl: ClassVar[bool] = True

    accumulator: FixedFormat
