"""Operations that look their result up in a table of integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emulator.graph.operations.node import Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.fixed import FixedFormat


@dataclass(frozen=True, slots=True)
class UnaryLut(Node):
    """A table with one entry for each bit pattern of the input, cast to ``format``.

    Parameters
    ----------
    table
        Raws of ``table_format``; the bits of the input, read as an unsigned integer, are the place.
    """

    hls4ml_layer: ClassVar[bool] = True
    rtl: ClassVar[bool] = True

    table: tuple[int, ...]
    table_format: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the size of the table."""
        width = inputs[0].format.width
        self.require(
            len(self.table) == 1 << width,
            f"has {len(self.table)} entries, the {width} bits of its input need {1 << width}",
        )
        self.require_fits(self.table, self.table_format, "table entry")
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class _Curve(Node):
    """A table over ``-reach`` to ``reach``, as hls4ml samples its activations.

    The place is ``x * n / (2 * reach)``, truncated toward zero, plus ``n // 2``, and is kept within
    the ``n`` entries; the entry is cast to ``format``. The table stands in the network, since it is
    what the hardware holds; `emulator.graph.tables` makes that of hls4ml.

    Parameters
    ----------
    table
        Raws of ``table_format``.
    """

    hls4ml_layer: ClassVar[bool] = True
    #: The table covers inputs from minus this to this.
    reach: ClassVar[int]

    table: tuple[int, ...]
    table_format: FixedFormat

    def infer(self, inputs: Sequence[Tensor]) -> Tensor:
        """Check the entries of the table."""
        self.require(len(self.table) >= 2, f"needs two entries at least, has {len(self.table)}")
        self.require_fits(self.table, self.table_format, "table entry")
        return Tensor(inputs[0].shape, self.format)


@dataclass(frozen=True, slots=True)
class Sigmoid(_Curve):
    """``1 / (1 + exp(-x))`` from a table over -8 to 8, cast to ``format``."""

    reach: ClassVar[int] = 8
    rtl: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Tanh(_Curve):
    """``tanh(x)`` from a table over -4 to 4, cast to ``format``."""

    reach: ClassVar[int] = 4
    rtl: ClassVar[bool] = True
