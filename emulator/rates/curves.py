"""Curves for plotting: rate against threshold, and efficiency against rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.rates import kernels
from emulator.rates.efficiency import efficiency_at
from emulator.rates.errors import CountsError
from emulator.rates.working_points import threshold_at
from emulator.results import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.rates.counts import ScoreCounts
    from emulator.rates.scenario import RateScenario


def rate_curve(counts: ScoreCounts, scenario: RateScenario) -> pd.DataFrame:
    """Return the rate at every threshold that occurs, with its errors.

    Parameters
    ----------
    counts
        Scores of zero-bias crossings.
    scenario
        Turns fractions of crossings into rates.

    Returns
    -------
    One row per distinct score (above the floor, if there is one) in rising order, columns ``threshold`` (fires if score >= threshold),
    ``rate_khz``, ``error_naive_khz`` (independent crossings), ``error_khz`` (bootstrap) and
    ``entries`` (crossings that fire). The curve is a staircase: between two rows the rate is that of
    the *next* one.

    Raises
    ------
    CountsError
        If the counts are empty, or fewer than two replicas drew a crossing.

    Examples
    --------
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> counts = ScoreCounts.from_scores([0] * 26_310 + [5] * 3 + [8] * 2)
    >>> rate_curve(counts, load_scenario("run3"))[["threshold", "rate_khz", "entries"]].round(1)
       threshold  rate_khz  entries
    0          0   26314.7    26315
    1          5       5.0        5
    2          8       2.0        2
    """
    total = counts.total
    if total.weight == 0 or (total.replicas > 0).sum() < 2:
        msg = f"{total.entries} crossings are too few for a curve of rates with errors"
        raise CountsError(msg)
    spreads = np.empty(counts.scores.size)
    kernels.walk_spread(counts.replicas, total.replicas.astype(np.float64), spreads)
    passing = counts.weights[::-1].cumsum()[::-1]
    fraction = passing / float(total.weight)
    squares = counts.squares[:, 0].astype(np.float64) * 2.0**64 + counts.squares[:, 1]
    squares_passing = squares[::-1].cumsum()[::-1]
    # Summed from below, since a difference of large floats would not be 0 where everything fires.
    squares_failing = np.concatenate(([0.0], squares.cumsum()[:-1])) + counts.rest.weight_squared
    # The same formula as naive_error of the working points, row by row.
    variance = (1 - fraction) ** 2 * squares_passing + fraction**2 * squares_failing
    rate = scenario.crossing_rate_khz
    return pd.DataFrame(
        {
            "threshold": counts.scores,
            "rate_khz": rate * fraction,
            "error_naive_khz": rate * np.sqrt(variance) / float(total.weight),
            "error_khz": rate * spreads,
            "entries": counts.entries[::-1].cumsum()[::-1],
        }
    )


def efficiency_curve(
    counts: ScoreCounts,
    setting: ScoreCounts,
    *,
    signal: str,
    model: str,
    scenario: RateScenario,
    targets_khz: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return a signal's efficiency against the background rate.

    Parameters
    ----------
    counts, setting
        Scores of the model on the signal and on the zero-bias crossings that set thresholds.
    signal, model
        Names.
    scenario
        Turns fractions of zero-bias crossings into rates.
    targets_khz
        Target rates, kHz; 41 from 0.1 to 1000 in equal steps of the logarithm if None.

    Returns
    -------
    One row per threshold that a target leads to, in rising rate: the columns of `Efficiency` and
    ``rate_khz``, the achieved rate on the setting crossings, against which to plot. Targets that lead
    to the same threshold share one row (that of the lowest target); targets that no threshold reaches
    have none, so the frame can be empty.

    Raises
    ------
    CountsError, SettingsError
        As `efficiency_at`.

    Examples
    --------
    >>> from emulator.rates import ScoreCounts, load_scenario
    >>> setting = ScoreCounts.from_scores([0] * 26_310 + [5] * 3 + [8] * 2, stream="zero bias")
    >>> signal = ScoreCounts.from_scores([0, 5, 8, 9], stream="signal")
    >>> curve = efficiency_curve(
    ...     signal, setting, signal="A4l", model="student", scenario=load_scenario("run3"),
    ...     targets_khz=[1, 2.5, 4, 6],
    ... )
    >>> curve[["threshold", "rate_khz", "efficiency"]].round(2)
       threshold  rate_khz  efficiency
    0          8       2.0        0.50
    1          5       5.0        0.75
    """
    if targets_khz is None:
        targets_khz = [float(target) for target in np.geomspace(0.1, 1000.0, 41)]
    records, rates, seen = [], [], set()
    for target in sorted(targets_khz):
        found = threshold_at(setting, target, scenario)
        if not found.reached or found.threshold in seen:
            continue
        seen.add(found.threshold)
        rates.append(found.rate_khz)
        records.append(
            efficiency_at(
                counts,
                setting,
                signal=signal,
                model=model,
                target_khz=target,
                scenario=scenario,
            )
        )
    frame = table(records)
    frame.insert(0, "rate_khz", np.array(rates, dtype=np.float64))
    return frame
