"""How rates depend on run, lumi section and pile-up, and how efficiencies turn on with what was generated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from emulator.errors import InputFileError, SettingsError
from emulator.objects import open_file
from emulator.objects.quantities import read_quantity
from emulator.rates import GroupedCounts, bin_of
from l1distill.evaluation import MEASURING, crossings_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emulator.rates import RateScenario, WorkingPoint
    from l1distill.evaluation import Bootstrap
    from l1distill.score_table import ScoreTable

#: What every file knows of its crossings.
IDENTITIES: Final = ("run", "lumi")

#: How quantities are called among the columns of a table.
_COLUMN: Final = "quantity:"


@dataclass(frozen=True, slots=True)
class Binning:
    """A quantity of a crossing, and its bins.

    Attributes
    ----------
    name
        How tables call it.
    branch
        Where files have it, see `emulator.objects.quantities.read_quantity`; empty for `IDENTITIES`.
    edges
        Edges of the bins; empty for `IDENTITIES`, whose every value is a group.
    """

    name: str
    branch: str = ""
    edges: tuple[float, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Binning:
        """Read ``run``, ``lumi`` or ``NAME=TREE/BRANCH:EDGE,EDGE,...``.

        Raises
        ------
        SettingsError
            If it is none of them.

        Examples
        --------
        >>> Binning.parse("pile-up=l1EventTree/L1EventTree/nPV_True:0,40,50,60")
        Binning(name='pile-up', branch='l1EventTree/L1EventTree/nPV_True', edges=(0.0, 40.0, 50.0, 60.0))
        """
        if text in IDENTITIES:
            return cls(text)
        name, equals, rest = text.partition("=")
        branch, colon, edges = rest.rpartition(":")
        try:
            numbers = tuple(float(edge) for edge in edges.split(","))
        except ValueError:
            numbers = ()
        rises = len(numbers) > 1 and all(low < high for low, high in pairwise(numbers))
        if not (name and equals and branch and colon and rises):
            msg = (
                f"a quantity is {', '.join(IDENTITIES)} or NAME=TREE/BRANCH:EDGE,EDGE,... with rising "
                f"edges, not {text!r}"
            )
            raise SettingsError(msg)
        return cls(name, branch, numbers)

    @property
    def column(self) -> str:
        """Name of its column in a table."""
        return f"{_COLUMN}{self.name}"


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
            values = read_quantity(str(path), binning.branch)
            if len(values) != entries:
                problem = f"{binning.branch} has {len(values)} entries, the objects have {entries}"
                raise InputFileError(path, problem)
            parts.setdefault(binning.column, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


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
        frame = _with_edges(counts.rates(1, scenario), binning)
        frames.append(_labelled(frame, binning, point))
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
            frame = _labelled(_with_edges(counts.efficiencies(1), binning), binning, point)
            frame.insert(0, "signal", signal)
            frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _groups(table: ScoreTable, binning: Binning) -> NDArray[Any]:
    if not binning.edges:
        return table.identity[binning.name].astype(np.int64)
    return bin_of(table.identity[binning.column], binning.edges)


def _with_edges(frame: pd.DataFrame, binning: Binning) -> pd.DataFrame:
    if not binning.edges or frame.empty:
        return frame
    inside = frame[(frame["group"] >= 0) & (frame["group"] < len(binning.edges) - 1)]
    bins = inside["group"].to_numpy()
    edges = np.array(binning.edges)
    rest = inside.drop(columns="group").reset_index(drop=True)
    rest.insert(0, "low_edge", edges[bins])
    rest.insert(1, "high_edge", edges[bins + 1])
    return rest


def _labelled(frame: pd.DataFrame, binning: Binning, point: WorkingPoint) -> pd.DataFrame:
    frame = frame.copy()
    labels = (binning.name, point.model, point.target_khz, point.threshold)
    for place, name in enumerate(("quantity", "model", "target_khz", "threshold")):
        frame.insert(place, name, labels[place])
    return frame
