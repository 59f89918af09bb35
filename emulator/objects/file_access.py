"""What all readers of files share: the first bytes, whole numbers, and one sentence for any damage.

Libraries raise errors of many kinds on damaged bytes; here each becomes an `InputFileError`.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emulator.errors import InputFileError, L1Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_HEAD_BYTES: Final = 64


@contextmanager
def as_input_error(path: str, doing: str) -> Iterator[None]:
    """Turn whatever a library raises into an `InputFileError`."""
    try:
        yield
    except L1Error:
        raise
    except Exception as error:
        cause = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {cause[0]}" if cause else type(error).__name__
        problem = f"cannot read {doing}; the file is damaged or cut short ({reason})"
        raise InputFileError(path, problem) from error


def is_remote(path: str) -> bool:
    """Tell whether a path is an address, which only uproot can open."""
    return "://" in path


def first_bytes(path: str) -> bytes:
    """Return the first bytes of a local file, which tell its format.

    Raises
    ------
    InputFileError
        If there is no file, it is empty, or it cannot be opened.
    """
    local = Path(path)
    if not local.exists():
        raise InputFileError(path, "there is no such file")
    if not local.is_file():
        raise InputFileError(path, "this is no file; name the files themselves")
    try:
        with local.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise InputFileError(path, f"cannot be opened ({error.strerror})") from error
    if not head:
        raise InputFileError(path, "the file is empty (0 bytes)")
    return head


def whole_numbers(
    values: NDArray[Any], where: str, *, decisions: bool = False
) -> NDArray[np.integer[Any]]:
    """Return integers as they are, floats if each is a whole number (the crossing of sums is).

    Booleans are numbers only where ``decisions`` says so: an object's field that became a boolean has
    lost its value.
    """
    if values.dtype.kind in "iu":
        if decisions and np.any((values != 0) & (values != 1)):
            raise InputFileError(where, "holds decisions that are neither 0 nor 1")
        return values
    if values.dtype.kind == "b" and decisions:
        return values.astype(np.int8)
    if (
        values.dtype.kind == "f"
        and not decisions
        # Beyond its digits a float is whole whatever number was meant: float32 from 2**24 on.
        and bool(
            np.all(
                (values == np.rint(values))
                & (abs(values) < 2.0 ** (np.finfo(values.dtype).nmant + 1))
            )
        )
    ):
        return values.astype(np.int64)
    raise InputFileError(where, f"holds {values.dtype} values that are no integers")


def charge_bits(signs: NDArray[np.integer[Any]], where: str) -> NDArray[np.int16]:
    """Return the hardware's sign bit, 1 for a negative muon, of charges +1 and -1 (0: not measured).

    Raises
    ------
    InputFileError
        If a charge is none of these.
    """
    if np.any(abs(signs.astype(np.int64)) > 1):
        worst = signs[int(np.argmax(abs(signs.astype(np.int64)) > 1))]
        raise InputFileError(where, f"holds a charge of {worst}, which must be +1 or -1")
    return (signs < 0).astype(np.int16)
