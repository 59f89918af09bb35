"""Where numba keeps compiled kernels: a folder named by the hash of the package's sources.

numba's own file cache does not notice when a function that a kernel *calls* changes in another
module, and runs the old code silently. A new folder for every state of the sources is the cure. It
must be set before the first decorator runs, so `emulator.jit`, which has them all, calls this first.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from emulator.files import user_cache_folder


def sources_sha256() -> str:
    """Hash of all Python sources of this package, independent of where it is installed.

    Examples
    --------
    >>> len(sources_sha256())
    64
    """
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def use_cache_of_these_sources() -> None:
    """Point numba's cache at a folder of its own for this state of the sources.

    ``NUMBA_CACHE_DIR`` in the environment wins.
    """
    import numba  # takes a third of a second, and the sources' hash is asked for without it

    if os.environ.get("NUMBA_CACHE_DIR"):
        return
    folder = user_cache_folder() / "numba" / sources_sha256()[:16]
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
