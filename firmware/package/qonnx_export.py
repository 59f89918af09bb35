"""A network as QONNX: standard operations between ``Quant`` nodes, equal to it in float32.

Floats hold integers exactly to 24 bits. What would need more, or rounds within a sum, is refused.
See the QONNX specification of ``Quant``, https://github.com/fastmachinelearning/qonnx.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatchmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.fixed import FixedFormat
from emulator.graph import (
    Add,
    Concatenate,
    Dense,
    Flatten,
    Graph,
    Input,
    Multiply,
    Node,
    OffsetShift,
    Quantize,
    Relu,
    Reshape,
    Square,
    Subtract,
    Sum,
)
from firmware.errors import MissingToolError, UnsupportedNodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OPSET: Final = 13
DOMAIN: Final = "qonnx.custom_op.general"
_EXACT: Final = 1 << 24

#: Rounding of ``Quant``, and what is added, in units of the last bit, before it.
_ROUNDINGS: Final = {
    "TRN": ("FLOOR", 0.0),
    "TRN_ZERO": ("DOWN", 0.0),
    "RND": ("FLOOR", 0.5),
    "RND_MIN_INF": ("CEIL", -0.5),
    "RND_CONV": ("ROUND", 0.0),
    "RND_INF": ("HALF_UP", 0.0),
    "RND_ZERO": ("HALF_DOWN", 0.0),
}


@dataclass(frozen=True, slots=True)
class _Wire:
    """A tensor: its name, and for each element the range of its integers in units of 2^-fraction."""

    name: str
    fraction: int
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @property
    def most(self) -> int:
        """Largest magnitude."""
        return int(max(np.abs(self.low).max(), np.abs(self.high).max()))


def qonnx_model(graph: Graph, *, name: str = "l1network") -> Any:
    """Write a graph as a QONNX model.

    Parameters
    ----------
    graph
        The network.
    name
        Of the ONNX graph.

    Returns
    -------
    An ``onnx.ModelProto``: one input, float32 (1, n features), the values of the hardware integers; the
    outputs of the graph, float32 (1, size), their values.

    Raises
    ------
    UnsupportedNodeError
        If a node has no exact counterpart.
    MissingToolError
        If onnx is not installed.
    """
    try:
        onnx = import_module("onnx")
    except ModuleNotFoundError as error:
        msg = "a QONNX export needs onnx: pip install 'l1distill[foreign]'"
        raise MissingToolError(msg) from error
    return _Writer(onnx, graph).model(name)


class _Writer:
    """Collects ONNX nodes and constants."""

    def __init__(self, onnx: Any, graph: Graph) -> None:
        self._helper = onnx.helper
        self._numpy = onnx.numpy_helper
        self._float = onnx.TensorProto.FLOAT
        self._graph = graph
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._wires: dict[str, _Wire] = {}
        self._node = ""
        self._count = 0

    def model(self, name: str) -> Any:
        for node in self._needed():
            self._node = node.name
            wires = [self._wires[source] for source in node.inputs]
            wire = self._write(node, wires)
            self._wires[node.name] = wire
        outputs = []
        for output in self._graph.outputs:
            # An output has the name of its node.
            self._nodes.append(
                self._helper.make_node("Identity", [self._wires[output].name], [output])
            )
            outputs.append(self._value(output, self._graph.tensors[output].size))
        source = self._graph.input
        made = self._helper.make_graph(
            self._nodes,
            name,
            [self._value(self._wires[source.name].name, source.size)],
            outputs,
            self._constants,
        )
        opsets = [
            self._helper.make_opsetid("", OPSET),
            self._helper.make_opsetid(DOMAIN, 1),
        ]
        return self._helper.make_model(
            made, opset_imports=opsets, ir_version=8, producer_name="l1distill"
        )

    def _needed(self) -> list[Node]:
        """Return the input and the nodes that the outputs depend on, in order of evaluation."""
        wanted = {*self._graph.outputs, self._graph.input.name}
        for node in reversed(self._graph.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
        return [node for node in self._graph.nodes if node.name in wanted]

    def _value(self, name: str, size: int) -> Any:
        return self._helper.make_tensor_value_info(name, self._float, [1, size])

    def _refuse(self, reason: str) -> None:
        raise UnsupportedNodeError(self._node, f"as QONNX, {reason}")

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{self._node}_{what}_{self._count}"

    def _constant(self, numbers: NDArray[Any] | Sequence[float] | float, what: str) -> str:
        name = self._new(what)
        self._constants.append(self._numpy.from_array(np.asarray(numbers, dtype=np.float32), name))
        return name

    def _add(self, operation: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = self._new(operation.lower())
        self._nodes.append(self._helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def _wire(self, name: str, fraction: int, low: Any, high: Any) -> _Wire:
        wire = _Wire(name, fraction, np.asarray(low, np.int64), np.asarray(high, np.int64))
        if wire.most > _EXACT:
            self._refuse(f"its numbers need more than the 24 bits of a float32 ({wire.most})")
        return wire

    def _quant(
        self, name: str, fraction: int, width: int, signed: bool, narrow: bool, mode: str
    ) -> str:
        if width == 1 and signed:
            self._refuse("one signed bit means something else")
        inputs = [
            name,
            self._constant(2.0**-fraction, "scale"),
            self._constant(0.0, "zero"),
            self._constant(float(width), "bits"),
        ]
        attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": mode}
        return self._add("Quant", inputs, domain=DOMAIN, **attributes)

    def _cast(self, wire: _Wire, target: FixedFormat) -> _Wire:
        """Cast to a type: shift, round, overflow."""
        mode, shift = _ROUNDINGS[target.rounding]
        name = wire.name
        if shift and target.fraction < wire.fraction:
            step = self._constant(shift * 2.0**-target.fraction, "half")
            name = self._add("Add", [name, step])
            self._wire(name, wire.fraction, wire.low - 1, wire.high + 1)  # still exact
        low = _rounded(wire.low, wire.fraction, target, up=False)
        high = _rounded(wire.high, wire.fraction, target, up=True)
        fits = bool((low >= target.lowest).all() and (high <= target.raw_max).all())
        if not fits and target.overflow == "WRAP":
            half = 1 << target.width
            self._wire(name, target.fraction, low - half, high + half)  # still exact
            name = self._quant(name, target.fraction, 31, True, False, mode)
            name = self._wrapped(name, target)
            mode = "ROUND"
        elif not fits and target.overflow == "SAT_ZERO":
            self._refuse(f"its type {target} becomes 0 where it overflows")
        narrow = target.overflow == "SAT_SYM"
        name = self._quant(name, target.fraction, target.width, target.signed, narrow, mode)
        if not fits and target.overflow == "WRAP":
            low, high = np.full_like(low, target.lowest), np.full_like(high, target.raw_max)
        low, high = (np.clip(ends, target.lowest, target.raw_max) for ends in (low, high))
        return self._wire(name, target.fraction, low, high)

    def _wrapped(self, name: str, target: FixedFormat) -> str:
        """Take a multiple of 2^I away, so that what is left lies in the range of the type."""
        period = 2.0**target.integer
        half = period / 2 if target.signed else 0.0
        shifted = self._add("Add", [name, self._constant(half, "half")])
        turns = self._add("Floor", [self._add("Mul", [shifted, self._constant(1 / period, "one")])])
        whole = self._add("Mul", [turns, self._constant(period, "period")])
        return self._add("Sub", [name, whole])

    def _grid(self, raws: NDArray[np.int64], target: FixedFormat, what: str) -> str:
        """Constants, with the type that they have."""
        values = self._constant(raws * 2.0**-target.fraction, what)
        if target.width == 1 and target.signed:
            return values
        return self._quant(values, target.fraction, target.width, target.signed, False, "ROUND")

    @singledispatchmethod
    def _write(self, node: Node, wires: list[_Wire]) -> _Wire:  # noqa: ARG002 - the others' signature
        self._refuse(f"a {type(node).__name__} is not written")
        raise AssertionError

    @_write.register
    def _(self, node: Input, wires: list[_Wire]) -> _Wire:  # noqa: ARG002 - the others' signature
        target, size = node.format, node.size
        return self._wire(
            f"{node.name}_values",
            target.fraction,
            np.full(size, target.lowest),
            np.full(size, target.raw_max),
        )

    @_write.register
    def _(self, node: OffsetShift, wires: list[_Wire]) -> _Wire:
        (wire,) = wires
        fraction = max(wire.fraction, node.offset_format.fraction)
        offset = np.array(node.offset) << (fraction - node.offset_format.fraction)
        offset_name = self._constant(offset * 2.0**-fraction, "offset")
        low, high = (ends << (fraction - wire.fraction) for ends in (wire.low, wire.high))
        moved = self._cast(
            self._wire(
                self._add("Sub", [wire.name, offset_name]), fraction, low - offset, high - offset
            ),
            node.inner,
        )
        shift = np.array(node.shift)
        scaled = self._add("Mul", [moved.name, self._constant(2.0 ** -shift.astype(float), "by")])
        # A power of two is exact. The last bits fall off; a shift to the left may leave the type,
        # which then wraps.
        right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
        more = int(right.max(initial=0))
        low, high = ((end << left) << (more - right) for end in (moved.low, moved.high))
        exact = _Wire(scaled, moved.fraction + more, low, high)
        plain = FixedFormat(node.inner.width, node.inner.integer, node.inner.signed)
        return self._cast(self._cast(exact, plain), node.format)

    @_write.register
    def _(self, node: Dense, wires: list[_Wire]) -> _Wire:
        (wire,) = wires
        weights, bias = np.array(node.weights, np.int64), np.array(node.bias, np.int64)
        product = wire.fraction + node.weight_format.fraction
        fraction = max(product, node.bias_format.fraction)
        self._check_sum(node.accumulator, fraction)
        up, bias_up = fraction - product, fraction - node.bias_format.fraction
        low, high = (
            _sum_end(weights, first, second, up) + (bias << bias_up)
            for first, second in ((wire.low, wire.high), (wire.high, wire.low))
        )
        reach = np.maximum(np.abs(wire.low), np.abs(wire.high))
        most = (reach @ np.abs(weights) << up) + (np.abs(bias) << bias_up)
        if int(most.max()) > _EXACT:
            self._refuse(f"its sums need more than the 24 bits of a float32 ({most.max()})")
        name = self._add("MatMul", [wire.name, self._grid(weights, node.weight_format, "weight")])
        name = self._add("Add", [name, self._grid(bias, node.bias_format, "bias")])
        return self._summed(self._wire(name, fraction, low, high), node.accumulator, node.format)

    @_write.register
    def _(self, node: Sum, wires: list[_Wire]) -> _Wire:
        (wire,) = wires
        self._check_sum(node.accumulator, wire.fraction)
        axes = self._new("axes")
        self._constants.append(self._numpy.from_array(np.array([1], dtype=np.int64), axes))
        name = self._add("ReduceSum", [wire.name, axes], keepdims=1)
        total = self._wire(name, wire.fraction, [wire.low.sum()], [wire.high.sum()])
        return self._summed(total, node.accumulator, node.format)

    def _check_sum(self, accumulator: FixedFormat, fraction: int) -> None:
        if accumulator.fraction < fraction:
            self._refuse(f"its accumulator {accumulator} rounds each term")

    def _summed(self, total: _Wire, accumulator: FixedFormat, target: FixedFormat) -> _Wire:
        fraction = accumulator.fraction - total.fraction
        fits = bool(
            (total.low << fraction >= accumulator.lowest).all()
            and (total.high << fraction <= accumulator.raw_max).all()
        )
        if fits:
            return self._cast(total, target)
        if accumulator.overflow != "WRAP":
            self._refuse(f"its accumulator {accumulator} may saturate on the way")
        return self._cast(self._cast(total, accumulator), target)

    @_write.register
    def _(self, node: Relu, wires: list[_Wire]) -> _Wire:
        (wire,) = wires
        low, high = np.maximum(wire.low, 0), np.maximum(wire.high, 0)
        name = self._add("Relu", [wire.name])
        return self._cast(self._wire(name, wire.fraction, low, high), node.format)

    @_write.register
    def _(self, node: Quantize, wires: list[_Wire]) -> _Wire:
        return self._cast(wires[0], node.format)

    @_write.register
    def _(self, node: Square, wires: list[_Wire]) -> _Wire:
        (wire,) = wires
        reach = np.maximum(np.abs(wire.low), np.abs(wire.high))
        name = self._add("Mul", [wire.name, wire.name])
        square = self._wire(name, 2 * wire.fraction, np.zeros_like(reach), reach * reach)
        return self._cast(square, node.format)

    @_write.register(Add)
    @_write.register(Subtract)
    @_write.register(Multiply)
    def _(self, node: Add | Subtract | Multiply, wires: list[_Wire]) -> _Wire:
        first, second = wires
        if isinstance(node, Multiply):
            ends = np.stack(
                [one * two for one in (first.low, first.high) for two in (second.low, second.high)]
            )
            fraction, low, high = first.fraction + second.fraction, ends.min(0), ends.max(0)
            operation = "Mul"
        else:
            fraction = max(first.fraction, second.fraction)
            one_low, one_high = (x << fraction - first.fraction for x in (first.low, first.high))
            low, high = (x << fraction - second.fraction for x in (second.low, second.high))
            operation = "Add" if isinstance(node, Add) else "Sub"
            if operation == "Sub":
                low, high = -high, -low
            low, high = one_low + low, one_high + high
        name = self._add(operation, [first.name, second.name])
        return self._cast(self._wire(name, fraction, low, high), node.format)

    @_write.register(Reshape)
    @_write.register(Flatten)
    def _(self, node: Reshape | Flatten, wires: list[_Wire]) -> _Wire:
        return self._cast(wires[0], node.format)

    @_write.register
    def _(self, node: Concatenate, wires: list[_Wire]) -> _Wire:
        if any(len(self._graph.tensors[name].shape) > 1 for name in node.inputs):
            self._refuse("a Concatenate of images is not written")
        fraction = max(wire.fraction for wire in wires)
        low, high = (
            np.concatenate([getattr(wire, end) << (fraction - wire.fraction) for wire in wires])
            for end in ("low", "high")
        )
        name = self._add("Concat", [wire.name for wire in wires], axis=1)
        return self._cast(self._wire(name, fraction, low, high), node.format)


def _sum_end(
    weights: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], up: int
) -> NDArray[np.int64]:
    """Return the end of a weighted sum that takes ``low`` where a weight is positive."""
    total = low @ np.maximum(weights, 0) + high @ np.minimum(weights, 0)
    return np.asarray(total << up, np.int64)


def _rounded(
    raws: NDArray[np.int64], fraction: int, target: FixedFormat, *, up: bool
) -> NDArray[np.int64]:
    """Return an end of a range in units of a type, the outer one where a cast may round either way."""
    down = fraction - target.fraction
    if down <= 0:
        return raws << -down
    return -((-raws) >> down) if up and target.rounding != "TRN" else raws >> down
