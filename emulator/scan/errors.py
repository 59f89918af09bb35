"""Errors of this package."""

from __future__ import annotations

from emulator.errors import L1Error


class ScanError(L1Error):
    """A scan cannot start, go on or be resumed; the message says why and what to do."""
