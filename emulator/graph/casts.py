"""The casts at the beginning of a network: what they make of each input, and the network behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from emulator.fixed.column import Column
from emulator.graph.evaluation import evaluate_numbers
from emulator.graph.graph import Graph
from emulator.graph.operations import (
    BatchNormalization,
    Input,
    OffsetShift,
    Quantize,
    QuantizeEach,
    Relu,
)
from emulator.graph.overflows import fits_62_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.fixed import FixedFormat
    from emulator.graph.operations import Node, Sigmoid, Tanh, UnaryLut

#: Operations that make each element of one element, so that a table can say what they do.
_CASTS: Final = (BatchNormalization, OffsetShift, Quantize, QuantizeEach, Relu)


@dataclass(frozen=True)
class InputCasts:
    """A network in two: the casts of its inputs to numbers that a byte holds, and what follows.

    Attributes
    ----------
    casts
        From the input to the last cast, which is its output.
    rest
        The network whose input is that cast, with the outputs of the whole.
    """

    casts: Graph
    rest: Graph

    def tables(self, ranges: Sequence[tuple[int, int]]) -> list[NDArray[np.int8]]:
        """Return what each element of the input becomes.

        Parameters
        ----------
        ranges
            The lowest and the highest raw of each element.

        Returns
        -------
        For each element the results of all raws of its range, int8.
        """
        # Beyond 62 bits numpy holds Python integers: slow, and as exact.
        dtype = np.dtype(np.int64 if fits_62_bits(self.casts) else object)
        columns = [Column(np.arange(low, high + 1).astype(dtype)) for low, high in ranges]
        for node in self.casts.nodes[1:]:
            tensor = self.casts.tensors[node.inputs[0]]
            columns = evaluate_numbers(node, [columns], [tensor], _PlainColumns())
        # An element of which no bit is left is one number for all.
        lengths = [high + 1 - low for low, high in ranges]
        return [
            np.broadcast_to(column.raws, (length,)).astype(np.int8)
            for column, length in zip(columns, lengths, strict=True)
        ]


class _PlainColumns:
    """Arithmetic of columns that notes nothing."""

    def constant(self, raw: int) -> Column:
        return Column(np.array([raw]))

    def cast(self, x: Column, fraction: int, target: FixedFormat, place: str) -> Column:  # noqa: ARG002
        return x.rounded(fraction, target).overflowed(target)

    def look_up(
        self, x: Column, node: UnaryLut | Sigmoid | Tanh, source: FixedFormat
    ) -> Column:  # pragma: no cover - none of the casts has a table
        raise NotImplementedError


def cut_behind_casts(graph: Graph) -> InputCasts | None:
    """Cut a network where its inputs have become numbers that a signed byte holds.

    Returns
    -------
    None if it does not begin with such casts, or if one of them is an output.

    Examples
    --------
    >>> from emulator.fixed import FixedFormat
    >>> from emulator.graph import Square
    >>> x = Input("x", (), FixedFormat(16, 16), size=2)
    >>> byte = Quantize("byte", ("x",), FixedFormat(8, 8, overflow="SAT"))
    >>> y = Square("y", ("byte",), FixedFormat(16, 16))
    >>> parts = cut_behind_casts(Graph((x, byte, y), ("y",)))
    >>> parts.rest.input.name, [table.tolist() for table in parts.tables([(0, 2), (126, 129)])]
    ('byte', [[0, 1, 2], [126, 127, 127, 127]])
    """
    path: list[Node] = [graph.input]
    while len(path) == 1 or not _in_a_byte(path[-1].format):
        name = path[-1].name
        readers = [node for node in graph.nodes if name in node.inputs]
        if len(readers) != 1 or not isinstance(readers[0], _CASTS) or name in graph.outputs:
            return None
        path.append(readers[0])
    last = path[-1]
    if last.name in graph.outputs:
        return None
    size = graph.tensors[last.name].size
    done = {node.name for node in path}
    left = tuple(node for node in graph.nodes if node.name not in done)
    rest = Graph((Input(last.name, (), last.format, size), *left), graph.outputs)
    return InputCasts(Graph(tuple(path), (last.name,)), rest)


def _in_a_byte(source: FixedFormat) -> bool:
    return source.raw_min >= -128 and source.raw_max <= 127
