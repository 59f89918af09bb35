"""Errors of the RTL road."""

from __future__ import annotations

from emulator.errors import L1Error
from firmware.errors import CompileError, UnsupportedNodeError


class UnsupportedRtlError(UnsupportedNodeError):
    """A node of the graph cannot be written as RTL that is exact."""

    def __str__(self) -> str:
        return f"node {self.node!r} cannot be built exactly as RTL: {self.reason}"


class RtlCompileError(CompileError):
    """Verilator or the C++ compiler failed; the first error is shown, the log holds all of it."""

    def __str__(self) -> str:
        return f"the RTL of the network does not compile: {self.first} (all of it in {self.log})"


class RtlTimingError(L1Error):
    """A simulated design does not answer as a pipeline does."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"the simulated RTL is no pipeline as it should be: {self.what}"
