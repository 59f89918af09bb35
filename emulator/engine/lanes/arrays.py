"""A chain as the arrays that the lane kernels read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emulator.engine.cast_columns import no_cast
from emulator.engine.lanes.byte_order import in_order_of_bytes, pairs_of_chunks
from emulator.engine.lanes.cast_code import MOST_ONCE_PACKED, ONCE_PACKED, SHIFT_AND_CLIP, TO_EVEN
from emulator.engine.lanes.inputs import BYTE_BASE, IDENTITY, are_lowered
from emulator.engine.lanes.layer_code import (
    BASE,
    CASTS,
    LAYER_COLUMNS,
    N_BLOCKS,
    N_CASTS,
    N_GROUPS,
    PACKED,
    PACKED_OUT,
    STARTS,
    WEIGHTS,
)
from emulator.engine.lanes.reading_code import (
    FLIP,
    HAS_CLIPS,
    IS_SCALED,
    LOADED_BYTES,
    MOVES,
    N_PAIRS,
    REACH,
    READING_COLUMNS,
    RESULT_ROWS,
    ROUNDS,
    ROW_BYTES,
    ROW_VECTORS,
    SCALES,
    TO_BYTES,
)
from emulator.engine.lanes.scale_table import SCALE_COLUMNS, scale_table
from emulator.engine.lanes.scaling import CHUNK, LINES_AHEAD
from emulator.engine.lanes.target import LANES, OUTPUTS, TILE, VECTOR_BYTES
from emulator.engine.widths import INT32
from emulator.fixed import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.engine.cast_columns import CastRow
    from emulator.engine.lanes.chain import Chain, Layer
    from emulator.engine.lanes.inputs import ScaleRow

#: Every byte's highest bit: what turns signed bytes into unsigned ones, 128 higher.
BYTE_SIGNS = -0x7F7F7F80

_NOTHING = no_cast(32)


@dataclass(frozen=True)
class ChainArrays:
    """Arrays for `machine.run_chain`.

    Attributes
    ----------
    numbers
        Weights, start values, casts and scales, int32.
    layers
        int64, (layers, `LAYER_COLUMNS`).
    reading
        For each number of bytes in which rows may hold a feature, how to read them.
    n_outputs
        Results of the last layer.
    scratch_words
        Size of a thread's working space.
    """

    numbers: NDArray[np.int32]
    layers: NDArray[np.int64]
    reading: dict[int, NDArray[np.int64]]
    n_outputs: int
    scratch_words: int

    @property
    def lines_of_tile(self) -> int:
        """Lines of memory that are read ahead while a tile of 16-bit rows is computed."""
        reading = self.reading[2]
        scaled = int(reading[ROW_VECTORS]) * LINES_AHEAD if reading[IS_SCALED] else 0
        return scaled + TILE // LANES * int(self.layers[0, N_GROUPS])

    def reading_apart(self, row_bytes: int) -> NDArray[np.int64]:
        """Return how to read rows of 16-bit integers that begin so many bytes apart."""
        reading = self.reading[2].copy()
        reading[ROW_BYTES] = row_bytes
        if not reading[IS_SCALED]:
            reading[LOADED_BYTES] = row_bytes
        return reading


def assemble_chain(chain: Chain) -> ChainArrays:
    """Translate a chain."""
    numbers = _Numbers()
    table = []
    layers = chain.layers
    packed_out = [layer.packed for layer in layers[1:]] + [1]
    bases = [layer.base for layer in layers[1:]] + [0]
    first, n_pairs = layers[0], 0
    if first.packed == 4 and chain.scales:
        n_pairs = pairs_of_chunks(chain.n_features)
        first = replace(first, weights=in_order_of_bytes(first.weights, n_pairs))
    for layer, packed, base in zip((first, *layers[1:]), packed_out, bases, strict=True):
        table.append(_layer_row(layer, packed, base, numbers, is_first=layer is first))
    readings = _readings(chain, first, numbers, n_pairs)
    widest = max(_padded(len(layer.starts), max(LANES, OUTPUTS)) for layer in layers)
    vectors = max(int(reading[ROW_VECTORS]) for reading in readings.values())
    for reading in readings.values():
        reading[RESULT_ROWS] = widest
    # Two times the rows of a tile: copied, and scaled.
    copies = 2 * (TILE + 1) * vectors * VECTOR_BYTES
    return ChainArrays(
        numbers=numbers.aligned(),
        layers=np.array(table, dtype=np.int64).reshape(-1, LAYER_COLUMNS),
        reading=readings,
        n_outputs=len(layers[-1].starts),
        scratch_words=2 * widest * TILE + VECTOR_BYTES + copies // 4,
    )


class _Numbers:
    """32-bit integers in the order in which they are added."""

    def __init__(self) -> None:
        self.words: list[int] = []

    def add(self, words: Sequence[int]) -> int:
        """Append words, modulo 2**32, and return their place in bytes, which begins a vector."""
        self.words += [0] * (-len(self.words) % LANES)
        place = 4 * len(self.words)
        self.words += [(word + 2**31) % 2**32 - 2**31 for word in words]
        return place

    def aligned(self) -> NDArray[np.int32]:
        """Return all of them in an array that begins where a vector may."""
        room = np.zeros(len(self.words) + LANES, dtype=np.int32)
        first = -room.ctypes.data % VECTOR_BYTES // 4
        array = room[first : first + len(self.words)]
        array[:] = self.words
        return array


def _padded(count: int, unit: int) -> int:
    return -(-count // unit) * unit


def _layer_row(
    layer: Layer, packed_out: int, base: int, numbers: _Numbers, *, is_first: bool
) -> list[int]:
    n_out = len(layer.starts)
    outputs = LANES if is_first else 1 if n_out == 1 and packed_out == 1 else OUTPUTS
    words = _weight_words(layer, outputs)
    starts = [
        start + layer.base * sum(column)
        for start, column in zip(layer.starts, zip(*layer.weights, strict=True), strict=True)
    ]
    short = _short_cast(layer, base, packed_out)
    full = layer.casts or (_NOTHING,)
    casts, shift, mode = short or (full, 0, len(full))
    starts = [start + shift for start in starts]
    row = [0] * LAYER_COLUMNS
    row[PACKED], row[N_GROUPS] = (
        layer.packed,
        _padded(len(layer.weights), layer.packed) // layer.packed,
    )
    row[N_BLOCKS] = _padded(n_out, outputs) // outputs if outputs > 1 else 0
    row[WEIGHTS] = numbers.add(words)
    row[STARTS] = numbers.add(starts + [0] * (_padded(n_out, outputs) - n_out))
    row[PACKED_OUT] = packed_out
    row[N_CASTS] = mode
    row[CASTS] = numbers.add([column for cast in casts for column in cast.columns])
    row[BASE] = 0 if short else base
    return row


def _short_cast(layer: Layer, base: int, packed_out: int) -> tuple[tuple[CastRow], int, int] | None:
    """Return the cast as `cast_code` reads it, what the sums start higher, and its mode.

    A floor of 0 becomes a clip at 0; ``base``, which is even, is subtracted before the shift.
    """
    cast = layer.casts[0] if layer.casts else _NOTHING
    plain, to_even = cast.only_shifts_and_clips, cast.only_rounds_and_clips
    moved = -(base << cast.right)
    start = moved + cast.add + (1 if to_even else 0)
    reached = Interval(layer.sums.low, layer.sums.high + moved + 2 * abs(cast.add) + 1)
    if len(layer.casts) > 1 or not (plain or to_even) or not reached.within(INT32):
        return None
    low = max(cast.low, 0) if cast.floor == 0 else cast.low
    row = replace(
        cast,
        floor=INT32.low,
        add=0,
        low=max(low - base, INT32.low),
        high=min(cast.high - base, INT32.high),
    )
    mode = SHIFT_AND_CLIP if plain else TO_EVEN
    if packed_out == 4 and cast.right <= MOST_ONCE_PACKED:
        mode += ONCE_PACKED
    return (row,), start, mode


def _weight_words(layer: Layer, outputs: int) -> list[int]:
    """Pack the weights of each group of inputs into words, in the order that `dots` reads."""
    n_in, n_out = len(layer.weights), len(layer.starts)
    matrix = np.zeros(
        (_padded(n_out, outputs), _padded(n_in, layer.packed)),
        dtype={4: np.int8, 2: np.int16, 1: np.int32}[layer.packed],
    )
    matrix[:n_out, :n_in] = np.array(layer.weights, dtype=matrix.dtype).T
    words = matrix.view(np.int32)
    blocks = words.reshape(-1, outputs, words.shape[1]).transpose(0, 2, 1)
    flat: list[int] = blocks.ravel().tolist()
    return flat


def _readings(
    chain: Chain, first: Layer, numbers: _Numbers, n_pairs: int
) -> dict[int, NDArray[np.int64]]:
    """Return how to read rows: narrow ones as they are, 16-bit ones by way of the scaling."""
    if first.packed == 1:
        return {4: _reading(chain.n_features, 4, first)}
    readings = {2: _reading(chain.n_features, 2, first)}
    scales = chain.scales
    if first.packed == 4 and not scales:
        readings[1] = _reading(chain.n_features, 1, first)
        scales = (_same_bytes(first),) * chain.n_features
    if scales:
        to_bytes = first.packed == 4
        if to_bytes and are_lowered(scales):
            # They are turned when they are loaded. The choice of the kernel has proved this exact.
            scales = tuple(scale.lowered(BYTE_BASE) for scale in scales)
            readings[2][FLIP] = BYTE_SIGNS
        _scale_reading(readings[2], scales, numbers, to_bytes=to_bytes)
        readings[2][N_PAIRS] = n_pairs
    return readings


def _same_bytes(first: Layer) -> ScaleRow:
    """Return a scaling that changes nothing: 16-bit rows whose numbers are bytes."""
    low = first.base
    return replace(IDENTITY, low=low, high=low + 255, bottom=low, top=low + 255)


def _reading(n_features: int, item_bytes: int, first: Layer) -> NDArray[np.int64]:
    reading = np.zeros(READING_COLUMNS, dtype=np.int64)
    reading[[ROW_BYTES, LOADED_BYTES]] = n_features * item_bytes
    reading[REACH] = _padded(n_features * item_bytes, 4)
    reading[ROW_VECTORS] = _padded(n_features * item_bytes, VECTOR_BYTES) // VECTOR_BYTES
    if first.base:  # whole vectors of each row are inverted
        reading[FLIP] = BYTE_SIGNS
        reading[[REACH, LOADED_BYTES]] = reading[ROW_VECTORS] * VECTOR_BYTES
    return reading


def _scale_reading(
    reading: NDArray[np.int64], scales: Sequence[ScaleRow], numbers: _Numbers, *, to_bytes: bool
) -> None:
    """Add the scaling to a reading of 16-bit rows."""
    table = scale_table(scales, to_bytes=to_bytes)
    n_inputs = int(reading[ROW_VECTORS]) * CHUNK
    rows = [*table.rows, *[IDENTITY.columns] * (n_inputs - len(scales))]
    # Modulo 2**16: offsets may exceed it where what is left of the input does not.
    columns = np.array(rows, dtype=np.int64).astype(np.int16)
    words = columns.reshape(-1, CHUNK, SCALE_COLUMNS).transpose(0, 2, 1).ravel().view(np.int32)
    reading[SCALES] = numbers.add(words.tolist())
    reading[MOVES], reading[ROUNDS] = table.moves, table.rounds
    reading[HAS_CLIPS], reading[TO_BYTES], reading[IS_SCALED] = table.has_clips, to_bytes, 1
    reading[REACH] = reading[ROW_VECTORS] * VECTOR_BYTES
    reading[LOADED_BYTES] = reading[ROW_VECTORS] * VECTOR_BYTES // (2 if to_bytes else 1)
