"""Results of a layer as the words that the next layer reads: clipped, packed, events in lanes.

A word packs 1, 2 or 4 results of one event. Bytes are unsigned here; they are clipped once four are packed, with
saturation, which keeps their order: that takes a quarter of the instructions. Where outputs are the lanes,
results of some events are packed first, so that fewer vectors are left to transpose; then inside blocks of 128
bits, which is cheap, and whole blocks last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.engine.lanes.emitter import INT8, INT16, INT32, constant, number, spread, vector
from emulator.engine.lanes.target import LANES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.engine.lanes.emitter import Emitter, Value
    from emulator.engine.lanes.shifts import Shift

#: 32-bit words of a block, and blocks of a vector.
_BLOCK = 4
_BLOCKS = LANES // _BLOCK


class Ending(NamedTuple):
    """What is left of a cast.

    Attributes
    ----------
    low, high
        Range into which results are brought, as 32-bit scalars.
    shift, is_late
        A shift, and the condition that it is still to be done: as soon as results are 16-bit integers.
    """

    low: Value
    high: Value
    shift: Shift
    is_late: Value


def pack_outputs(emitter: Emitter, packed: int, results: Sequence[Value], ending: Ending) -> Value:
    """Return the words of some events, given 1, 2 or 4 results of each, events in lanes."""
    if packed < 4:
        return _word(emitter, results, ending)
    octets = _octets(emitter, results, ending)
    return emitter.builder.bitcast(_square(emitter, octets, 4), vector())


def words_of_events(
    emitter: Emitter, packed: int, results: Sequence[Value], ending: Ending
) -> list[Value]:
    """Return ``LANES // packed`` vectors of words, given the results of `LANES` events, outputs in lanes."""
    joined = [
        _joined(emitter, results[first : first + packed], ending)
        for first in range(0, LANES, packed)
    ]
    fours = {1: _fours_of_words, 2: _fours_of_pairs, 4: _already_fours}[packed]
    n_joined = _BLOCK // packed
    groups = [
        fours(emitter, joined[first : first + n_joined])
        for first in range(0, len(joined), n_joined)
    ]
    # Of each four, block b holds word ``b * n_joined + place`` of four events.
    rows = [_blocks_apart(emitter, list(group)) for group in zip(*groups, strict=True)]
    return [row for block in zip(*rows, strict=True) for row in block]


def _joined(emitter: Emitter, results: Sequence[Value], ending: Ending) -> Value:
    """Return a vector with the results of 1, 2 or 4 events; word after word those of one event."""
    builder, packed = emitter.builder, len(results)
    if packed == 1:
        return _word(emitter, results, ending)
    if packed == 4:
        return builder.bitcast(_octets(emitter, results, ending), vector())
    halves = builder.bitcast(_word(emitter, results, ending), vector(INT16, 2 * LANES))
    return builder.bitcast(_square(emitter, halves, 2), vector())


def _word(emitter: Emitter, results: Sequence[Value], ending: Ending) -> Value:
    """Return one or two results in each lane."""
    builder, kind = emitter.builder, vector()
    low, high = emitter.spread(ending.low), emitter.spread(ending.high)
    clipped = [emitter.smaller(emitter.larger(result, low), high) for result in results]
    if len(clipped) == 1:
        return clipped[0]
    first, second = clipped
    return builder.or_(
        builder.and_(first, constant(0xFFFF, kind)), builder.shl(second, constant(16, kind))
    )


def _octets(emitter: Emitter, results: Sequence[Value], ending: Ending) -> Value:
    """Return four results as bytes: in each block four lanes of the first one, of the second, ..."""
    builder, kind = emitter.builder, vector(INT8, 4 * LANES)
    first, second, third, fourth = results
    halves = [emitter.halves_saturated(first, second), emitter.halves_saturated(third, fourth)]
    octets = emitter.bytes_saturated(
        *emitter.either(ending.is_late, lambda: ending.shift.apply(halves), lambda: halves)
    )
    # All results are bytes: bounds beyond them clip nothing.
    least, most = number(0, INT32), number(0xFF, INT32)
    low = builder.select(builder.icmp_signed("<", ending.low, least), least, ending.low)
    high = builder.select(builder.icmp_signed(">", ending.high, most), most, ending.high)
    low, high = (spread(builder, builder.trunc(bound, INT8), kind) for bound in (low, high))
    return emitter.smaller_unsigned(emitter.larger_unsigned(octets, low), high)


def _square(emitter: Emitter, parts: Value, packed: int) -> Value:
    """Exchange rows and columns of each square of ``packed`` parts of words."""
    places = [
        first + row + packed * column
        for first in range(0, packed * LANES, packed * packed)
        for row in range(packed)
        for column in range(packed)
    ]
    return emitter.shuffle(parts, parts, places)


def _in_blocks(places: Sequence[int]) -> list[int]:
    """Return a shuffle that does the same in each block; from 4 on places count in the second vector."""
    return [
        first + (place if place < _BLOCK else place - _BLOCK + LANES)
        for first in range(0, LANES, _BLOCK)
        for place in places
    ]


def _fours_of_words(emitter: Emitter, rows: Sequence[Value]) -> list[Value]:
    a, b, c, d = rows
    low, high = _in_blocks((0, 4, 1, 5)), _in_blocks((2, 6, 3, 7))
    fours: list[Value] = []
    for places in (low, high):
        fours += _fours_of_pairs(
            emitter, [emitter.shuffle(a, b, places), emitter.shuffle(c, d, places)]
        )
    return fours


def _already_fours(emitter: Emitter, quads: Sequence[Value]) -> list[Value]:
    return list(quads)


def _fours_of_pairs(emitter: Emitter, pairs: Sequence[Value]) -> list[Value]:
    first, second = pairs
    return [
        emitter.shuffle(first, second, _in_blocks(places))
        for places in ((0, 1, 4, 5), (2, 3, 6, 7))
    ]


def _blocks_apart(emitter: Emitter, vectors: list[Value]) -> list[Value]:
    """Return for each block a vector with that block of every given one."""
    ways: dict[int, Callable[[], list[Value]]] = {
        1: lambda: vectors,
        2: lambda: [_halves(emitter, vectors, first) for first in (0, 1)],
        4: lambda: _four_blocks_apart(emitter, vectors),
    }
    return ways[_BLOCKS]()


def _halves(emitter: Emitter, vectors: list[Value], which: int) -> Value:
    places = range(which * _BLOCK, (which + 1) * _BLOCK)
    first, second = vectors
    return emitter.shuffle(first, second, [*places, *(LANES + place for place in places)])


def _four_blocks_apart(emitter: Emitter, vectors: list[Value]) -> list[Value]:
    """Take every second block of two vectors, twice: no table of places in a register."""
    even = [place for block in (0, 2, 4, 6) for place in range(4 * block, 4 * block + 4)]
    odd = [place + _BLOCK for place in even]
    a, b, c, d = vectors
    results = []
    for places in (even, odd):
        first, second = emitter.shuffle(a, b, places), emitter.shuffle(c, d, places)
        results.append([emitter.shuffle(first, second, pick) for pick in (even, odd)])
    (zero, two), (one, three) = results
    return [zero, one, two, three]
