"""How rates depend on run, lumi section and pile-up, and how efficiencies turn on with what was generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from emulator.objects import open_file
from emulator.objects.quantities import read_quantity
from emulator.rates import GroupedCounts, bin_of
from emulator.rates.groups import labelled
from l1distill.evaluation import MEASURING, crossings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.objects import Chunk
    from emulator.objects.quantities import Binning
    from emulator.rates import RateScenario, WorkingPoint
    from l1distill.evaluation import Bootstrap
    from l1distill.score_table import ScoreTable

#: How quantities are called among the columns of a table.
_COLUMN: Final = "quantity:"


def column_of(binning: Binning) -> str:
    """Return the name of a quantity's column in a table."""
    return f"{_COLUMN}{binning.name}"


def read_binned(
    paths: Iterable[str | Path], binnings: Iterable[Binning]
) -> dict[str, NDArray[Any]]:
    """Return the quantities of all files as columns of a table, axis (crossing).

    Raises
    ------
    L1Error
        If a file lacks one, or has another number of them than of crossings.
    """
    parts: dict[str, list[NDArray[np.float64]]] = {}
    wanted = [each for each in binnings if each.branch]
    for path in paths if wanted else ():
        entries = open_file(str(path)).entries
        for binning in wanted:
            values = read_quantity(str(path), binning.branch, entries=entries)
            parts.setdefault(column_of(binning), []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def binned_columns(chunk: Chunk, binnings: Iterable[Binning]) -> dict[str, NDArray[np.float64]]:
    """Return the quantities of a chunk of a file as columns of a table, axis (crossing).

    Raises
    ------
    L1Error
        If the file lacks one.
    """
    first, stop = chunk.entry_start, chunk.entry_stop
    return {
        column_of(each): read_quantity(chunk.path, each.branch, first=first, stop=stop)
        for each in binnings
        if each.branch
    }


def rates_in_groups(
    table: ScoreTable,
    points: Sequence[WorkingPoint],
    binnings: Sequence[Binning],
    *,
    scenario: RateScenario,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """Return the rate at each working point in each group, as if all crossings were of that group.

    Returns
    -------
    Columns ``quantity, model, target_khz, threshold``, ``group`` (a run or lumi section) or
    ``low_edge, high_edge``, and those of `GroupedCounts.rates`.
    """
    frames = []
    crossings = crossings_of(table, bootstrap, MEASURING)
    for binning, point in ((b, p) for b in binnings for p in points):
        fires = (table.scores[point.model] >= point.threshold).astype(np.int64)
        counts = GroupedCounts.from_scores(fires, _groups(table, binning), crossings)
        frame = counts.rates(1, scenario)
        frames.append(labelled(frame, binning.name, binning.edges, point))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def turn_ons(
    signals: Mapping[str, ScoreTable],
    points: Sequence[WorkingPoint],
    binnings: Sequence[Binning],
    *,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """Return each signal's efficiency at each working point, bin by bin of the quantities.

    Returns
    -------
    Columns ``signal, quantity, model, target_khz, threshold, low_edge, high_edge`` and those of
    `GroupedCounts.efficiencies`. Crossings without the quantity, or outside of the edges, are left out.
    """
    frames = []
    for signal, table in signals.items():
        crossings = crossings_of(table, bootstrap, signal)
        for binning, point in ((b, p) for b in binnings for p in points):
            fires = (table.scores[point.model] >= point.threshold).astype(np.int64)
            counts = GroupedCounts.from_scores(fires, _groups(table, binning), crossings)
            frame = labelled(counts.efficiencies(1), binning.name, binning.edges, point)
            frame.insert(0, "signal", signal)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _groups(table: ScoreTable, binning: Binning) -> NDArray[Any]:
    if not binning.edges:
        return table.identity[binning.name].astype(np.int64)
    return bin_of(table.identity[column_of(binning)], binning.edges)
