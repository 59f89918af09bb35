"""Level-1 objects as hardware integers: scales, the events array, readers and writers."""

from __future__ import annotations

from emulator.objects.arrange import concatenate, sort_by_pt, trim
from emulator.objects.chunks import Chunk, Order, Source
from emulator.objects.decisions import SeedBits
from emulator.objects.events import (
    OBJECTS,
    OPTIONAL_FIELDS,
    OPTIONAL_SCALARS,
    REQUIRED_FIELDS,
    SCALARS,
    SHOWERS,
    SUMS,
    Columns,
    build_events,
    check_events,
    columns,
    displaced_of,
    empty_events,
    field_columns,
    known_fields,
    scalar_columns,
)
from emulator.objects.nano_writer import write_nano
from emulator.objects.parquet_writer import write_parquet
from emulator.objects.paths import expand_paths
from emulator.objects.reader import (
    FileSummary,
    Reader,
    open_file,
    read_events,
    read_events_and_bits,
)
from emulator.objects.scales import HardwareScales, load_scales
from emulator.objects.ugt import read_words, write_ugt, write_words
from emulator.objects.ugt_words import UgtWords

__all__ = [
    "OBJECTS",
    "OPTIONAL_FIELDS",
    "OPTIONAL_SCALARS",
    "REQUIRED_FIELDS",
    "SCALARS",
    "SHOWERS",
    "SUMS",
    "Chunk",
    "Columns",
    "FileSummary",
    "HardwareScales",
    "Order",
    "Reader",
    "SeedBits",
    "Source",
    "UgtWords",
    "build_events",
    "check_events",
    "columns",
    "concatenate",
    "displaced_of",
    "empty_events",
    "expand_paths",
    "field_columns",
    "known_fields",
    "load_scales",
    "open_file",
    "read_events",
    "read_events_and_bits",
    "read_words",
    "scalar_columns",
    "sort_by_pt",
    "trim",
    "write_nano",
    "write_parquet",
    "write_ugt",
    "write_words",
]
