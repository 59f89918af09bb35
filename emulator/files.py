"""Writing files so that a half-written one is never left as if it were good; where caches live."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replace_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success it takes the name, on failure it goes.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replace_file(folder / "note.txt") as temporary:
    ...     _ = temporary.write_text("complete")
    >>> [path.name for path in folder.iterdir()]
    ['note.txt']
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Same folder, so that the renaming is atomic; the process keeps two runs apart.
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.tmp{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def user_cache_folder() -> Path:
    """Return the folder in which this package keeps what it can make again.

    It is ``l1distill`` in ``XDG_CACHE_HOME``, or in ``~/.cache``.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "l1distill"
