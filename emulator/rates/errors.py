"""Errors of this package."""

from __future__ import annotations

from emulator.errors import L1Error


class CountsError(L1Error):
    """Scores cannot be counted, counts do not belong together, or hold too little for the answer."""
