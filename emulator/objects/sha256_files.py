"""Check sums beside files, in the form of ``sha256sum``: for formats that hold none themselves.

``sha256sum NAME > NAME.sha256``, or ``sha256sum * > SHA256SUMS`` for a folder, protects any file against
flipped bits. Every reader of local files compares it before anything is decoded.
"""

from __future__ import annotations

import hashlib
import re
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from emulator.errors import InputFileError
from emulator.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is appended to a file's name for the file with its check sum.
SUFFIX: Final = ".sha256"

#: The file with the check sums of a folder.
FOLDER_SUMS: Final = "SHA256SUMS"

_SETTLED_NS: Final = 2_000_000_000

_LINE: Final = re.compile(r"(?P<sum>[0-9a-fA-F]{64})(?: [ *](?P<name>.+))?")


def is_sha256_file(path: Path) -> bool:
    """Tell from its name whether a file holds check sums of others."""
    return path.name == FOLDER_SUMS or path.suffix == SUFFIX


def verify_sha256(path: str | Path) -> None:
    """Compare a file with the check sum beside it, if there is one.

    Parameters
    ----------
    path
        A local file. It is read once in a process, as long as it does not change.

    Raises
    ------
    InputFileError
        If the file is another one than that of which the check sum was taken, or ``NAME.sha256`` holds
        no check sum of it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "vector.txt"
    >>> _ = path.write_text("0000")
    >>> write_sha256(path)
    >>> verify_sha256(path)
    """
    place = Path(path)
    for sums, required in (
        (place.with_name(place.name + SUFFIX), True),
        (place.with_name(FOLDER_SUMS), False),
    ):
        if not sums.is_file():
            continue
        stated = _stated(sums, place.name)
        if stated is None and required:
            raise InputFileError(sums, f"holds no check sum of {place.name}")
        if stated is not None and stated != _sha256(place):
            problem = (
                f"is not the file of which {sums.name} holds the SHA-256: it is damaged, or was changed "
                f"since (if so, renew the check sum: sha256sum {place.name} > {place.name}{SUFFIX})"
            )
            raise InputFileError(place, problem)


def write_sha256(path: str | Path) -> None:
    """Write the check sum of a file beside it."""
    place = Path(path)
    with replace_file(place.with_name(place.name + SUFFIX)) as temporary:
        temporary.write_text(f"{_sha256(place)}  {place.name}\n", encoding="utf-8")


def remove_sha256(path: str | Path) -> None:
    """Remove the check sum beside a file that is no more."""
    place = Path(path)
    place.with_name(place.name + SUFFIX).unlink(missing_ok=True)


def renew_sha256(path: str | Path) -> None:
    """Bring the check sum of a file that was replaced up to date, if there is one beside it."""
    place = Path(path)
    if place.with_name(place.name + SUFFIX).is_file():
        write_sha256(place)


def _sha256(place: Path) -> str:
    status = place.stat()
    # A file may change again within the step of its clock.
    settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
    state = (status.st_size, status.st_mtime_ns, status.st_ino)
    return _kept_sha256(place.absolute(), state) if settled else _computed_sha256(place)


@lru_cache(maxsize=4096)
def _kept_sha256(place: Path, _state: tuple[int, int, int]) -> str:
    return _computed_sha256(place)


def _computed_sha256(place: Path) -> str:
    try:
        with place.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputFileError(place, f"cannot be read ({error.strerror})") from error


def _stated(sums: Path, name: str) -> str | None:
    """Return the check sum that a file states for another one beside it."""
    found = {checked: stated for checked, stated in _lines(sums) if checked in {name, ""}}
    return found.get(name, found.get(""))


def _lines(sums: Path) -> Iterator[tuple[str, str]]:
    """Yield the name, empty if there is none, and the check sum of each line."""
    try:
        text = sums.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(sums, f"cannot be read ({error})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputFileError(sums, f"line {number} is no line of sha256sum")
        yield (match["name"] or "").removeprefix("./"), match["sum"].lower()
