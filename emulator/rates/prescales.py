"""A column of prescales, as expectations: what a menu accepts on average, not by counting events."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import numpy as np

from emulator.errors import MissingNameError, SettingsError
from emulator.rates import menu_kernels
from emulator.rates.errors import CountsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class PrescaleColumn:
    """Seeds of a menu and the prescale of each; make it by `of`.

    A seed of prescale ``p`` accepts one of ``p`` crossings in which it fires; 0 switches it off. Seeds
    are taken to be prescaled independently of each other, so that a crossing in which seeds of
    prescales ``p`` fire is left to others with the probability ``prod(1 - 1/p)``.

    Attributes
    ----------
    seeds
        Names, each once.
    prescales
        0, or 1 and more; fractions are exact.

    Examples
    --------
    >>> column = PrescaleColumn.of({"L1_SingleMu22": 1, "L1_HTT280": 2.5, "L1_ZeroBias": 0})
    >>> column.probabilities.tolist()
    [1.0, 0.4, 0.0]
    """

    seeds: tuple[str, ...]
    prescales: tuple[Fraction, ...]

    @classmethod
    def of(cls, prescales: Mapping[str, object]) -> Self:
        """Make a column from names and prescales: integers, decimals or texts of them.

        Raises
        ------
        SettingsError
            If there is no seed, or a prescale is neither 0 nor a number of 1 or more.
        """
        if not prescales:
            msg = "a menu needs at least one seed"
            raise SettingsError(msg)
        return cls(
            tuple(prescales), tuple(_prescale(seed, value) for seed, value in prescales.items())
        )

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Probability that a seed that fires survives its prescale, float64, axis (seed)."""
        return np.array([float(1 / value) if value else 0.0 for value in self.prescales])

    def index(self, seed: str) -> int:
        """Return the place of a seed.

        Raises
        ------
        MissingNameError
            If there is no such seed.
        """
        if seed not in self.seeds:
            raise MissingNameError("seed", seed, self.seeds, "menu")
        return self.seeds.index(seed)

    def none_accepts(self, decisions: ArrayLike) -> NDArray[np.float64]:
        """Return the probability that no seed of the menu accepts a crossing.

        Parameters
        ----------
        decisions
            Which seeds fire, before prescales, bool, axes (crossing, seed).

        Returns
        -------
        float64, axis (crossing): what `ScoreCounts.from_crossings` takes as ``kept``.

        Examples
        --------
        >>> column = PrescaleColumn.of({"A": 1, "B": 4, "C": 0})
        >>> column.none_accepts([[1, 1, 1], [0, 1, 1], [0, 0, 1]]).tolist()
        [0.0, 0.75, 1.0]
        """
        checked = self.checked(decisions)
        out = np.empty(len(checked))
        menu_kernels.none_accepts(checked, self.probabilities, out)
        return out

    def checked(self, decisions: ArrayLike) -> NDArray[np.bool_]:
        """Return decisions as bool, axes (crossing, seed).

        Raises
        ------
        CountsError
            If they have another shape, or other numbers than 0 and 1.
        """
        found = np.asarray(decisions)
        if found.ndim != 2 or found.shape[1] != len(self):
            msg = f"decisions must have the shape (crossings, {len(self)} seeds), got {found.shape}"
            raise CountsError(msg)
        if found.dtype.kind not in "iub" or not ((found == 0) | (found == 1)).all():
            msg = f"decisions must be true or false, got {found.dtype}"
            raise CountsError(msg)
        return np.ascontiguousarray(found, dtype=np.bool_)


def _prescale(seed: str, value: object) -> Fraction:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
            raise TypeError  # noqa: TRY301 - one sentence for all that is no number
        # By its digits: 2.3 means twenty-three tenths, not the double next to it.
        number = Fraction(value if isinstance(value, int | Fraction) else str(value))
    except (TypeError, ValueError, ZeroDivisionError):
        msg = f"seed {seed!r}: a prescale is a number, got {value!r}"
        raise SettingsError(msg) from None
    if number != 0 and number < 1:
        msg = f"seed {seed!r}: a prescale is 0 (off), or 1 and more, got {value}"
        raise SettingsError(msg)
    return number
