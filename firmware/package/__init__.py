"""What an experiment takes over: C++ model, menu, vectors, QONNX, checksums."""

from __future__ import annotations

from firmware.package.checksums import Verification, verify_package
from firmware.package.qonnx_export import qonnx_model
from firmware.package.writer import Package, PackageEvents, write_package

__all__ = [
    "Package",
    "PackageEvents",
    "Verification",
    "qonnx_model",
    "verify_package",
    "write_package",
]
