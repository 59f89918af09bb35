"""Errors of the firmware package that a user can cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import L1Error

if TYPE_CHECKING:
    from pathlib import Path


class MissingToolError(L1Error):
    """A package or program that a command needs is not installed; the message says how to get it."""


class UnsupportedNodeError(L1Error):
    """A node of the graph cannot be built so that C-simulation is exact."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(node, reason)
        self.node = node
        self.reason = reason

    def __str__(self) -> str:
        return f"node {self.node!r} cannot be built exactly with hls4ml: {self.reason}"


class UnreadableLayerError(L1Error):
    """A layer of an hls4ml model has no exact counterpart among the graph's operations."""

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(layer, reason)
        self.layer = layer
        self.reason = reason

    def __str__(self) -> str:
        return f"hls4ml layer {self.layer!r} cannot be read exactly: {self.reason}"


class ReadBackError(L1Error):
    """What hls4ml made of a graph is not that graph; nothing was written."""

    def __init__(self, node: str, field: str, given: object, found: object) -> None:
        super().__init__(node, field, given, found)
        self.node = node
        self.field = field
        self.given = given
        self.found = found

    def __str__(self) -> str:
        return (
            f"node {self.node!r}: hls4ml changed {self.field} from {self.given!r:.80} "
            f"to {self.found!r:.80}"
        )


class CompileError(L1Error):
    """The C++ compiler failed; the first error is shown, the log holds all of it."""

    def __init__(self, first: str, log: Path) -> None:
        super().__init__(first, log)
        self.first = first
        self.log = log

    def __str__(self) -> str:
        return f"the C++ of the network does not compile: {self.first} (all of it in {self.log})"


class SynthesisError(L1Error):
    """Yosys failed; the first error is shown."""

    def __init__(self, first: str) -> None:
        super().__init__(first)
        self.first = first

    def __str__(self) -> str:
        return f"Yosys cannot synthesise the network: {self.first}"
