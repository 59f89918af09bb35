"""Operations that compute each element of their result from one element of each input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.graph.operations.node import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class OffsetShift(Node):
    """Scaling of inputs without multipliers: ``(x - offset) >> shift``, as AXOL1TL scales.

    Per element: the exact ``x - offset`` is cast to ``inner``; its raw is shifted right
    arithmetically by ``shift`` (left, with bits falling off the top, if negative) within ``inner``;
    the result is cast to ``format``.
    """

    rtl: ClassVar[bool] = True

    offset: tuple[int, ...]
    offset_format: FixedFormat
    shift: tuple[int, ...]
    inner: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that there is one offset and one shift for each element."""
        size = inputs[0].size
        self.require(len(self.offset) == size, f"has {len(self.offset)} offsets for {size} inputs")
        self.require(len(self.shift) == size, f"has {len(self.shift)} shifts for {size} inputs")
        self.require_fits(self.offset, self.offset_format, "offset")
        for place, shift in enumerate(self.shift):
            self.require(
                abs(shift) < self.inner.width,
                f"shift {place} is {shift}, but {self.inner} has {self.inner.width} bits",
            )
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class Relu(Node):
    """``max(x, 0)``, cast to ``format``."""

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the shape."""
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class Quantize(Node):
    """A cast of every element to ``format``."""

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the shape."""
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class _Pair(Node):
    arity: ClassVar[int] = 2
    hls4ml_layer: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that both inputs have the same shape."""
        first, second = inputs
        self.require(
            first.shape == second.shape, f"its inputs have shapes {first.shape} and {second.shape}"
        )
        return Tensor(first.shape, self.format)


@dataclass(frozen=True, slots=True)
class Add(_Pair):
    """Element-wise sum of two inputs, exact, then cast to ``format``."""

    rtl: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Subtract(_Pair):
    """First input minus second, element-wise and exact, then cast to ``format``."""

    rtl: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Square(Node):
    """Exact square of every element, then cast to ``format``."""

    rtl: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the shape."""
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class Multiply(_Pair):
    """Element-wise product of two inputs, exact, then cast to ``format``."""

    rtl: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class QuantizeEach(Node):
    """A cast of each element to a type of its own, then to ``format``, as HGQ quantizes.

    Parameters
    ----------
    formats
        One type for each element, or one for each channel (the last axis); None where no bit is left:
        the element is 0.
    """

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    formats: tuple[FixedFormat | None, ...]

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that there is a type for each element or channel."""
        self.require_per_channel(len(self.formats), inputs[0], "types")
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class BatchNormalization(Node):
    """``x * scale + bias``, exact, then cast to ``format``.

    Parameters
    ----------
    scale, bias
        Raws of their types, one for each element, or one for each channel (the last axis).
    """

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    scale: tuple[int, ...]
    scale_format: FixedFormat
    bias: tuple[int, ...]
    bias_format: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that there is a scale and a bias for each element or channel."""
        self.require_per_channel(len(self.scale), inputs[0], "scales")
        self.require(
            len(self.bias) == len(self.scale),
            f"has {len(self.scale)} scales and {len(self.bias)} biases",
        )
        self.require_fits(self.scale, self.scale_format, "scale")
        self.require_fits(self.bias, self.bias_format, "bias")
        return Tensor(inputs[0].shape, self.format)
