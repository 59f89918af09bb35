"""Checksums of a package, in the form of ``sha256sum``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import InputFileError
from emulator.results import Record

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\s/][^\n]*)")


@dataclass(frozen=True, slots=True)
class Verification(Record):
    """What is not as it was written.

    Parameters
    ----------
    n_files
        Files that the checksums name.
    changed, missing
        Of these, relative to the package.
    extra
        Files that they do not name, for example compiled ones.
    """

    n_files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether every file is there, unchanged."""
        return not (self.changed or self.missing)


def write_checksums(folder: Path) -> Path:
    """Write the checksums of all files of a folder into it."""
    lines = [f"{_digest(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return folder / SUMS


def verify_package(folder: str | Path) -> Verification:
    """Compare the files of a package with its checksums.

    Raises
    ------
    InputFileError
        If there are no checksums, or a line of them is damaged.
    """
    root = Path(folder)
    try:
        text = (root / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(root, f"is no package: {SUMS} cannot be read") from error
    given: dict[str, str] = {}
    for place, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None or ".." in Path(match[2]).parts:
            raise InputFileError(root / SUMS, f"line {place} is no checksum of a file")
        given[match[2]] = match[1]
    missing = tuple(name for name in given if not (root / name).is_file())
    changed = tuple(
        name
        for name, digest in given.items()
        if name not in missing and _digest(root / name) != digest
    )
    extra = tuple(name for name in _files(root) if name not in given)
    return Verification(len(given), changed, missing, extra)


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(name for path in paths if (name := path.relative_to(folder).as_posix()) != SUMS)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
