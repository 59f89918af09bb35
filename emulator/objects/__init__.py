"""Level-1 objects as hardware integers: scales, the events array, readers and a writer."""

from __future__ import annotations

from emulator.objects.arrange import concatenate, sort_by_pt, trim
from emulator.objects.events import (
    OBJECTS,
    OPTIONAL_FIELDS,
    OPTIONAL_SCALARS,
    REQUIRED_FIELDS,
    SCALARS,
    SUMS,
    Columns,
    build_events,
    check_events,
    columns,
    empty_events,
    field_columns,
    known_fields,
    scalar_columns,
)
from emulator.objects.nano_writer import write_nano
from emulator.objects.reader import Chunk, FileSummary, Reader, open_file, read_events
from emulator.objects.scales import HardwareScales, load_scales

__all__ = [
    "OBJECTS",
    "OPTIONAL_FIELDS",
    "OPTIONAL_SCALARS",
    "REQUIRED_FIELDS",
    "SCALARS",
    "SUMS",
    "Chunk",
    "Columns",
    "FileSummary",
    "HardwareScales",
    "Reader",
    "build_events",
    "check_events",
    "columns",
    "concatenate",
    "empty_events",
    "field_columns",
    "known_fields",
    "load_scales",
    "open_file",
    "read_events",
    "scalar_columns",
    "sort_by_pt",
    "trim",
    "write_nano",
]
