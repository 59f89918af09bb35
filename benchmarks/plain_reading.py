"""What a process of a plain reader does; it imports no more than that needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uproot

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_range(path: str, tree: str, names: Sequence[str], start: int, stop: int) -> int:
    """Read branches for a range of entries and return how many there are."""
    with uproot.open({path: None}) as file:
        options = {"entry_start": start, "entry_stop": stop, "library": "ak"}
        return len(file[tree].arrays(names, **options))
