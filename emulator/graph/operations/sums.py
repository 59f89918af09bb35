"""Operations that add products or elements in an accumulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.graph.operations.node import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class Dense(Node):
    """Fully connected layer as hls4ml computes it.

    Every product is exact and then cast to ``accumulator``; the sum starts at the bias cast to
    ``accumulator``; products are added in input order with the accumulator's overflow at each step;
    the sum is cast to ``format``.

    Parameters
    ----------
    weights
        Raws of ``weight_format``, ``weights[i][j]`` from input i to output j.
    bias
        Raws of ``bias_format``, one for each output.
    """

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    weights: tuple[tuple[int, ...], ...]
    weight_format: FixedFormat
    bias: tuple[int, ...]
    bias_format: FixedFormat
    accumulator: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the shape of the weights and that they fit their types."""
        self.require_flat(inputs[0])
        n_in, n_out = inputs[0].size, len(self.bias)
        self.require(n_out >= 1, "needs at least one output")
        self.require(
            len(self.weights) == n_in, f"has weights for {len(self.weights)} inputs, gets {n_in}"
        )
        for place, row in enumerate(self.weights):
            self.require(
                len(row) == n_out,
                f"weights of input {place} go to {len(row)} outputs, the bias to {n_out}",
            )
            self.require_fits(row, self.weight_format, f"weight of input {place} to output")
        self.require_fits(self.bias, self.bias_format, "bias")
        return Tensor((n_out,), self.format)


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """Sum of all elements into one number.

    Every element is cast to ``accumulator``; they are added in order, starting at 0, with the
    accumulator's overflow at each step; the sum is cast to ``format``.
    """

    rtl: ClassVar[bool] = True

    accumulator: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Reduce to one element."""
        self.require(inputs[0].size >= 1, "has nothing to add")
        return Tensor((1,), self.format)


@dataclass(frozen=True, slots=True)
class Conv2d(Node):
    """Convolution of an image (height, width, channel) as hls4ml computes it.

    Each output is a sum like that of `Dense` over one patch of the image, its elements in the order
    (row, column, channel); what lies beyond the image is 0. The result is (height, width, filter).

    Parameters
    ----------
    weights
        Raws of ``weight_format``, ``weights[k][f]`` from element k of the patch to filter f.
    bias
        Raws of ``bias_format``, one for each filter.
    kernel
        Height and width of the patch.
    stride
        Steps of the patch, down and to the right.
    padding
        Rows and columns of zeros around the image: top, bottom, left, right.
    """

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    weights: tuple[tuple[int, ...], ...]
    weight_format: FixedFormat
    bias: tuple[int, ...]
    bias_format: FixedFormat
    accumulator: FixedFormat
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the geometry, the shape of the weights and that they fit their types."""
        height, width, channels = self.require_image(inputs[0])
        self._check_geometry()
        top, bottom, left, right = self.padding
        height, width = height + top + bottom, width + left + right
        self.require(
            self.kernel[0] <= height and self.kernel[1] <= width,
            f"its kernel {self.kernel} is larger than the padded image, {(height, width)}",
        )
        n_patch, n_filters = self.kernel[0] * self.kernel[1] * channels, len(self.bias)
        self.require(n_filters >= 1, "needs at least one filter")
        self.require(
            len(self.weights) == n_patch,
            f"has weights for {len(self.weights)} elements of a patch of {n_patch}",
        )
        for place, row in enumerate(self.weights):
            self.require(
                len(row) == n_filters,
                f"weights of element {place} go to {len(row)} filters, the bias to {n_filters}",
            )
            self.require_fits(row, self.weight_format, f"weight of element {place} to filter")
        self.require_fits(self.bias, self.bias_format, "bias")
        rows = (height - self.kernel[0]) // self.stride[0] + 1
        columns = (width - self.kernel[1]) // self.stride[1] + 1
        return Tensor((rows, columns, n_filters), self.format)

    def _check_geometry(self) -> None:
        for what, pair in (("kernel", self.kernel), ("stride", self.stride)):
            self.require(
                len(pair) == 2 and min(pair) >= 1,
                f"needs two positive numbers as {what}, has {pair}",
            )
        self.require(
            len(self.padding) == 4 and min(self.padding) >= 0,
            f"needs four numbers from 0 as padding (top, bottom, left, right), has {self.padding}",
        )
