"""A hash of what events say, independent of file format, compression and chunks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.objects import columns, scalar_columns
from emulator.objects.events import OBJECTS, SUMS

if TYPE_CHECKING:
    import awkward as ak
    from numpy.typing import NDArray


class ContentHash:
    """SHA-256 over all integers of an events array, which may come in chunks.

    Each field is hashed on its own, as little-endian integers; the number of objects per crossing is
    a field too. So the result does not depend on how the rows were cut into chunks.

    Examples
    --------
    >>> from emulator.objects import empty_events
    >>> first, second = ContentHash(), ContentHash()
    >>> first.update(empty_events())
    >>> first.hexdigest() == second.hexdigest()
    False
    """

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}

    def update(self, events: ak.Array) -> None:
        """Add the next rows."""
        for name, values in scalar_columns(events).items():
            self._add(name, values)
        for collection in (*OBJECTS, *SUMS):
            part = columns(events, collection)
            self._add(f"{collection}.count", np.diff(part.offsets))
            for name, contents in part.fields.items():
                self._add(f"{collection}.{name}", contents)

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        whole = hashlib.sha256()
        for name in sorted(self._fields):
            whole.update(f"{name}:{self._fields[name].hexdigest()};".encode())
        return whole.hexdigest()

    def _add(self, name: str, values: NDArray[Any]) -> None:
        little_endian = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
        if name not in self._fields:
            self._fields[name] = hashlib.sha256(little_endian.dtype.str.encode())
        self._fields[name].update(little_endian.tobytes())


def events_sha256(events: ak.Array) -> str:
    """Return the content hash of one events array."""
    content = ContentHash()
    content.update(events)
    return content.hexdigest()
