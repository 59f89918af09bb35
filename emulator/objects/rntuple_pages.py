"""What uproot leaves undone for pages of RNTuples: it reads no check sums, and clusters more than once.

ROOT writes a check sum behind each page unless it is told not to; uproot writes none.
Source: ROOT, ``tree/ntuple/doc/BinaryFormatSpecification.md`` (envelopes, page locations).
"""

from __future__ import annotations

from collections import UserDict
from typing import TYPE_CHECKING, Any, Final

import xxhash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SUM_BYTES: Final = 8

#: A column of a cluster is kept for the next range of entries up to this size; all together stay small.
_KEPT_BYTES: Final = 4_000_000


class LastClusters(UserDict[str, "NDArray[np.generic]"]):
    """Of each column of an RNTuple the cluster that was read last, as a cache of arrays for uproot.

    A range of entries that ends inside a cluster leaves it to the next range, and uproot also reads the
    cluster that begins where a range ends.

    Examples
    --------
    >>> import numpy as np
    >>> clusters = LastClusters()
    >>> for cluster in range(3):
    ...     clusters[f"file:ntuple:{cluster}:7"] = np.zeros(2)
    >>> list(clusters)
    ['file:ntuple:2:7']
    """

    def __init__(self) -> None:
        super().__init__()
        self._key_of_column: dict[str, str] = {}

    def __setitem__(self, key: str, array: NDArray[np.generic]) -> None:
        column = key.rsplit(":", maxsplit=1)[-1]
        self.data.pop(self._key_of_column.pop(column, ""), None)
        if array.nbytes <= _KEPT_BYTES:
            self.data[key] = array
            self._key_of_column[column] = key


class PageChecker:
    """Checks the pages of one RNTuple, each once.

    Parameters
    ----------
    ntuple
        The RNTuple of an open file; its lists of pages are checked here.

    Raises
    ------
    ValueError
        Here and in `check`, if bytes do not have their check sum.
    """

    def __init__(self, ntuple: Any) -> None:
        self._ntuple = ntuple
        self._seen: set[tuple[int, int]] = set()
        self._columns = _columns_by_field(ntuple)
        for record in ntuple.footer.cluster_group_records:
            link = record.page_list_link
            chunk, _ = ntuple.read_locator(link.locator, link.env_uncomp_size)
            _check(bytes(chunk.raw_data)[: link.env_uncomp_size], "a list of pages")

    def check(self, key: str, start: int, stop: int) -> None:
        """Check the pages of a field, with all below it, that hold any of a range of entries."""
        columns = self._columns.get(key.split(".", maxsplit=1)[0], [])
        for number, cluster in enumerate(self._ntuple.cluster_summaries):
            first = cluster.num_first_entry
            if first >= stop or first + cluster.num_entries <= start:
                continue
            pages = self._ntuple.page_link_list[number]
            for column in columns:
                if column < len(pages) and (number, column) not in self._seen:
                    self._seen.add((number, column))
                    for page in pages[column].pages:
                        self._check_page(page, f"a page of {key}")

    def _check_page(self, page: Any, what: str) -> None:
        if page.has_checksum:
            start = page.locator.offset
            stop = start + page.locator.num_bytes + _SUM_BYTES
            _check(bytes(self._ntuple.file.source.chunk(start, stop).raw_data), what)


def _columns_by_field(ntuple: Any) -> dict[str, list[int]]:
    """Return the columns of each field at the top and of all fields below it."""
    fields = ntuple.field_records
    parents = [field.parent_field_id for field in fields]

    def top(place: int) -> int:
        while parents[place] != place:
            place = parents[place]
        return place

    columns: dict[str, list[int]] = {}
    for place, column in enumerate(ntuple.column_records):
        name = fields[top(column.field_id)].field_name
        columns.setdefault(name, []).append(place)
    return columns


def _check(content: bytes, what: str) -> None:
    stated = int.from_bytes(content[-_SUM_BYTES:], "little")
    if xxhash.xxh3_64_intdigest(content[:-_SUM_BYTES]) != stated:
        msg = f"the check sum of {what} is another one"
        raise ValueError(msg)
