"""What every reader gives: events of a range of entries, with the trigger's decisions on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emulator.errors import InputFileError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import awkward as ak
    from numpy.typing import NDArray

    from emulator.objects.decisions import SeedBits
    from emulator.objects.ugt_words import UgtWords

Source = Literal["unpacked", "emulated"]
Order = Literal["pt", "readout"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events of a range of entries of one file.

    Attributes
    ----------
    path, tree
        The file, and the tree or table in it (empty where the format has none).
    entry_start, entry_stop
        The range of entries.
    events
        One row for each pair of entry and crossing asked for, entry by entry.
    bits
        The decisions, row by row, if they were asked for.
    words
        The words of a uGT test vector, entry by entry, so that it can be written again as it is.
    float_valued
        Whether the integers were mapped from floats: no hardware ever saw them.
    crossings
        Those of the crossings asked for that occur in this range of entries. One that occurs nowhere
        in a file is not offered by it; empty rows would pass for crossings without objects.
    """

    path: str
    tree: str
    entry_start: int
    entry_stop: int
    events: ak.Array
    bits: SeedBits | None = None
    words: UgtWords | None = None
    float_valued: bool = False
    crossings: tuple[int, ...] = (0,)


def checked_crossings(crossings: Sequence[int]) -> NDArray[np.int64]:
    """Return relative crossings as int64; `SettingsError` unless each is given once and fits."""
    limits = np.iinfo(np.int16)
    if not crossings or len(set(crossings)) != len(crossings):
        msg = f"crossings must be given, each once, not {list(crossings)}"
        raise SettingsError(msg)
    if any(not limits.min <= each <= limits.max for each in crossings):
        msg = f"crossings are relative (0 is the triggered one), not {list(crossings)}"
        raise SettingsError(msg)
    return np.asarray(crossings, dtype=np.int64)


def check_decisions_wanted(path: str, crossings: NDArray[np.int64], offered: bool) -> None:
    """Check that decisions can be read: the file has them, and only crossing 0 is asked for.

    Raises
    ------
    InputFileError
        If the file has no decisions.
    SettingsError
        If other crossings are asked for: files hold the decisions of crossing 0.
    """
    if not offered:
        raise InputFileError(path, "holds no decisions of the trigger (seed bits)")
    if crossings.tolist() != [0]:
        msg = (
            f"decisions are of crossing 0; do not ask for crossings {crossings.tolist()} with them"
        )
        raise SettingsError(msg)


def require_crossings(path: str, wanted: Iterable[int], offered: Iterable[int]) -> None:
    """Raise `InputFileError` if a crossing that was asked for is in no entry of a file."""
    unseen = sorted(set(wanted) - set(offered))
    if unseen:
        asked = ", ".join(str(each) for each in unseen)
        there = ", ".join(str(each) for each in sorted(offered)) or "none"
        raise InputFileError(path, f"crossing {asked} is in no entry; offered: {there}")


def entry_ranges(
    entries: int, chunk_events: int, within: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """Cut entries, or a part of them, into ranges of at most ``chunk_events``.

    Raises
    ------
    SettingsError
        If ``chunk_events`` is below 1, or the part is empty or reaches beyond the entries.

    Examples
    --------
    >>> entry_ranges(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    >>> entry_ranges(9, 2, within=(3, 6))
    [(3, 5), (5, 6)]
    """
    first, last = (0, entries) if within is None else within
    if within is not None and not 0 <= first < last <= entries:
        msg = f"entries {first} to {last} are no part of the {entries} that there are"
        raise SettingsError(msg)
    if chunk_events < 1:
        msg = f"chunk_events must be at least 1, not {chunk_events}"
        raise SettingsError(msg)
    return [(start, min(start + chunk_events, last)) for start in range(first, last, chunk_events)]
