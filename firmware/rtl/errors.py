"""Errors of the RTL road that a user can cause."""

from __future__ import annotations

from firmware.errors import CompileError, UnsupportedNodeError


class UnsupportedRtlError(UnsupportedNodeError):
    """A node of the graph cannot be written as RTL that is exact."""

    def __str__(self) -> str:
        return f"node {self.node!r} cannot be built exactly as RTL: {self.reason}"


class RtlCompileError(CompileError):
    """Verilator or the C++ compiler failed; the first error is shown, the log holds all of it."""

    def __str__(self) -> str:
        return f"the RTL of the network does not compile: {self.first} (all of it in {self.log})"
