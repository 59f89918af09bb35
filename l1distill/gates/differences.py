"""What changed between two trees of facts: which one, from what, to what, by how much."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Stands for a fact that one side does not have; no fact is None.
ABSENT: Final = None

#: Characters of a text, a hash for example, that a table shows.
_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """One fact that changed.

    Parameters
    ----------
    what
        Its place in the tree, names joined by " / ".
    old, new
        The fact before and now; None where it is absent.
    """

    what: str
    old: int | float | str | bool | None
    new: int | float | str | bool | None

    @property
    def relative_change(self) -> float | None:
        """Return ``new / old - 1`` of two numbers, the old one not 0; else None."""
        if not (_is_number(self.old) and _is_number(self.new)) or not self.old:
            return None
        return float(self.new) / float(self.old) - 1  # type: ignore[arg-type] # both are numbers

    @property
    def change(self) -> str:
        """Return the change in words: ``+2.5 %``, ``new``, ``gone`` or ``other``."""
        if self.old is ABSENT:
            return "new"
        if self.new is ABSENT:
            return "gone"
        relative = self.relative_change
        if relative is not None:
            return f"{100 * relative:+.3g} %"
        if _is_number(self.old) and _is_number(self.new):
            return f"{float(self.new) - float(self.old):+g}"
        return "other"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return every fact that is not exactly the same in two trees.

    Parameters
    ----------
    old, new
        Nested mappings (and lists, by place) of numbers, texts and booleans.

    Returns
    -------
    In the order of the old tree, then what is new.

    Examples
    --------
    >>> for each in differences({"fires": {"1kHz": 40}}, {"fires": {"1kHz": 41, "5kHz": 7}}):
    ...     print(each.what, each.old, each.new, each.change)
    fires / 1kHz 40 41 +2.5 %
    fires / 5kHz None 7 new
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    places = dict.fromkeys([*before, *after])
    return tuple(
        Difference(" / ".join(place), before.get(place, ABSENT), after.get(place, ABSENT))
        for place in places
        if not _same(before.get(place, ABSENT), after.get(place, ABSENT))
    )


def difference_table(found: Sequence[Difference]) -> str:
    """Return differences as aligned text, one line each, under a line of titles."""
    rows = [("what", "old", "new", "change")]
    rows += [(each.what, _short(each.old), _short(each.new), each.change) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = (
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _leaves(tree: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict):
        for name, part in tree.items():
            yield from _leaves(part, (*place, str(name)))
    elif isinstance(tree, list | tuple):
        for number, part in enumerate(tree):
            yield from _leaves(part, (*place, str(number)))
    else:
        yield place, tree


def _same(old: object, new: object) -> bool:
    # True == 1 and 1 == 1.0 in Python; a fact that changes its kind has changed.
    return type(old) is type(new) and old == new


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    if value is ABSENT:
        return "-"
    if not isinstance(value, str):
        return json.dumps(value)
    return value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
