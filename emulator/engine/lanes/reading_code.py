"""How rows are read, as a row of a table, and what of it the kernel of the scaling computes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.engine.lanes.emitter import INT8, INT64, number

if TYPE_CHECKING:
    from emulator.engine.lanes.emitter import Emitter, Value

#: Columns of how rows are read: the bytes of a row, and how many are read behind the start of the last one;
#: the vectors that hold one; whether it is scaled, and how many pairs of vectors are packed into one; where
#: the table of scales begins, how it moves and how it rounds, whether it clips, and whether results are bytes;
#: then of the scaled, inverted or same row its bytes, and the bits to invert in each word; rows of a tile for
#: results.
(
    ROW_BYTES,
    REACH,
    ROW_VECTORS,
    IS_SCALED,
    N_PAIRS,
    SCALES,
    MOVES,
    ROUNDS,
    HAS_CLIPS,
    TO_BYTES,
    LOADED_BYTES,
    FLIP,
    RESULT_ROWS,
) = range(13)
READING_COLUMNS = 13


class ScaleCode:
    """What the scaling reads of that row.

    Attributes
    ----------
    row_bytes
        From one row of the source to the next.
    n_vectors, n_pairs
        Vectors of 16-bit integers that hold a row, and how many pairs of them, from the first on, are packed.
    table
        Address of the table of scales.
    moves, rounds
        One of `Moves` and of `Rounds`.
    has_clips, to_bytes
        Conditions: whether any input is clipped, whether results are bytes.
    flip
        Bits that are inverted in results that are bytes.
    """

    def __init__(self, emitter: Emitter, row: Value, numbers: Value) -> None:
        builder = emitter.builder

        def word(column: int) -> Value:
            return emitter.load(emitter.at(row, 8 * column), INT64, 8)

        def condition(column: int) -> Value:
            return builder.icmp_signed("!=", word(column), number(0))

        self.row_bytes = word(ROW_BYTES)
        self.n_vectors, self.n_pairs = word(ROW_VECTORS), word(N_PAIRS)
        self.table = emitter.at(numbers, word(SCALES))
        self.moves, self.rounds = word(MOVES), word(ROUNDS)
        self.has_clips, self.to_bytes = condition(HAS_CLIPS), condition(TO_BYTES)
        self.flip = builder.trunc(word(FLIP), INT8)
