"""Counts of wraps and saturations of a model on files of L1 objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emulator.features import feature_rows
from emulator.graph import OverflowCount, count_overflows, possible_overflows
from emulator.results import Record
from l1distill.emulation import chunks_of_files
from l1distill.model_caveats import InputRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.model import Model
    from emulator.objects.chunks import Source
    from l1distill.emulation import Paths


@dataclass(frozen=True, slots=True)
class OverflowReport(Record):
    """What can overflow in a network, and how often it did.

    Parameters
    ----------
    n_crossings
        Crossings that were looked at; None without data.
    counts
        One record for each cast that can overflow.
    """

    n_crossings: int | None
    counts: tuple[OverflowCount, ...]

    @property
    def wrapping(self) -> tuple[OverflowCount, ...]:
        """Casts whose overflow makes the result silently wrong: they wrap, or become 0."""
        return tuple(count for count in self.counts if count.effect != "saturates")

    @property
    def seen_wrapping(self) -> tuple[OverflowCount, ...]:
        """Those of `wrapping` that did overflow."""
        return tuple(count for count in self.wrapping if count.n_events)

    def sentences(self) -> list[str]:
        """Say what a user must know."""
        n_saturating = len(self.counts) - len(self.wrapping)
        if not self.counts:
            return ["overflow: proved impossible everywhere, for all inputs"]
        if self.n_crossings is None:
            possible = (
                f"{len(self.wrapping)} casts may wrap or become 0, {n_saturating} may saturate"
            )
            return [f"overflow: {possible}; --on FILE counts them on your data"]
        if not self.seen_wrapping:
            return [f"overflow: nothing wraps or becomes 0 on {self.n_crossings} crossings"]
        return [
            f"WARNING: {count.node}, {count.place} {count.format}, {count.effect} on "
            f"{_share(count, self.n_crossings)} of the crossings: its value is wrong there; "
            "give the type more integer bits, or let it saturate"
            for count in self.seen_wrapping
        ]

    def table(self) -> list[list[str]]:
        """Return rows of text: node, place, type, effect, crossings, share, overflows."""
        return [
            [
                count.node,
                count.place,
                count.format,
                count.effect,
                str(count.n_events),
                _share(count, self.n_crossings or 0),
                str(count.n_overflows),
            ]
            for count in self.counts
        ]


def _share(count: OverflowCount, n_crossings: int) -> str:
    return f"{100 * count.n_events / n_crossings:.3g} %" if n_crossings else "-"


def overflow_report(
    model: Model,
    paths: Paths = (),
    *,
    source: Source = "unpacked",
    crossings: Sequence[int] = (0,),
    threads: int = 1,
) -> OverflowReport:
    """Say which casts of a model can overflow, and count them on files if there are any.

    Parameters
    ----------
    model
        The network and its layout.
    paths
        Files of L1 objects; none to only prove what is possible.
    source, crossings
        As in `emulate_files`.
    threads
        Threads; the counts do not depend on it.

    Raises
    ------
    L1Error
        If a file cannot be read, or one of its integers leaves the type of the network's input.
    """
    counts = possible_overflows(model.graph)
    if not paths:
        return OverflowReport(None, counts)
    n_crossings, held = 0, InputRange(model)
    chunks = chunks_of_files(paths, source=source, crossings=crossings, order=model.layout.order)
    for chunk in chunks:
        rows = feature_rows(chunk.events, model.layout)
        held.require(rows, chunk.path)
        n_crossings += len(rows)
        found = count_overflows(model.graph, rows, threads=threads)
        counts = tuple(map(_sum, counts, found))
    return OverflowReport(n_crossings, counts)


def _sum(first: OverflowCount, second: OverflowCount) -> OverflowCount:
    values: dict[str, Any] = {
        name: getattr(first, name) + getattr(second, name) for name in ("n_events", "n_overflows")
    }
    return replace(first, **values)
