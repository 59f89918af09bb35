"""Counts in groups of crossings: turn-on curves, and dependence on pile-up, run and lumi section."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from emulator.rates.blocks import EventRange, joined, overlap
from emulator.rates.counts import ScoreCounts
from emulator.rates.efficiency import efficiency_interval
from emulator.rates.errors import CountsError
from emulator.rates.intervals import spread
from emulator.rates.working_points import fractions, garwood_khz

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from emulator.rates.crossings import Crossings, Passing
    from emulator.rates.scenario import RateScenario
    from emulator.rates.tails import Tail
    from emulator.rates.working_points import WorkingPoint


@dataclass(frozen=True, slots=True, eq=False)
class GroupedCounts:
    """Counts of scores for each group of crossings; adds as `ScoreCounts` does.

    A group is any integer that crossings have: a run, a lumi section, the bin of a generated quantity
    (`bin_of`). Thresholds are given, not set here: with decisions as scores the threshold is 1.

    Attributes
    ----------
    groups
        Counts of each group, by its number.
    ranges
        Events that were counted as blocks of their own.

    Examples
    --------
    >>> from emulator.rates import Crossings
    >>> crossings = Crossings.of(6, stream="A4l")
    >>> bins = bin_of([5.0, 7.0, 12.0, 14.0, 18.0, 50.0], edges=[0, 10, 20])
    >>> counts = GroupedCounts.from_scores([0, 1, 1, 1, 1, 1], bins, crossings)
    >>> counts.turn_on([0, 10, 20], threshold=1)[["low_edge", "high_edge", "efficiency", "n_total"]]
       low_edge  high_edge  efficiency  n_total
    0         0         10         0.5        2
    1        10         20         1.0        3
    """

    groups: Mapping[int, ScoreCounts]
    ranges: tuple[EventRange, ...]

    @classmethod
    def from_scores(cls, scores: ArrayLike, groups: ArrayLike, crossings: Crossings) -> Self:
        """Count scores group by group.

        Parameters
        ----------
        scores
            Integer or boolean scores, axis (crossing).
        groups
            The group of each crossing, integers, axis (crossing).
        crossings
            Weights and blocks of the crossings.

        Raises
        ------
        CountsError
            If the lengths differ or groups are no integers.
        """
        values, found = np.asarray(scores), np.asarray(groups)
        if not values.shape == found.shape == (len(crossings),) or found.dtype.kind not in "iu":
            msg = (
                f"scores and groups must be integers for each of {len(crossings)} crossings, "
                f"got the shapes {values.shape} and {found.shape} ({found.dtype})"
            )
            raise CountsError(msg)
        order = np.argsort(found, kind="stable")
        names, starts = np.unique(found[order], return_index=True)
        stops = np.append(starts, len(order))[1:]
        counts = {}
        for name, start, stop in zip(names.tolist(), starts, stops, strict=True):
            index = order[start:stop]
            counts[name] = ScoreCounts.from_crossings(values[index], crossings.taken(index))
        return cls(counts, crossings.ranges)

    @classmethod
    def from_accepted(
        cls,
        accepted: Tail,
        groups: NDArray[np.int64],
        totals: Mapping[int, Passing],
        *,
        seed: int,
        has_pools: bool,
    ) -> Self:
        """Count crossings that are accepted, given the sums over all crossings of each group.

        Parameters
        ----------
        accepted
            The accepted crossings; their scores do not matter: the threshold is 1.
        groups
            Their groups, axis (entry).
        totals
            Sums over all crossings of each group.
        seed, has_pools
            As in `ScoreCounts`.
        """
        order = np.argsort(groups, kind="stable")
        ones = np.ones(len(order), dtype=np.int64)
        counts = {}
        for name in sorted(totals):
            start, stop = np.searchsorted(groups[order], [name, name + 1])
            index = order[start:stop]
            taken = replace(accepted.taken(index), scores=ones[: len(index)])
            counts[name] = ScoreCounts.from_tail(
                taken, totals[name], floor=1, seed=seed, has_pools=has_pools, ranges=()
            )
        return cls(counts, ())

    def merge(self, other: GroupedCounts) -> GroupedCounts:
        """Return the counts of both sets of crossings together.

        Raises
        ------
        CountsError
            If an event is in both, or the bootstraps differ.
        """
        if shared := overlap(self.ranges, other.ranges):
            msg = f"both counts hold events {shared}; name another stream or first_event"
            raise CountsError(msg)
        merged = dict(self.groups)
        for name, counts in other.groups.items():
            merged[name] = merged[name] + counts if name in merged else counts
        return GroupedCounts(dict(sorted(merged.items())), joined(self.ranges, other.ranges))

    __add__ = merge

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupedCounts):
            return NotImplemented
        return self.ranges == other.ranges and self.groups == other.groups

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def rates(self, threshold: int, scenario: RateScenario) -> pd.DataFrame:
        """Return the rate in each group, as if all crossings were of that group.

        Returns
        -------
        One row for each group that has weight: ``group, n_total, n_accepted, rate_khz, error_khz``
        (bootstrap), and the 68 % Garwood interval ``low_khz, high_khz``.
        """
        rows: list[dict[str, Any]] = []
        for name, counts in self.groups.items():
            total, passing = counts.total, counts.passing(threshold)
            if total.weight == 0:
                continue
            rate = scenario.rate_khz(passing.weight, total.weight)
            values = fractions(passing.replicas, total.replicas)
            known = int((~np.isnan(values)).sum()) > 1
            error = scenario.crossing_rate_khz * spread(values) if known else np.nan
            low, high = garwood_khz(passing, total, scenario, has_pools=counts.has_pools)
            rows.append(
                {
                    "group": name,
                    "n_total": total.entries,
                    "n_accepted": passing.entries,
                    "rate_khz": rate,
                    "error_khz": error,
                    "low_khz": low,
                    "high_khz": high,
                }
            )
        return pd.DataFrame(rows)

    def efficiencies(self, threshold: int) -> pd.DataFrame:
        """Return the accepted fraction in each group with its 68 % interval, as `efficiency_at`.

        Returns
        -------
        One row for each group that has weight: ``group, n_total, n_accepted, efficiency, low, high,
        interval``.
        """
        rows: list[dict[str, Any]] = []
        for name, counts in self.groups.items():
            total, passing = counts.total, counts.passing(threshold)
            if total.weight == 0:
                continue
            low, high, kind = efficiency_interval(passing, total, has_pools=counts.has_pools)
            rows.append(
                {
                    "group": name,
                    "n_total": total.entries,
                    "n_accepted": passing.entries,
                    "efficiency": passing.weight / total.weight,
                    "low": low,
                    "high": high,
                    "interval": kind,
                }
            )
        return pd.DataFrame(rows)

    def turn_on(self, edges: ArrayLike, threshold: int) -> pd.DataFrame:
        """Return the efficiency in each bin of a quantity, the groups being `bin_of` of these edges.

        Returns
        -------
        As `efficiencies`, with ``low_edge`` and ``high_edge`` instead of the group; crossings outside
        of the edges are left out.
        """
        bounds = _checked_edges(edges)
        frame = self.efficiencies(threshold)
        frame = frame[(frame["group"] >= 0) & (frame["group"] < len(bounds) - 1)]
        bins = frame.pop("group").to_numpy()
        frame.insert(0, "low_edge", bounds[bins])
        frame.insert(1, "high_edge", bounds[bins + 1])
        return frame.reset_index(drop=True)


def labelled(
    frame: pd.DataFrame, quantity: str, edges: Sequence[float], point: WorkingPoint
) -> pd.DataFrame:
    """Return a table of groups as one of many: with its quantity and working point in front.

    Parameters
    ----------
    frame
        What `GroupedCounts.rates` or `efficiencies` returned.
    quantity
        Name of what the groups are of.
    edges
        Edges if groups are bins, which then take the place of the group, and what lies outside of them is
        left out; none if every value is a group.
    point
        Whose threshold it is.
    """
    if len(edges) and len(frame):
        frame = frame[(frame["group"] >= 0) & (frame["group"] < len(edges) - 1)]
        bins, bounds = frame["group"].to_numpy(), np.array(edges)
        frame = frame.drop(columns="group").reset_index(drop=True)
        frame.insert(0, "low_edge", bounds[bins])
        frame.insert(1, "high_edge", bounds[bins + 1])
    else:
        frame = frame.copy()
    labels: dict[str, str | float] = {
        "quantity": quantity,
        "model": point.model,
        "target_khz": point.target_khz,
        "threshold": point.threshold,
    }
    for place, (name, label) in enumerate(labels.items()):
        frame.insert(place, name, label)
    return frame


def bin_of(values: ArrayLike, edges: ArrayLike) -> NDArray[np.int64]:
    """Return the bin of each value: ``edges[i] <= value < edges[i + 1]``.

    Values below have bin -1, values at or above the last edge and NaN have ``len(edges) - 1``.

    Raises
    ------
    CountsError
        If the edges do not rise.

    Examples
    --------
    >>> bin_of([-1.0, 0.0, 9.9, 10.0, 20.0, float("nan")], edges=[0, 10, 20]).tolist()
    [-1, 0, 0, 1, 2, 2]
    """
    bounds = _checked_edges(edges)
    places = np.searchsorted(bounds, np.asarray(values), side="right") - 1
    return np.asarray(places, dtype=np.int64)


def _checked_edges(edges: ArrayLike) -> NDArray[Any]:
    bounds = np.asarray(edges)
    if bounds.ndim != 1 or len(bounds) < 2 or not (np.diff(bounds) > 0).all():
        msg = f"edges must be two or more rising numbers, got {bounds.tolist()}"
        raise CountsError(msg)
    return bounds
