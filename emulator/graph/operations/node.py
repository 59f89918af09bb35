"""What all operations have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

from emulator.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a node produces: numbers of one type.

    Numbers are stored flat, the last axis running fastest; an image is (height, width, channel).
    """

    shape: tuple[int, ...]
    format: FixedFormat

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Node(ABC):
    """One operation of a graph.

    Parameters
    ----------
    name
        Unique in the graph; a C identifier, since hls4ml makes variables of it.
    inputs
        Names of earlier nodes.
    format
        Type of the result; the last step of every operation is a cast to it.
    """

    #: Number of inputs that the operation takes.
    arity: ClassVar[int] = 1
    #: Whether hls4ml has a layer for it; otherwise its C++ is generated.
    hls4ml_layer: ClassVar[bool] = False
    #: Whether it can be written as RTL.
    rtl: ClassVar[bool] = False

    name: str
    inputs: tuple[str, ...]
    format: FixedFormat

    @abstractmethod
    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the rules of the operation and return what it produces.

        Raises
        ------
        GraphError
            If a rule is broken.
        """

    def require(self, rule_holds: bool, rule: str) -> None:
        """Raise a `GraphError` that names this node unless the rule holds."""
        if not rule_holds:
            raise GraphError(self.name, rule)

    def require_fits(self, numbers: Sequence[int], target: FixedFormat, what: str) -> None:
        """Raise a `GraphError` unless all numbers are raws of ``target``."""
        for place, number in enumerate(numbers):
            if not target.lowest <= number <= target.raw_max:
                rule = (
                    f"{what} {place} is {number}, out of the range of {target}, "
                    f"{target.lowest} to {target.raw_max}"
                )
                raise GraphError(self.name, rule)

    def require_flat(self, tensor: Tensor) -> None:
        """Raise a `GraphError` unless a tensor has one axis."""
        self.require(
            len(tensor.shape) == 1, f"takes one axis, gets the shape {tensor.shape}; flatten it"
        )

    def require_image(self, tensor: Tensor) -> tuple[int, int, int]:
        """Return height, width and channels, or raise a `GraphError` if there are no three axes."""
        self.require(
            len(tensor.shape) == 3,
            f"takes the shape (height, width, channel), gets {tensor.shape}; reshape it",
        )
        height, width, channels = tensor.shape
        return height, width, channels

    def require_per_channel(self, count: int, tensor: Tensor, what: str) -> None:
        """Raise a `GraphError` unless there is one of something for each element or channel."""
        channels = tensor.shape[-1]
        self.require(
            count in {tensor.size, channels},
            f"has {count} {what}, needs one for each of {tensor.size} elements or {channels} channels",
        )
