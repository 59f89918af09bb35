"""Operations of a fixed-point network.

Each operation is a frozen dataclass of plain values (integers, tuples, types): the same definition is
read by the plain-Python reference, the engine, the hls4ml writer and the model file. Its ``infer``
states the rules it obeys and returns what it produces; a broken rule raises `GraphError` with the
node's name.

Tensors are one-dimensional, ``size`` elements of one `FixedFormat`. Arithmetic inside a node is exact;
the only roundings and overflows are the casts that its fields name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a node produces: ``size`` numbers of one type."""

    size: int
    format: FixedFormat


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


@dataclass(frozen=True, slots=True)
class Input(Node):
    """Hardware integers as they come from the feature layout, one raw for each feature."""

    arity: ClassVar[int] = 0
    hls4ml_layer: ClassVar[bool] = True

    size: int

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the number of features."""
        self.require(not inputs, "an input has no inputs of its own")
        self.require(self.size >= 1, f"needs at least one feature, has {self.size}")
        return Tensor(self.size, self.format)


@dataclass(frozen=True, slots=True)
class OffsetShift(Node):
    """Scaling of inputs without multipliers: ``(x - offset) >> shift``, as AXOL1TL scales.

    Per element: the exact ``x - offset`` is cast to ``inner``; its raw is shifted right
    arithmetically by ``shift`` (left, with bits falling off the top, if negative) within ``inner``;
    the result is cast to ``format``.
    """

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
        return Tensor(size, self.format)


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

    weights: tuple[tuple[int, ...], ...]
    weight_format: FixedFormat
    bias: tuple[int, ...]
    bias_format: FixedFormat
    accumulator: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the shape of the weights and that they fit their types."""
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
        return Tensor(n_out, self.format)


@dataclass(frozen=True, slots=True)
class Relu(Node):
    """``max(x, 0)``, cast to ``format``."""

    hls4ml_layer: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the size."""
        return Tensor(inputs[0].size, self.format)


@dataclass(frozen=True, slots=True)
class Quantize(Node):
    """A cast of every element to ``format``."""

    hls4ml_layer: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the size."""
        return Tensor(inputs[0].size, self.format)


@dataclass(frozen=True, slots=True)
class _Pair(Node):
    arity: ClassVar[int] = 2

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check that both inputs have the same size."""
        first, second = inputs
        self.require(
            first.size == second.size, f"its inputs have sizes {first.size} and {second.size}"
        )
        return Tensor(first.size, self.format)


@dataclass(frozen=True, slots=True)
class Add(_Pair):
    """Element-wise sum of two inputs, exact, then cast to ``format``."""


@dataclass(frozen=True, slots=True)
class Subtract(_Pair):
    """First input minus second, element-wise and exact, then cast to ``format``."""


@dataclass(frozen=True, slots=True)
class Square(Node):
    """Exact square of every element, then cast to ``format``."""

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Keep the size."""
        return Tensor(inputs[0].size, self.format)


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """Sum of all elements into one number.

    Every element is cast to ``accumulator``; they are added in order, starting at 0, with the
    accumulator's overflow at each step; the sum is cast to ``format``.
    """

    accumulator: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Reduce to one element."""
        self.require(inputs[0].size >= 1, "has nothing to add")
        return Tensor(1, self.format)


#: Every operation by its name in the model file.
OPERATIONS: dict[str, type[Node]] = {
    operation.__name__: operation
    for operation in (Input, OffsetShift, Dense, Relu, Quantize, Add, Subtract, Square, Sum)
}
