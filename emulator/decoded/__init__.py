"""Files decoded once into integers that are mapped into memory; decoding costs ten times a network's work."""

from emulator.decoded.columns import RowsWanted, casts_of, decoded_rows, mapped
from emulator.decoded.parts import DecodedRows, arrow_batch
from emulator.decoded.store import DEFAULT_LIMIT_BYTES, Store, can_be_kept, key_of

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "DecodedRows",
    "RowsWanted",
    "Store",
    "arrow_batch",
    "can_be_kept",
    "casts_of",
    "decoded_rows",
    "key_of",
    "mapped",
]
