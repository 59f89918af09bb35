"""What every reader of a file offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from emulator.objects.chunks import Chunk
    from emulator.objects.summary import FileSummary


class Reader(Protocol):
    """Reads one file. Readers hold no open file, so they can be sent to other processes."""

    @property
    def format_name(self) -> str:
        """Name of the format, as ``l1ntuple`` or ``l1nano``."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def entries(self) -> int:
        """Number of entries of the file."""

    @property
    def decisions(self) -> int:
        """Number of decisions that the file holds for each entry; 0 if it holds none."""

    @property
    def float_valued(self) -> bool:
        """Whether the integers are mapped from floats, so that no hardware ever saw them."""

    def describe(self) -> FileSummary:
        """Read the whole file and return what it holds."""

    def chunks(
        self,
        *,
        crossings: Sequence[int] = (0,),
        chunk_events: int = 100_000,
        bits: bool = False,
        entries: tuple[int, int] | None = None,
    ) -> Iterator[Chunk]:
        """Return the events, in ranges of at most ``chunk_events`` entries.

        With several crossings there is one row for each pair of entry and crossing, entry by entry.
        ``bits`` asks for the decisions too, which are of crossing 0. ``entries`` is the first entry and
        the one behind the last to read; all by default. Whoever reads a part must look himself whether
        the file offers the crossings that he asked for (`Chunk.crossings`, `require_crossings`).
        """

    def without_other_fields(self, fields: Collection[str]) -> Reader:
        """Return a reader for those who use no other fields of objects than these, as ``mu.iso``.

        Of a collection of objects that is not named, and of other optional fields and flags, nothing need
        be read; such a collection is empty then. Formats that are read whole give everything all the same.
        """

    def signs_of_damage(self) -> tuple[str, ...]:
        """Return what an undamaged file does not show though its form allows it, one sentence each."""

    def provenance(self) -> dict[str, Any]:
        """Return what the writer of the file noted about it."""
