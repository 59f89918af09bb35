"""Confidence intervals: exact ones for counts, percentiles and spreads for bootstrap replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import stats

from emulator.rates.errors import CountsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Probability content of one standard deviation, to the digits that the field quotes.
ONE_SIGMA: Final = 0.6827


def clopper_pearson(
    accepted: float, total: float, *, level: float = ONE_SIGMA
) -> tuple[float, float]:
    """Return the central Clopper-Pearson interval of an efficiency.

    Parameters
    ----------
    accepted, total
        Counts with ``0 <= accepted <= total`` and ``total > 0``. For whole numbers the interval
        covers the truth with at least `level`; effective numbers may be fractions.
    level
        Confidence level, ``0 < level < 1``.

    Raises
    ------
    ValueError
        If the counts or the level are impossible.

    Notes
    -----
    C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404.

    Examples
    --------
    >>> low, high = clopper_pearson(1, 10)
    >>> round(low, 4), round(high, 4)
    (0.0171, 0.2941)
    """
    tail = _tail(level)
    if not (total > 0 and 0 <= accepted <= total):
        msg = f"an efficiency needs 0 <= accepted <= total and total > 0, got {accepted}/{total}"
        raise ValueError(msg)
    rejected = total - accepted
    low = float(stats.beta.ppf(tail, accepted, rejected + 1)) if accepted > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, accepted + 1, rejected)) if rejected > 0 else 1.0
    return low, high


def garwood(count: float, *, level: float = ONE_SIGMA) -> tuple[float, float]:
    """Return the central Garwood interval of a Poisson mean.

    Parameters
    ----------
    count
        Observed count, not negative. For whole numbers the interval covers the truth with at least
        `level`; an effective number may be a fraction.
    level
        Confidence level, ``0 < level < 1``.

    Raises
    ------
    ValueError
        If the count or the level is impossible.

    Notes
    -----
    F. Garwood, Biometrika 28 (1936) 437.

    Examples
    --------
    >>> low, high = garwood(1)
    >>> round(low, 3), round(high, 3)
    (0.173, 3.3)
    """
    tail = _tail(level)
    if not 0 <= count < float("inf"):
        msg = f"a count must be finite and not negative, got {count}"
        raise ValueError(msg)
    low = float(stats.gamma.ppf(tail, count)) if count > 0 else 0.0
    return low, float(stats.gamma.ppf(1 - tail, count + 1))


def spread(values: NDArray[Any]) -> float:
    """Return the standard deviation of a quantity over replicas.

    Parameters
    ----------
    values
        One number per replica, axis (replica); NaN where the replica drew nothing to divide by.

    Raises
    ------
    CountsError
        If fewer than two replicas have a value.
    """
    return float(np.std(_with_value(values), ddof=1))


def percentile_interval(values: NDArray[Any], *, level: float = ONE_SIGMA) -> tuple[float, float]:
    """Return the central interval that holds `level` of the replicas.

    Both ends are values of replicas, the same number of ranks from either side, so infinite values
    (ratios to nothing) are allowed.

    Parameters
    ----------
    values
        One number per replica, axis (replica); NaN where the replica drew nothing to divide by.
    level
        Probability content, ``0 < level < 1``.

    Raises
    ------
    CountsError
        If fewer than two replicas have a value.

    Examples
    --------
    >>> percentile_interval(np.arange(1.0, 101.0))
    (16.0, 85.0)
    """
    ordered = np.sort(_with_value(values))
    outside = int(_tail(level) * ordered.size)
    return float(ordered[outside]), float(ordered[ordered.size - 1 - outside])


def _with_value(values: NDArray[Any]) -> NDArray[Any]:
    present: NDArray[Any] = values[~np.isnan(values)]
    if present.size < 2:
        msg = (
            f"only {present.size} of {values.size} bootstrap replicas hold any crossing; "
            "an error needs more pool events or more replicas"
        )
        raise CountsError(msg)
    return present


def _tail(level: float) -> float:
    if not 0 < level < 1:
        msg = f"a confidence level lies between 0 and 1, got {level}"
        raise ValueError(msg)
    return (1 - level) / 2
