"""A layer's row of the table as values that kernels compute with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.lanes.emitter import INT32, INT64

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Emitter, Value


#: Columns of a layer: places in bytes from the start of the numbers.
PACKED, WEIGHTS, STARTS, N_GROUPS, N_BLOCKS, PACKED_OUT, N_CASTS, CASTS, BASE = range(9)
LAYER_COLUMNS = 9


class LayerCode:
    """What the kernels of a layer read of its row.

    Attributes
    ----------
    weights, starts, casts
        Addresses of the words of weights, the start values, and the table of casts.
    n_groups, n_blocks
        Groups of inputs and blocks of outputs; no blocks: a single output.
    packed_out
        How many results share a lane: 1, 2 or 4.
    n_casts
        Rows of the table that are applied, or `SHIFT_AND_CLIP` or `TO_EVEN`.
    below
        Subtracted from the results after full casts, so that bytes are unsigned; in every lane.
    """

    def __init__(self, emitter: Emitter, row: Value, numbers: Value) -> None:
        def word(column: int) -> Value:
            return emitter.load(emitter.at(row, 8 * column), INT64, 8)

        self.weights, self.starts, self.casts = (
            emitter.at(numbers, word(column)) for column in (WEIGHTS, STARTS, CASTS)
        )
        self.n_groups, self.n_blocks = word(N_GROUPS), word(N_BLOCKS)
        self.packed_out, self.n_casts = word(PACKED_OUT), word(N_CASTS)
        self.below = emitter.spread(emitter.builder.trunc(word(BASE), INT32))
