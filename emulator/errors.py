"""Errors that a user can cause. Each message says what was asked, what there is, and where.

The command line prints the message of an `L1Error` as one sentence and exits with code 2.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class L1Error(Exception):
    """Base of all errors that a user can cause."""


class InputFileError(L1Error):
    """A file is missing, unreadable, empty, or not of a format that is read here."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class MissingNameError(L1Error):
    """A tree, branch, field or key that is needed does not exist; the nearest names are shown."""

    def __init__(self, kind: str, name: str, available: Iterable[str], where: str | Path) -> None:
        self.available = tuple(available)
        super().__init__(kind, name, self.available, where)  # all, or it could not be pickled
        self.kind = kind
        self.name = name
        self.where = where

    def __str__(self) -> str:
        near = get_close_matches(self.name, self.available, n=3, cutoff=0.5) or self.available[:3]
        return f"{self.where}: no {self.kind} {self.name!r}; nearest: {', '.join(near) or '(none at all)'}"


class WorkerError(L1Error):
    """A process that did part of the work died: it was killed, or memory was short."""

    def __init__(self, work: str, advice: str) -> None:
        super().__init__(work, advice)
        self.work = work
        self.advice = advice

    def __str__(self) -> str:
        return (
            f"a process of the {self.work} died (was it killed, or short of memory?); {self.advice}"
        )


class RangeError(L1Error):
    """An integer does not fit the range that its definition states."""


class FormatError(L1Error):
    """The text of a fixed-point type cannot be read, or asks for what is not modelled."""


class GraphError(L1Error):
    """A rule of the network graph is broken; the message names the node and the rule."""

    def __init__(self, node: str, rule: str) -> None:
        super().__init__(node, rule)
        self.node = node
        self.rule = rule

    def __str__(self) -> str:
        return f"node {self.node!r}: {self.rule}"


class KernelError(L1Error):
    """A kernel of the engine was asked for that is not proved exact for the network."""

    def __init__(self, kernel: str, node: str, reason: str) -> None:
        super().__init__(kernel, node, reason)
        self.kernel = kernel
        self.node = node
        self.reason = reason

    def __str__(self) -> str:
        return f"the kernel {self.kernel!r} cannot run node {self.node!r}: {self.reason}"


class ModelFileError(L1Error):
    """A model file is damaged, of another schema version, or does not match its hash."""


class SettingsError(L1Error):
    """A setting that a user wrote is unknown, of the wrong type or impossible."""
