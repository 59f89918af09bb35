"""Libraries under the GPL that only the making of samples needs: imported when it starts, never before."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from emulator.errors import L1Error

_NEEDED_FOR: Final = {"pythia8mc": "making samples needs", "fastjet": "generated jets need"}


def require(library: str) -> Any:
    """Import pythia8mc or fastjet.

    Raises
    ------
    L1Error
        If it is not installed; the message says how to install it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        msg = f"{_NEEDED_FOR[library]} {library} (GPL): pip install 'l1distill[samples]'"
        raise L1Error(msg) from error
