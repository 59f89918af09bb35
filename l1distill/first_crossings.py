"""The first crossings of files, without reading the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import InputFileError
from emulator.objects import concatenate, expand_paths, open_file

if TYPE_CHECKING:
    import awkward as ak

    from emulator.objects.chunks import Order, Source
    from emulator.objects.paths import Paths


def first_events(paths: Paths, most: int, *, source: Source, order: Order) -> ak.Array:
    """Read the first triggered crossings of files.

    Parameters
    ----------
    paths
        Files of any format that is read; see `expand_paths`.
    most
        How many crossings at most.
    source, order
        As for `open_file`.

    Returns
    -------
    The events.

    Raises
    ------
    L1Error
        If a file cannot be read, or there is no crossing.
    """
    files = expand_paths(paths)
    parts: list[ak.Array] = []
    for path in files:
        for chunk in open_file(path, source=source, order=order).chunks(chunk_events=most):
            parts.append(chunk.events)
            if sum(map(len, parts)) >= most:
                return concatenate(parts)[:most]
    events = concatenate(parts)
    if not len(events):
        raise InputFileError(files[0], "has no crossings")
    return events
