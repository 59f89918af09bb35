"""What an archive holds is checked before anything is taken out of it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Far above any network for a trigger, far below what would fill a memory or a disk.
MAX_BYTES = 256 << 20
MAX_MEMBERS = 10_000


def read_bytes(path: Path) -> bytes:
    """Read a file once, so that what is checked is what is used.

    Raises
    ------
    InputFileError
        If it is missing, no file, or larger than any network.
    """
    if not path.exists():
        raise InputFileError(path, "there is no such file")
    if not path.is_file():
        raise InputFileError(path, "is no file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputFileError(path, f"has {size} bytes, a network has at most {MAX_BYTES}")
    return path.read_bytes()


def zip_members(path: Path, content: bytes) -> dict[str, bytes]:
    """Return the files of a zip archive, by name.

    Raises
    ------
    InputFileError
        If it is damaged, a member would be written outside of a folder, is a link, is larger than it
        says, or there are too many or too large ones.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            # The upper half of this field is the mode of the file under Unix.
            links = [info.filename for info in infos if (info.external_attr >> 28) == 0o12]
            _check_members(path, [(info.filename, info.file_size) for info in infos], links)
            # `read` stops with an error where a member is longer than its entry says.
            return {info.filename: archive.read(info) for info in infos if not info.is_dir()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputFileError(path, f"is a damaged archive ({error})") from error


def tar_members(path: Path, content: bytes, allowed: Callable[[str], bool]) -> dict[str, bytes]:
    """Return the files of a compressed tar archive, by name.

    Parameters
    ----------
    path
        For messages.
    content
        Its bytes.
    allowed
        Whether a file of this name may be there.

    Raises
    ------
    InputFileError
        As `zip_members`, and for a name that is not allowed.
    """
    try:
        # A stream, so that a bomb is met member by member, before it is unpacked.
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|gz") as archive:
            return _tar_files(path, archive, allowed)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise InputFileError(path, f"is a damaged archive ({error})") from error


def _tar_files(
    path: Path, archive: tarfile.TarFile, allowed: Callable[[str], bool]
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for member in archive:
        if member.isdir() and member.name in {"", "/", "."}:
            continue
        links = [] if member.isreg() else [member.name]
        total += member.size
        _check_members(path, [(member.name, total)], links)
        if not allowed(member.name) or member.name in files:
            raise InputFileError(path, f"holds {member.name!r}, which such an archive has not")
        if len(files) >= MAX_MEMBERS:
            raise InputFileError(path, f"holds more than {MAX_MEMBERS} files")
        stream = archive.extractfile(member)
        files[member.name] = b"" if stream is None else stream.read()
    return files


def _check_members(path: Path, members: list[tuple[str, int]], links: list[str]) -> None:
    if links:
        raise InputFileError(path, f"holds {links[0]!r}, which is a link or no plain file")
    if len(members) > MAX_MEMBERS:
        raise InputFileError(path, f"holds {len(members)} files, at most {MAX_MEMBERS} are read")
    total = sum(size for _, size in members)
    if total > MAX_BYTES:
        raise InputFileError(path, f"would unpack to {total} bytes, at most {MAX_BYTES} are read")
    for name, _ in members:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\\" in name or ":" in name:
            raise InputFileError(path, f"holds {name!r}, which leads out of its folder")
