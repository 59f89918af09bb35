"""Which crossings of its files a role takes: by run and by luminosity section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from emulator.errors import SettingsError
from l1distill.emulation import chunks_of_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from emulator.objects.chunks import Order, Source
    from emulator.objects.lumi_mask import LumiMask


@dataclass(frozen=True)
class Selection:
    """Runs that are taken, and sections that are good; None takes all.

    Examples
    --------
    >>> from emulator.objects import empty_events
    >>> len(Selection((1,)).of(empty_events()))
    0
    """

    runs: tuple[int, ...] | None = None
    mask: LumiMask | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what is selected as plain values; nothing if all is."""
        plain: dict[str, Any] = {}
        if self.runs is not None:
            plain["runs"] = list(self.runs)
        if self.mask is not None:
            plain["lumi_sections"] = {str(run): ends for run, ends in self.mask.ranges.items()}
        return plain

    def of(self, events: ak.Array) -> ak.Array:
        """Return the crossings of an events array that are selected."""
        kept = np.ones(len(events), dtype=np.bool_)
        run = np.asarray(events["run"])
        if self.runs is not None:
            kept &= np.isin(run, self.runs)
        if self.mask is not None:
            kept &= self.mask.keeps(run, np.asarray(events["lumi"]))
        return events if kept.all() else ak.to_packed(events[kept])


def selected_chunks(
    role: str,
    paths: Sequence[str | Path],
    selection: Selection,
    *,
    source: Source = "unpacked",
    order: Order = "pt",
) -> Iterator[ak.Array]:
    """Yield the selected crossings of a role's files, chunk by chunk, with bounded memory.

    Raises
    ------
    SettingsError
        If no crossing is left.
    """
    seen = taken = 0
    for events in chunks_of_events(paths, source=source, order=order):
        chosen = selection.of(events)
        seen += len(events)
        taken += len(chosen)
        if len(chosen):
            yield chosen
    if not taken:
        msg = (
            f"{role}: none of the {seen} crossings in its files is left by samples.files.runs and "
            "samples.files.lumi_mask"
        )
        raise SettingsError(msg)
