"""Which objects of a range of entries are chosen, in plain Python."""

from __future__ import annotations

from operator import itemgetter

Object = tuple[int, int, int]  # pt, crossing, kind


def select_slowly(
    entries: list[list[Object]],
    crossings: list[int],
    kind: int,
    minimum_pt: int,
    limit: int,
    by_pt: bool,
) -> list[list[int]]:
    """The definition: positions chosen for each row."""
    rows = []
    first = 0
    for entry in entries:
        for crossing in crossings:
            chosen = [
                (first + k, pt)
                for k, (pt, bx, code) in enumerate(entry)
                if bx == crossing and code == kind and pt >= minimum_pt
            ]
            if by_pt:
                chosen.sort(key=itemgetter(1), reverse=True)  # stable, also in reverse
            rows.append([position for position, _ in chosen[:limit]])
        first += len(entry)
    return rows
