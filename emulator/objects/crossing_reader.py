"""Base of readers of formats in which each entry is one triggered crossing with one set of objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from emulator.errors import InputFileError
from emulator.objects.arrange import trim
from emulator.objects.chunks import (
    Chunk,
    check_decisions_wanted,
    checked_crossings,
    entry_ranges,
    require_crossings,
)
from emulator.objects.events import OPTIONAL_FIELDS, build_events
from emulator.objects.scales import load_scales
from emulator.objects.summary import FileSummary, Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.objects.chunks import Order, Source
    from emulator.objects.decisions import SeedBits
    from emulator.objects.events import Columns
    from emulator.objects.ugt_words import UgtWords

_DESCRIBE_ENTRIES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Part:
    """A range of entries as a format has them, before ranges are checked."""

    scalars: Mapping[str, NDArray[Any]]
    objects: Mapping[str, Columns]
    bits: SeedBits | None = None
    words: UgtWords | None = None


class CrossingReader(ABC):
    """Reads one file; see the protocol `emulator.objects.reader.Reader`.

    Parameters
    ----------
    path, entries
        The file, and how many entries it has.
    order
        ``pt``: objects in falling pt. ``readout``: as the file has them.
    """

    format_name: ClassVar[str]
    #: What a row of the file is called in messages, and the number of the first one.
    row_name: ClassVar[str] = "entry"
    first_row: ClassVar[int] = 0
    float_valued: bool = False
    tables: tuple[str, ...] = ()

    def __init__(self, path: str, entries: int, *, order: Order) -> None:
        if entries == 0:
            raise InputFileError(path, "has no entries")
        self.path = path
        self.entries = entries
        self.order = order

    @abstractmethod
    def parts(self, ranges: Sequence[tuple[int, int]], *, bits: bool) -> Iterator[Part]:
        """Return the entries of each range, in order; the ranges follow each other."""

    @property
    def decisions(self) -> int:
        """Number of decisions that the file holds for each entry."""
        return 0

    def without_other_fields(self, fields: Collection[str]) -> Self:  # noqa: ARG002
        """Return this reader: it reads whole rows."""
        return self

    def notes(self) -> tuple[str, ...]:
        """Return what a user must know, one sentence each."""
        return ()

    def signs_of_damage(self) -> tuple[str, ...]:
        """Return what an undamaged file does not show, one sentence each."""
        return ()

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it."""
        return {}

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
        entries: tuple[int, int] | None = None,
    ) -> Iterator[Chunk]:
        """Return the crossings of the file in ranges of at most ``chunk_events`` entries.

        Raises
        ------
        InputFileError
            If another relative crossing than 0 is asked for, or decisions that the file lacks.
        RangeError
            If an integer does not fit its range; the message names the place.
        """
        wanted = checked_crossings(crossings)
        require_crossings(self.path, wanted.tolist(), (0,))
        if bits:
            check_decisions_wanted(self.path, wanted, self.decisions > 0)
        return self._chunks(entry_ranges(self.entries, chunk_events, entries), bits)

    def _chunks(self, ranges: Sequence[tuple[int, int]], bits: bool) -> Iterator[Chunk]:
        for (start, stop), part in zip(ranges, self.parts(ranges, bits=bits), strict=True):
            place = partial(_place, f"{self.path}: {self.row_name} ", start + self.first_row)
            events = build_events(part.scalars, part.objects, place=place)
            yield Chunk(
                self.path,
                "",
                start,
                stop,
                trim(events) if self.order == "pt" else events,
                bits=part.bits,
                words=part.words,
                float_valued=self.float_valued,
            )

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""
        tally = Tally(load_scales())
        present: set[str] = set()
        weighted = False
        ranges = entry_ranges(self.entries, _DESCRIBE_ENTRIES)
        for (start, stop), part in zip(ranges, self.parts(ranges, bits=False), strict=True):
            for name, columns in part.objects.items():
                tally.add_objects(name, columns.fields)
                present |= {f"{name}.{field}" for field in columns.fields}
            entries = np.arange(stop - start)
            tally.add_crossings(entries, np.zeros(len(entries), dtype=np.int64))
            weighted = "weight" in part.scalars
        return FileSummary(
            path=self.path,
            format_name=self.format_name,
            source="unpacked",
            trees=self.tables,
            entries=self.entries,
            sources=("unpacked",),
            crossings=tally.crossings(),
            collections=tally.collections(),
            missing=tuple(
                f"{name}.{field}"
                for name, fields in OPTIONAL_FIELDS.items()
                for field in fields
                if f"{name}.{field}" not in present
            ),
            weighted=weighted,
            provenance=self.provenance(),
            decisions=self.decisions,
            float_valued=self.float_valued,
            notes=self.notes(),
        )


def _place(before: str, start: int, row: int) -> str:
    return f"{before}{start + row}"


def require_unpacked(path: str, source: Source, what: str) -> None:
    """Raise `InputFileError` if re-emulated objects are asked of a format with one set of them."""
    if source != "unpacked":
        raise InputFileError(path, f"{what} has one set of objects; read it as unpacked")
