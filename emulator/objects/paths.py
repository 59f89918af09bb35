"""Paths that users give: files, addresses, patterns, folders, and lists of files."""

from __future__ import annotations

import re
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import InputFileError
from emulator.objects.file_access import first_bytes, is_remote
from emulator.objects.formats import looks_readable
from emulator.objects.parquet_layout import SEEDS_FOLDER, is_zenodo_folder
from emulator.objects.sha256_files import is_sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Paths = str | PathLike[str] | Sequence[str | PathLike[str]]

_PATTERN = re.compile(r"[*?[]")


def expand_paths(paths: Paths) -> list[str]:
    """Return the files that paths stand for, in their order, each sorted within.

    Parameters
    ----------
    paths
        Each one a file; an address such as ``root://...`` (left as it is); a pattern with ``*``,
        ``?``, ``[`` or ``**``; a folder, of which all files of a format that is read are taken,
        whatever their names, those of sub-folders included; or a text file with one path a line
        (``#`` begins a comment), relative to its own folder.

    Raises
    ------
    InputFileError
        If a pattern, folder or list stands for no file.

    Examples
    --------
    >>> expand_paths(["root://eos.cern.ch//store/a.root", "b.root"])
    ['root://eos.cern.ch//store/a.root', 'b.root']
    """
    single = [paths] if isinstance(paths, str | PathLike) else paths
    return [file for path in single for file in _expanded(fspath(path))]


def _expanded(path: str) -> list[str]:
    if is_remote(path):
        return [path]
    local = Path(path)
    if not local.exists() and _PATTERN.search(path):
        matching = [each for each in _matching(local) if not is_sha256_file(each)]
        found = [file for each in matching for file in _expanded(str(each))]
        return _some(found, path, "no file matches this pattern")
    if local.is_dir() and not is_zenodo_folder(local):
        return _some([str(file) for file in _in_folder(local)], path, "this is no file, and no file "
                     "in it is of a format that is read")  # fmt: skip
    if local.is_file() and not looks_readable(local):
        return _listed(local) or [path]
    return [path]


def _some(found: list[str], path: str, problem: str) -> list[str]:
    if not found:
        raise InputFileError(path, problem)
    return found


def _matching(pattern: Path) -> list[Path]:
    """Return what matches, as a shell does: hidden files only where the pattern says so."""
    parts = pattern.parts
    first = next(place for place, part in enumerate(parts) if _PATTERN.search(part))
    root = Path(*parts[:first])
    found = sorted(root.glob("/".join(parts[first:])))
    if any(part.startswith(".") for part in parts[first:]):
        return found
    hidden = {path for path in found if any(p[0] == "." for p in path.relative_to(root).parts)}
    return [path for path in found if path not in hidden]


def _in_folder(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        # Seeds lie beside the events and are read with them.
        if path.name.startswith(".") or path.name == SEEDS_FOLDER:
            continue
        if path.is_dir():
            yield from [path] if is_zenodo_folder(path) else _in_folder(path)
        elif looks_readable(path):
            yield path


def _listed(path: Path) -> list[str]:
    """Return the files of a list; nothing if the file is no list (its first line is no file)."""
    try:
        if b"\0" in first_bytes(str(path)):
            return []
        text = path.read_text(encoding="utf-8")
    except (InputFileError, UnicodeDecodeError, OSError):
        return []
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    named = [line if is_remote(line) else str(path.parent / line) for line in lines if line]
    if not named or not (
        is_remote(named[0]) or Path(named[0]).exists() or _PATTERN.search(named[0])
    ):
        return []
    return [file for each in named for file in ([each] if is_remote(each) else _expanded(each))]
