"""What enters the network, and how its elements are arranged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.graph.operations.node import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Input(Node):
    """Hardware integers as they come from the feature layout, one raw for each feature.

    They are a vector; `Reshape` makes an image of it.
    """

    arity: ClassVar[int] = 0
    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    size: int

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the number of features."""
        self.require(not inputs, "an input has no inputs of its own")
        self.require(self.size >= 1, f"needs at least one feature, has {self.size}")
        return Tensor((self.size,), self.format)


@dataclass(frozen=True, slots=True)
class Reshape(Node):
    """The same numbers under another shape of two or three axes, the last axis running fastest.

    Parameters
    ----------
    shape
        For example (height, width, channel).
    """

    rtl: ClassVar[bool] = True

    shape: tuple[int, ...]

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that no element is lost and that the type stays."""
        size, shape = inputs[0].size, self.shape
        self.require(
            len(shape) in {2, 3} and all(axis >= 1 for axis in shape),
            f"needs two or three axes of at least one element, has {shape}",
        )
        result = Tensor(shape, self.format)
        self.require(result.size == size, f"has the shape {shape} for {size} elements")
        _require_same_type(self, inputs[0])
        return result


@dataclass(frozen=True, slots=True)
class Flatten(Node):
    """The same numbers as one axis."""

    rtl: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that the type stays."""
        _require_same_type(self, inputs[0])
        return Tensor((inputs[0].size,), self.format)


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """The same numbers for every event.

    Parameters
    ----------
    shape
        One to three axes.
    raws
        Raws of ``format``, the last axis running fastest.
    """

    arity: ClassVar[int] = 0
    rtl: ClassVar[bool] = True

    shape: tuple[int, ...]
    raws: tuple[int, ...]

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that the numbers fill the shape and fit the type."""
        self.require(not inputs, "a constant has no inputs")
        self.require(
            len(self.shape) in {1, 2, 3} and all(axis >= 1 for axis in self.shape),
            f"needs one to three axes of at least one element, has {self.shape}",
        )
        result = Tensor(self.shape, self.format)
        self.require(
            len(self.raws) == result.size,
            f"has {len(self.raws)} numbers for the shape {self.shape}",
        )
        self.require_fits(self.raws, self.format, "number")
        return result


@dataclass(frozen=True, slots=True)
class Concatenate(Node):
    """Two inputs one after the other along the last axis, each element cast to ``format``."""

    arity: ClassVar[int] = 2
    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that the other axes agree."""
        first, second = (tensor.shape for tensor in inputs)
        self.require(
            first[:-1] == second[:-1],
            f"its inputs have shapes {first} and {second}, which differ before the last axis",
        )
        return Tensor((*first[:-1], first[-1] + second[-1]), self.format)


def _require_same_type(node: Node, source: Tensor) -> None:
    node.require(
        node.format == source.format, f"keeps the type {source.format}, but states {node.format}"
    )
