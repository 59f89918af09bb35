"""The check sums of RNTuples, which uproot leaves unread: those of lists of pages, and of pages.

ROOT writes a check sum behind each page unless it is told not to; uproot writes none.
Source: ROOT, ``tree/ntuple/doc/BinaryFormatSpecification.md`` (envelopes, page locations).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUM_BYTES: Final = 8


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
        for record in ntuple.footer.cluster_group_records:
            link = record.page_list_link
            chunk, _ = ntuple.read_locator(link.locator, link.env_uncomp_size)
            _check(bytes(chunk.raw_data)[: link.env_uncomp_size], "a list of pages")

    def check(self, key: str, start: int, stop: int) -> None:
        """Check the pages of a field, with all below it, that hold any of a range of entries."""
        columns = list(self._columns(key.split(".", maxsplit=1)[0]))
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

    def _columns(self, name: str) -> Iterator[int]:
        fields = self._ntuple.field_records
        parents = [field.parent_field_id for field in fields]

        def top(place: int) -> int:
            while parents[place] != place:
                place = parents[place]
            return place

        below = {place for place in range(len(fields)) if fields[top(place)].field_name == name}
        return (
            place
            for place, column in enumerate(self._ntuple.column_records)
            if column.field_id in below
        )

    def _check_page(self, page: Any, what: str) -> None:
        if page.has_checksum:
            start = page.locator.offset
            stop = start + page.locator.num_bytes + _SUM_BYTES
            _check(bytes(self._ntuple.file.source.chunk(start, stop).raw_data), what)


def _check(content: bytes, what: str) -> None:
    stated = int.from_bytes(content[-_SUM_BYTES:], "little")
    if xxhash.xxh3_64_intdigest(content[:-_SUM_BYTES]) != stated:
        msg = f"the check sum of {what} is another one"
        raise ValueError(msg)
