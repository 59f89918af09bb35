"""The one door to hls4ml: imported late, kept quiet, kept from importing what it does not need."""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from firmware.errors import MissingToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

# hls4ml tries to import these when it writes a project, only to know their model classes.
_NOT_NEEDED = ("keras", "tensorflow", "torch")


def load_extension() -> ModuleType:
    """Import hls4ml with our layers registered.

    Returns
    -------
    The module ``firmware.hls.extension``.

    Raises
    ------
    MissingToolError
        If hls4ml is not installed.
    """
    try:
        import_module("hls4ml")
    except ModuleNotFoundError as error:
        if error.name != "hls4ml":
            raise
        msg = "hls4ml is not installed: pip install 'l1distill[firmware]'"
        raise MissingToolError(msg) from error
    return import_module("firmware.hls.extension")


def require_da4ml() -> None:
    """Check that the package is there which hls4ml's distributed arithmetic needs.

    Raises
    ------
    MissingToolError
        If it is not installed.
    """
    if find_spec("da4ml") is None:
        msg = "distributed arithmetic needs da4ml: pip install 'l1distill[da]'"
        raise MissingToolError(msg)


@contextmanager
def quiet_hls4ml() -> Iterator[None]:
    """Swallow what hls4ml prints and warns about; an exception carries it as a note.

    hls4ml prints progress and hints that do not concern an explicit network. Whether it did what was
    asked is checked afterwards, by reading its model back.
    """
    printed = io.StringIO()
    absent: list[str] = []
    for name in _NOT_NEEDED:
        if name not in sys.modules:
            modules: dict[str, Any] = sys.modules
            modules[name] = None
            absent.append(name)
    try:
        with redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if printed.getvalue():
            error.add_note(f"hls4ml printed: {printed.getvalue()[-2000:]}")
        raise
    finally:
        for name in absent:
            del sys.modules[name]
