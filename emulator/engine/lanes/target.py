"""What the processor that numba compiles for offers, and the shape of tiles that follows from it."""

from __future__ import annotations

from emulator.jit import target_features

#: Events in a tile, on every processor.
TILE = 64

_FEATURES = target_features()

#: Whether one instruction adds four products of 8-bit integers.
HAS_QUADS = {"avx512bw", "avx512vnni"} <= _FEATURES

#: 32-bit lanes of a vector: one event each.
LANES = 16 if "avx512bw" in _FEATURES else 8 if "avx2" in _FEATURES else 4

#: Sums that stay in registers: outputs times vectors of events.
OUTPUTS = 8 if LANES == 16 else 4
VECTORS = 2

#: Bytes of a vector, and of one row of a tile (one 32-bit lane for each event).
VECTOR_BYTES = 4 * LANES
ROW_BYTES = 4 * TILE

#: Bytes of a line of memory.
LINE_BYTES = 64
