"""Networks of other programs, through hls4ml's own front ends, as graphs proved by C-simulation."""

from __future__ import annotations

from firmware.foreign.conversion import ForeignModel
from firmware.foreign.keras_file import read_keras
from firmware.foreign.proof import EVENTS, Proof, prove
from firmware.foreign.qonnx_file import read_qonnx
from firmware.foreign.sequential import SequentialTypes, read_sequential, read_types
from firmware.foreign.serialised import read_serialised

__all__ = [
    "EVENTS",
    "ForeignModel",
    "Proof",
    "SequentialTypes",
    "prove",
    "read_keras",
    "read_qonnx",
    "read_sequential",
    "read_serialised",
    "read_types",
]
