"""Crossings to train on: features, weights, and the Pythia events that they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from distill.errors import TrainingDataError
from emulator.constants import WEIGHT_FRACTION_BITS
from emulator.features import feature_rows
from emulator.objects import read_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import awkward as ak
    from numpy.typing import ArrayLike, NDArray

    from emulator.features import FeatureLayout

T = TypeVar("T", np.int16, np.int64, np.uint64)

#: Integer weights stay exact in sums of up to this much.
_MAX_TOTAL_WEIGHT = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Features of background crossings, with what is needed to sample and split them.

    Parameters
    ----------
    rows
        Hardware integers, int16 (crossings, features).
    weights
        Natural frequency of each crossing, int64 (crossings,), at least 0, in units of
        ``2**-WEIGHT_FRACTION_BITS``; only ratios matter here.
    pool_ids
        Key of the Pythia event that dominates the crossing, uint64 (crossings,). Crossings that
        share a key are not independent.
    layout
        What the columns are.
    places
        Number of each crossing in the sample that was read, int64 (crossings,), whatever was drawn of it
        since; -1 where a crossing was made up. Says where a number that is not finite came from, and which
        of the scores in a file are a crossing's.

    Raises
    ------
    TrainingDataError
        If there is no crossing, shapes differ, or weights are negative or all zero.
    """

    rows: NDArray[np.int16]
    weights: NDArray[np.int64]
    pool_ids: NDArray[np.uint64]
    layout: FeatureLayout
    places: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        _check_rows(self.rows, len(self.layout.features))
        if not len(self.places):
            object.__setattr__(self, "places", np.arange(len(self.rows), dtype=np.int64))
        for name, column, dtype in (
            ("places", self.places, np.int64),
            ("weights", self.weights, np.int64),
            ("pool_ids", self.pool_ids, np.uint64),
        ):
            if column.shape != self.rows.shape[:1] or column.dtype != dtype:
                msg = (
                    f"{name} must be {np.dtype(dtype)} for {len(self.rows)} crossings, "
                    f"got {column.dtype} of shape {column.shape}"
                )
                raise TrainingDataError(msg)
        if self.weights.min() < 0:
            msg = f"crossing {int(self.weights.argmin())} has a negative weight"
            raise TrainingDataError(msg)
        # The float sum only guards the exact one against overflow.
        if self.weights.sum(dtype=np.float64) >= _MAX_TOTAL_WEIGHT:
            msg = "the weights add up to more than 62 bits; divide all of them by a power of two"
            raise TrainingDataError(msg)
        if not self.weights.any():
            msg = f"all {len(self)} crossings have weight 0: there is nothing to sample"
            raise TrainingDataError(msg)

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def from_arrays(
        cls,
        rows: ArrayLike,
        layout: FeatureLayout,
        *,
        weights: ArrayLike | None = None,
        pool_ids: ArrayLike | None = None,
        places: NDArray[np.int64] | None = None,
    ) -> TrainingData:
        """Build the data from arrays in memory.

        Parameters
        ----------
        rows
            Whole numbers in the range of int16, (crossings, features); floats are accepted if
            they are whole.
        layout
            What the columns are.
        weights
            Whole numbers; equal for all crossings if absent.
        pool_ids
            Keys; each crossing is its own if absent.
        places
            Where each crossing stands in a sample; as here if absent.

        Raises
        ------
        TrainingDataError
            If a number is not finite, not whole or out of range, or the data are empty.
        """
        exact_rows = _integers(rows, np.int16, "rows")
        count = len(exact_rows)
        unit = np.full(count, 1 << WEIGHT_FRACTION_BITS, dtype=np.int64)
        own = np.arange(count, dtype=np.uint64)
        return cls(
            rows=exact_rows,
            weights=unit if weights is None else _integers(weights, np.int64, "weights"),
            pool_ids=own if pool_ids is None else _integers(pool_ids, np.uint64, "pool_ids"),
            layout=layout,
            places=np.arange(count, dtype=np.int64) if places is None else places,
        )

    @classmethod
    def from_events(cls, events: ak.Array, layout: FeatureLayout) -> TrainingData:
        """Build the data from events; without weights all crossings count the same.

        Parameters
        ----------
        events
            As `emulator.objects.read_events` returns them.
        layout
            Which objects and fields become features.
        """
        return cls.from_chunks([events], layout)

    @classmethod
    def from_chunks(cls, chunks: Iterable[ak.Array], layout: FeatureLayout) -> TrainingData:
        """Build the data from events that come one part at a time; only features are kept.

        Parameters
        ----------
        chunks
            Events arrays; all with weights, or none.
        layout
            Which objects and fields become features.
        """
        rows: list[NDArray[np.int16]] = []
        scalars: dict[str, list[NDArray[np.generic]]] = {}
        for events in chunks:
            rows.append(feature_rows(events, layout))
            for name in {"weight", "pool_id"} & set(events.fields):
                scalars.setdefault(name, []).append(np.asarray(events[name]))
        joined = {name: np.concatenate(parts) for name, parts in scalars.items()}
        return cls.from_arrays(
            np.concatenate(rows) if rows else np.zeros((0, len(layout)), dtype=np.int16),
            layout,
            weights=joined.get("weight"),
            pool_ids=joined.get("pool_id"),
        )

    def joined(self, other: TrainingData) -> TrainingData:
        """Return these crossings and after them others of the same layout."""
        return TrainingData(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.pool_ids, other.pool_ids]),
            self.layout,
            np.concatenate([self.places, other.places]),
        )

    def take(self, where: NDArray[np.integer] | NDArray[np.bool_]) -> TrainingData:
        """Return the crossings at some places, in this order; weights are kept."""
        return TrainingData(
            self.rows[where],
            self.weights[where],
            self.pool_ids[where],
            self.layout,
            self.places[where],
        )


def load_training_data(
    paths: Sequence[str | Path],
    layout: FeatureLayout,
    *,
    source: Literal["unpacked", "emulated"] = "unpacked",
) -> TrainingData:
    """Read background crossings from files.

    Parameters
    ----------
    paths
        Files of any format that `emulator.objects` reads.
    layout
        Which objects and fields become features.
    source
        Which of the two sets of L1 objects to read where a file has both.

    Raises
    ------
    L1Error
        If a file cannot be read, or no crossing is found.
    """
    return TrainingData.from_events(read_events(paths, source=source, order=layout.order), layout)


def _check_rows(rows: NDArray[np.int16], n_features: int) -> None:
    if rows.ndim != 2 or rows.dtype != np.int16:
        msg = f"rows must be int16 (crossings, features), got {rows.dtype} of shape {rows.shape}"
        raise TrainingDataError(msg)
    if not len(rows):
        msg = "there is no crossing to train on; check the files and their selection"
        raise TrainingDataError(msg)
    if rows.shape[1] != n_features:
        msg = f"rows have {rows.shape[1]} features, the layout has {n_features}"
        raise TrainingDataError(msg)


def _integers(values: ArrayLike, dtype: type[T], name: str) -> NDArray[T]:
    """Convert to an integer type without changing any number."""
    array = np.asarray(values)
    if array.dtype == dtype:
        return array
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        msg = f"{name} hold a number that is not finite, first at {place}"
        raise TrainingDataError(msg)
    limits = np.iinfo(dtype)
    exact = array.dtype.kind in "iuf" and (
        not array.size
        or (
            limits.min <= array.min().item()
            and array.max().item() <= limits.max
            and (array % 1 == 0).all()
        )
    )
    if not exact:
        msg = f"{name} must be whole numbers from {limits.min} to {limits.max}"
        raise TrainingDataError(msg)
    return array.astype(dtype)
