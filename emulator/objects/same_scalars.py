"""Files with weights or pool events and files without are not mixed: their crossings do not count alike."""

from __future__ import annotations

from os import fspath
from typing import TYPE_CHECKING

from emulator.errors import InputFileError
from emulator.objects.events import OPTIONAL_SCALARS

if TYPE_CHECKING:
    from collections.abc import Collection
    from os import PathLike


class SameScalars:
    """Refuses a file with weights among others without, or the other way round.

    Examples
    --------
    >>> same = SameScalars()
    >>> same.check("a.root", ["run", "weight"])
    >>> same.check("b.root", ["run"])
    Traceback (most recent call last):
        ...
    emulator.errors.InputFileError: b.root: its events have no weight, unlike those of a.root; do not mix such files
    """

    def __init__(self) -> None:
        self._first: tuple[str, set[str]] | None = None

    def check(self, path: str | PathLike[str], names: Collection[str]) -> None:
        """Tell of the next file and the scalars of its events.

        Raises
        ------
        InputFileError
            If it has optional scalars that the first file lacks, or lacks some.
        """
        present = set(names) & set(OPTIONAL_SCALARS)
        first, expected = self._first = self._first or (fspath(path), present)
        if present != expected:
            more, fewer = present - expected, expected - present
            parts = [f"have {', '.join(sorted(more))}"] if more else []
            parts += [f"have no {', '.join(sorted(fewer))}"] if fewer else []
            problem = (
                f"its events {' and '.join(parts)}, unlike those of {first}; do not mix such files"
            )
            raise InputFileError(fspath(path), problem)
