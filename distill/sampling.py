"""Drawing the crossings that networks see from weighted, stratified ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from distill.data import TrainingData
from distill.errors import TrainingDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Drawn(NamedTuple):
    """Background to train and to validate on, from different pool events (see `split`)."""

    training: TrainingData
    validation: TrainingData


def natural_sample(data: TrainingData, n_crossings: int, *, seed: int) -> TrainingData:
    """Draw crossings by weight, so that what is drawn is distributed as in nature.

    Stratified samples hold rare hard crossings far too often, with small weights. Each of the
    ``n_crossings`` draws is independent and picks crossing i with probability
    ``weight_i / sum of weights``, exactly (with replacement; integers only).

    Parameters
    ----------
    data
        Weighted crossings.
    n_crossings
        How many to draw, at least 1.
    seed
        Same seed, same draws.

    Returns
    -------
    Drawn crossings, all with the same weight.

    Raises
    ------
    TrainingDataError
        If ``n_crossings`` is below 1.

    Examples
    --------
    >>> from emulator.features import load_layout
    >>> layout = load_layout("axol1tl_57")
    >>> rows = np.repeat([[1], [2]], 57, axis=1)
    >>> rare = TrainingData.from_arrays(rows, layout, weights=[999, 1])
    >>> drawn = natural_sample(rare, 10_000, seed=3)
    >>> int((drawn.rows[:, 0] == 2).sum())  # about 10
    5
    """
    _require_some(n_crossings)
    upper = np.cumsum(data.weights)
    ticket = np.random.default_rng(seed).integers(0, upper[-1], size=n_crossings)
    drawn = np.searchsorted(upper, ticket, side="right")
    return _drawn(data, drawn)


def flattened_sample(
    data: TrainingData, n_crossings: int, *, power: float, seed: int
) -> TrainingData:
    """Draw crossings by a power of their weights, so that rare hard ones are seen more often.

    What a student regresses is a function of the crossing, whatever its frequency: the sample only
    says where the function must be learned well. Natural sampling leaves a handful of crossings
    where a trigger cuts (1 kHz is one crossing in 26,000); a power below 1 gives many.

    Parameters
    ----------
    data
        Weighted crossings. If all weights are equal, as in recorded data, the power does nothing.
    n_crossings
        How many to draw, at least 1, with replacement.
    power
        1: naturally distributed, as `natural_sample`. 0: as the strata were filled.
    seed
        Same seed, same draws.

    Returns
    -------
    Drawn crossings, all with the same weight: their natural frequency is forgotten.

    Raises
    ------
    TrainingDataError
        If ``n_crossings`` is below 1 or the power is not between 0 and 1.

    Examples
    --------
    >>> from emulator.features import load_layout
    >>> rows = np.repeat([[1], [2]], 57, axis=1)
    >>> rare = TrainingData.from_arrays(rows, load_layout("axol1tl_57"), weights=[9999, 1])
    >>> drawn = flattened_sample(rare, 10_000, power=0.5, seed=3)
    >>> int((drawn.rows[:, 0] == 2).sum())  # about 100
    92
    """
    if not 0.0 <= power <= 1.0:
        msg = f"the power of the weights must lie between 0 and 1, got {power}"
        raise TrainingDataError(msg)
    if power == 1.0:
        return natural_sample(data, n_crossings, seed=seed)
    _require_some(n_crossings)
    # A weight of 0 stays one: such a crossing does not occur.
    upper = np.cumsum(np.where(data.weights > 0, data.weights.astype(np.float64) ** power, 0.0))
    ticket = np.random.default_rng(seed).random(n_crossings) * upper[-1]
    drawn = np.searchsorted(upper, ticket, side="right")
    return _drawn(data, drawn)


def mixed_outliers(data: TrainingData, n_crossings: int, *, seed: int) -> TrainingData:
    """Make crossings that do not occur, out of those that do: for outlier exposure without a signal.

    Each collection of objects (jets, muons, ...) comes from a crossing of its own, and in one collection
    of each crossing every pT is multiplied by a factor between 1 and 8. The teacher scores what comes
    out, so that the student learns its score there too.

    Parameters
    ----------
    data
        Weighted crossings; collections are taken as the strata were filled.
    n_crossings
        How many to make, at least 1.
    seed
        Same seed, same crossings.

    Returns
    -------
    Crossings, all with the same weight, each with a pool key of its own.
    """
    _require_some(n_crossings)
    rng = np.random.default_rng(seed)
    features = data.layout.features
    names = sorted({feature.object for feature in features})
    boosted = rng.integers(0, len(names), n_crossings)
    factors = 2.0 ** rng.uniform(0.0, 3.0, n_crossings)
    occurring = np.flatnonzero(data.weights)
    rows = np.zeros((n_crossings, len(features)), dtype=np.int16)
    for number, name in enumerate(names):
        source = rng.choice(occurring, n_crossings)
        for column, feature in enumerate(features):
            if feature.object != name:
                continue
            values = data.rows[source, column]
            if feature.field == "pt":
                # Saturates where the largest of the background does.
                largest = int(data.rows[:, column].max())
                up = np.minimum(values * factors, max(largest, 0)).astype(np.int16)
                values = np.where(boosted == number, np.maximum(up, values), values)
            rows[:, column] = values
    made_up = np.full(n_crossings, -1, dtype=np.int64)
    return TrainingData.from_arrays(rows, data.layout, places=made_up)


def _drawn(data: TrainingData, places: NDArray[np.integer]) -> TrainingData:
    """Return crossings at some places; all count the same from now on."""
    return TrainingData.from_arrays(
        data.rows[places],
        data.layout,
        pool_ids=data.pool_ids[places],
        places=data.places[places],
    )


def _require_some(n_crossings: int) -> None:
    if n_crossings < 1:
        msg = f"cannot draw {n_crossings} crossings; ask for at least 1"
        raise TrainingDataError(msg)


def split(
    data: TrainingData, validation_fraction: float, *, seed: int
) -> tuple[TrainingData, TrainingData]:
    """Split crossings into training and validation, all crossings of a pool event on one side.

    The side is a hash of pool key and seed, so it does not depend on order or on other crossings.

    Parameters
    ----------
    data
        Crossings; split before sampling, so that no crossing is drawn on both sides.
    validation_fraction
        Share of the pool events to validate on, between 0 and 1.
    seed
        Another seed, another split.

    Raises
    ------
    TrainingDataError
        If the fraction is not between 0 and 1, or one side stays empty.
    """
    if not 0.0 < validation_fraction < 1.0:
        msg = f"the validation fraction must lie between 0 and 1, got {validation_fraction}"
        raise TrainingDataError(msg)
    cut = np.uint64(int(validation_fraction * 2.0**64))
    validates = _mix(data.pool_ids, seed) < cut
    if validates.all() or not validates.any():
        n_events = len(np.unique(data.pool_ids))
        msg = (
            f"{len(data)} crossings of {n_events} pool events cannot be split with a validation "
            f"fraction of {validation_fraction}: one side is empty"
        )
        raise TrainingDataError(msg)
    return data.take(~validates), data.take(validates)


def _mix(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Hash keys to uniform 64 bits (the finalizer of splitmix64, Steele et al. 2014)."""
    start = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    mixed = (keys ^ start) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ mixed >> np.uint64(31), dtype=np.uint64)
