"""Counts of a menu that can be added to the last bit: rates, pure and proportional rates, overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from emulator.rates.blocks import POISSON_STEPS, EventRange, joined, overlap, seed_key
from emulator.rates.crossings import Passing
from emulator.rates.efficiency import efficiency_interval
from emulator.rates.errors import CountsError
from emulator.rates.exact import added
from emulator.rates.intervals import spread
from emulator.rates.menu_kernels import AFTER, BEFORE, N_KINDS, PROPORTIONAL, PURE, fill_menu
from emulator.rates.working_points import fractions, garwood_khz, naive_error
from emulator.results import Record

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emulator.rates.crossings import Crossings
    from emulator.rates.prescales import PrescaleColumn
    from emulator.rates.scenario import RateScenario

#: Name of the row of everything together.
ANY_SEED: Final = "any seed"

_ARRAYS: Final = ("entries", "weights", "squares", "replicas", "overlaps")


@dataclass(frozen=True, slots=True)
class SeedRate(Record):
    """Rates of one seed of a menu, kHz; each ``error`` is that of the block bootstrap.

    Parameters
    ----------
    seed, prescale
        Its name (`ANY_SEED` for the menu as a whole) and prescale (0: off).
    entries
        Crossings in which it fires, before prescales, whatever their weight.
    before_khz, before_error_khz
        Rate before the prescale.
    rate_khz, error_naive_khz, error_khz, low_khz, high_khz
        Rate after it; the error if all crossings were independent; the one to be quoted; and the 68 %
        Garwood interval on effective numbers.
    pure_khz, pure_error_khz, pure_low_khz, pure_high_khz
        Rate of crossings that it accepts and no other seed does.
    proportional_khz, proportional_error_khz
        Its share of the menu's rate: each accepted crossing counts ``1 / (seeds that accept it)``.
    """

    seed: str
    prescale: float
    entries: int
    before_khz: float
    before_error_khz: float
    rate_khz: float
    error_naive_khz: float
    error_khz: float
    low_khz: float
    high_khz: float
    pure_khz: float
    pure_error_khz: float
    pure_low_khz: float
    pure_high_khz: float
    proportional_khz: float
    proportional_error_khz: float


@dataclass(frozen=True, slots=True, eq=False)
class MenuCounts:
    """Weights of what each seed of a menu accepts, under one column of prescales.

    Prescales enter as expectations, rounded once for each crossing to a unit of ``2**-32``; from there
    on all is integers, so that adding is associative and commutative to the last bit.

    Attributes
    ----------
    column
        Seeds and prescales.
    entries, weights, squares, replicas
        Sums for four kinds of each seed and the OR, as in `ScoreCounts`, axis 0 (row); exact whatever
        their size, see `emulator.rates.exact.added`. Squares are below ``2**128``: 1e19 crossings.
    overlaps
        Weight that two seeds accept both, axes (seed, seed); the diagonal is each alone.
    total
        Sums over all crossings.
    seed, has_pools, ranges
        As in `ScoreCounts`.

    Examples
    --------
    >>> from emulator.rates import Crossings, PrescaleColumn, load_scenario
    >>> column = PrescaleColumn.of({"A": 1, "B": 2})
    >>> counts = MenuCounts.from_decisions([[1, 1], [0, 1], [0, 0]], column, Crossings.of(3))
    >>> [counts.passing("B", kind).weight / 2**32 for kind in ("rate", "pure", "proportional")]
    [1.0, 0.5, 0.75]
    """

    column: PrescaleColumn
    entries: NDArray[np.int64]
    weights: NDArray[Any]
    squares: NDArray[np.uint64]
    replicas: NDArray[Any]
    overlaps: NDArray[Any]
    total: Passing
    seed: int
    has_pools: bool
    ranges: tuple[EventRange, ...]

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            getattr(self, name).flags.writeable = False

    @classmethod
    def from_decisions(
        cls, decisions: ArrayLike, column: PrescaleColumn, crossings: Crossings
    ) -> Self:
        """Count what a menu accepts.

        Parameters
        ----------
        decisions
            Which seeds fire, before prescales, bool, axes (crossing, seed).
        column
            Seeds and prescales.
        crossings
            Weights and blocks of the crossings.

        Raises
        ------
        CountsError
            If the shapes do not match.
        """
        checked = column.checked(decisions)
        if len(checked) != len(crossings):
            msg = f"there are decisions of {len(checked)} crossings for {len(crossings)} crossings"
            raise CountsError(msg)
        rows, n_seeds = N_KINDS * len(column) + 1, len(column)
        arrays = (
            np.zeros(rows, dtype=np.int64),
            np.zeros(rows, dtype=np.int64),
            np.zeros((rows, 2), dtype=np.uint64),
            np.zeros((rows, crossings.replicas), dtype=np.int64),
            np.zeros((n_seeds, n_seeds), dtype=np.int64),
        )
        fill_menu(
            checked,
            column.probabilities,
            crossings.weights,
            crossings.blocks,
            seed_key(crossings.seed),
            POISSON_STEPS,
            *arrays,
        )
        return cls(
            column,
            *arrays,
            total=crossings.total,
            seed=crossings.seed,
            has_pools=crossings.has_pools,
            ranges=crossings.ranges,
        )

    def merge(self, other: MenuCounts) -> MenuCounts:
        """Return the counts of both sets of crossings together.

        Raises
        ------
        CountsError
            If menus, prescales or bootstraps differ, or an event is in both.
        """
        if self.column != other.column:
            msg = "counts of different menus or prescales do not go together"
            raise CountsError(msg)
        if (self.seed, self.replicas.shape) != (other.seed, other.replicas.shape):
            msg = "counts of different bootstraps do not go together"
            raise CountsError(msg)
        if shared := overlap(self.ranges, other.ranges):
            msg = f"both counts hold events {shared}; name another stream or first_event"
            raise CountsError(msg)
        low = self.squares[:, 1] + other.squares[:, 1]
        high = self.squares[:, 0] + other.squares[:, 0] + (low < other.squares[:, 1])
        return MenuCounts(
            self.column,
            self.entries + other.entries,
            added(self.weights, other.weights),
            np.stack([high, low], axis=1),
            added(self.replicas, other.replicas),
            added(self.overlaps, other.overlaps),
            total=self.total + other.total,
            seed=self.seed,
            has_pools=self.has_pools or other.has_pools,
            ranges=joined(self.ranges, other.ranges),
        )

    __add__ = merge

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MenuCounts):
            return NotImplemented
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("column", "seed", "has_pools", "ranges", "total")
        ) and all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _ARRAYS)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash

    def passing(self, seed: str, kind: str = "rate") -> Passing:
        """Return the sums of what a seed accepts.

        Parameters
        ----------
        seed
            Its name, or `ANY_SEED` (whose kinds are all the same).
        kind
            ``before`` the prescale, ``rate``, ``pure`` or ``proportional``.
        """
        kinds = {"before": BEFORE, "rate": AFTER, "pure": PURE, "proportional": PROPORTIONAL}
        row = len(self.entries) - 1
        if seed != ANY_SEED:
            row = N_KINDS * self.column.index(seed) + kinds[kind]
        high, low = self.squares[row].tolist()
        return Passing(
            int(self.entries[row]), int(self.weights[row]), (high << 64) + low, self.replicas[row]
        )

    def rates(self, scenario: RateScenario) -> tuple[SeedRate, ...]:
        """Return the rates of each seed, and of the menu as a whole in the last record.

        Raises
        ------
        CountsError
            If the crossings have no weight, or fewer than two replicas drew any.
        """
        self._require_weight("rates")
        prescales = dict(zip(self.column.seeds, self.column.prescales, strict=True))
        return tuple(
            self._rate(seed, float(prescales.get(seed, 1)), scenario)
            for seed in (*self.column.seeds, ANY_SEED)
        )

    def efficiency(self) -> tuple[float, float, float]:
        """Return the part of the crossings that the menu accepts, and its 68 % interval.

        Raises
        ------
        CountsError
            If the crossings have no weight.
        """
        self._require_weight("an efficiency")
        passing = self.passing(ANY_SEED)
        low, high, _ = efficiency_interval(passing, self.total, has_pools=self.has_pools)
        return passing.weight / self.total.weight, low, high

    def _require_weight(self, purpose: str) -> None:
        if self.total.weight == 0:
            msg = (
                f"{self.total.entries} crossings with no weight in total are too few for {purpose}"
            )
            raise CountsError(msg)

    def overlap(self, scenario: RateScenario) -> pd.DataFrame:
        """Return the rates at which two seeds accept both, after prescales.

        Returns
        -------
        kHz, rows and columns are seeds; the diagonal is the rate of each seed.
        """
        factor = scenario.crossing_rate_khz / self.total.weight
        return pd.DataFrame(
            self.overlaps.astype(np.float64) * factor,
            index=list(self.column.seeds),
            columns=list(self.column.seeds),
        )

    def _rate(self, seed: str, prescale: float, scenario: RateScenario) -> SeedRate:
        before, after, pure, proportional = (
            self.passing(seed, kind) for kind in ("before", "rate", "pure", "proportional")
        )
        return SeedRate(
            seed=seed,
            prescale=prescale,
            entries=before.entries,
            before_khz=self._khz(before, scenario),
            before_error_khz=self._error(before, scenario),
            rate_khz=self._khz(after, scenario),
            error_naive_khz=scenario.crossing_rate_khz * naive_error(after, self.total),
            error_khz=self._error(after, scenario),
            **dict(zip(("low_khz", "high_khz"), self._interval(after, scenario), strict=True)),
            pure_khz=self._khz(pure, scenario),
            pure_error_khz=self._error(pure, scenario),
            **dict(
                zip(("pure_low_khz", "pure_high_khz"), self._interval(pure, scenario), strict=True)
            ),
            proportional_khz=self._khz(proportional, scenario),
            proportional_error_khz=self._error(proportional, scenario),
        )

    def _khz(self, passing: Passing, scenario: RateScenario) -> float:
        return scenario.rate_khz(passing.weight, self.total.weight)

    def _error(self, passing: Passing, scenario: RateScenario) -> float:
        values = fractions(passing.replicas, self.total.replicas)
        return scenario.crossing_rate_khz * spread(values)

    def _interval(self, passing: Passing, scenario: RateScenario) -> tuple[float, float]:
        return garwood_khz(passing, self.total, scenario, has_pools=self.has_pools)
