"""Which crossings of its files a role takes: by run and by luminosity section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np

from emulator.errors import SettingsError
from l1distill.dependence import binned_columns
from l1distill.emulation import chunks_of_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.objects.chunks import Order, Source
    from emulator.objects.lumi_mask import LumiMask
    from emulator.objects.quantities import Binning


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
        kept = self.keeps(events)
        return events if kept.all() else ak.to_packed(events[kept])

    def keeps(self, events: ak.Array) -> NDArray[np.bool_]:
        """Return which crossings of an events array are selected, axis (crossing)."""
        kept = np.ones(len(events), dtype=np.bool_)
        run = np.asarray(events["run"])
        if self.runs is not None:
            kept &= np.isin(run, self.runs)
        if self.mask is not None:
            kept &= self.mask.keeps(run, np.asarray(events["lumi"]))
        return kept


def selected_chunks(
    role: str,
    paths: Sequence[str | Path],
    selection: Selection,
    *,
    source: Source = "unpacked",
    order: Order = "pt",
    binnings: Sequence[Binning] = (),
) -> Iterator[tuple[ak.Array, dict[str, NDArray[np.float64]]]]:
    """Yield the selected crossings of a role's files, chunk by chunk, with bounded memory.

    With them come quantities that the files have, as columns of a table (`binned_columns`).

    Raises
    ------
    SettingsError
        If no crossing is left.
    L1Error
        If a file lacks a quantity.
    """
    seen = taken = 0
    for chunk in chunks_of_files(paths, source=source, order=order):
        kept = selection.keeps(chunk.events)
        seen += len(kept)
        taken += int(kept.sum())
        if kept.any():
            columns = binned_columns(chunk, binnings)
            if kept.all():
                yield chunk.events, columns
            else:
                chosen = {name: values[kept] for name, values in columns.items()}
                yield ak.to_packed(chunk.events[kept]), chosen
    if not taken:
        msg = (
            f"{role}: none of the {seen} crossings in its files is left by samples.files.runs and "
            "samples.files.lumi_mask"
        )
        raise SettingsError(msg)
