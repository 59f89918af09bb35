"""A folder of decoded files: each is made once, and whoever comes later finds it complete or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from emulator._cache import sources_sha256
from emulator.errors import SettingsError
from emulator.objects.file_access import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of a file's head that tell it apart. They hold the identifier that ROOT gives each file, which stands
#: behind its name and title, twice: both may be long.
_HEAD_BYTES: Final = 4_096

#: What a folder of decoded files may hold before the oldest leave it.
DEFAULT_LIMIT_BYTES: Final = 20_000_000_000

#: A run maps what it uses for longer than this only if it is stuck; what is younger stays.
_KEPT_SECONDS: Final = 6 * 3_600.0

_SIZES: Final = "sizes.json"


def can_be_kept(path: str) -> bool:
    """Tell whether a path is one local file, which has an identity, a size and a time."""
    return not is_remote(path) and Path(path).is_file()


def key_of(path: str, *taken: Any) -> str:
    """Return the name under which what was taken of a file is kept.

    It depends on the file (its head with the identifier, size and time), on what is taken of it, and on
    the code. Its path does not enter.

    Parameters
    ----------
    path
        A local file.
    taken
        Anything that JSON can say.
    """
    found = Path(path).stat()
    with Path(path).open("rb") as file:
        head = file.read(_HEAD_BYTES).hex()
    plain = [head, found.st_size, found.st_mtime_ns, _sources(), *taken]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    return sources_sha256()


@dataclass(frozen=True, slots=True)
class Store:
    """Decoded files, one folder each.

    Parameters
    ----------
    folder
        Where they are; made if it is not there.
    limit_bytes
        When there is more than this after a file was added, those leave that were not used for longest
        (and not within the last hours, since others may read them).

    Raises
    ------
    SettingsError
        If ``folder`` is, or would be in, something that is no folder.
    """

    folder: Path
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    def __post_init__(self) -> None:
        there = next(place for place in (self.folder, *self.folder.parents) if place.exists())
        if not there.is_dir():
            which = "it" if there == self.folder else there
            msg = f"the cache {self.folder} must be a folder, and {which} is a file"
            raise SettingsError(msg)

    def entry(self, key: str, fill: Callable[[Path], None]) -> Path:
        """Return the folder of a key, filled if it is not there.

        Of several processes that ask at the same time one fills, the others wait for it. What a killed
        one left is removed by the next.

        Parameters
        ----------
        key
            As `key_of` gives it.
        fill
            Writes into the empty folder that it is given. If it fails nothing is kept.
        """
        place = self.folder / key
        if not _is_whole(place):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{key}.lock"):
                if not _is_whole(place):
                    self._fill(place, fill)
        (place / _SIZES).touch()
        return place

    def _fill(self, place: Path, fill: Callable[[Path], None]) -> None:
        shutil.rmtree(place, ignore_errors=True)
        for left in self.folder.glob(f".{place.name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=self.folder))
        try:
            fill(temporary)
            (temporary / _SIZES).write_text(json.dumps(_sizes(temporary)), encoding="utf-8")
            temporary.rename(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._make_room()

    def _make_room(self) -> None:
        entries = {
            each.parent: (each.stat().st_mtime, sum(json.loads(each.read_text()).values()))
            for each in self.folder.glob(f"*/{_SIZES}")
            if not each.parent.name.startswith(".")
        }
        held = sum(size for _, size in entries.values())
        for place, (used, size) in sorted(entries.items(), key=lambda item: item[1]):
            if held <= self.limit_bytes or time.time() - used < _KEPT_SECONDS:
                return
            held -= size
            self._remove(place)

    def _remove(self, place: Path) -> None:
        lock = FileLock(self.folder / f"{place.name}.lock", timeout=0)
        try:
            with lock:
                # Without its list of sizes it is not whole, whenever the removal ends.
                (place / _SIZES).unlink(missing_ok=True)
                shutil.rmtree(place, ignore_errors=True)
        except Timeout:
            return


def _sizes(folder: Path) -> dict[str, int]:
    return {
        each.relative_to(folder).as_posix(): each.stat().st_size
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    }


def _is_whole(place: Path) -> bool:
    """Tell whether all files are there in their full length (they may not be after a power cut)."""
    try:
        sizes = json.loads((place / _SIZES).read_text(encoding="utf-8"))
        return bool(sizes == {name: (place / name).stat().st_size for name in sizes})
    except (OSError, ValueError):
        return False
