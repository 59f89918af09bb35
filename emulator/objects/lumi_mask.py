"""Masks of luminosity sections, as experiments certify their data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class LumiMask:
    """Good luminosity sections: ranges of each run, both ends included; other runs have none.

    Examples
    --------
    >>> mask = LumiMask({396102: ((1, 20), (40, 41))})
    >>> mask.keeps(np.array([396102, 396102, 396102, 1]), np.array([20, 30, 40, 5])).tolist()
    [True, False, True, False]
    """

    ranges: Mapping[int, tuple[tuple[int, int], ...]]

    def keeps(
        self, run: NDArray[np.integer[Any]], lumi: NDArray[np.integer[Any]]
    ) -> NDArray[np.bool_]:
        """Return for each crossing whether its luminosity section is good."""
        good = np.zeros(len(run), dtype=np.bool_)
        for number, ranges in self.ranges.items():
            here = run == number
            for first, last in ranges:
                good |= here & (lumi >= first) & (lumi <= last)
        return good


def load_lumi_mask(path: str | Path) -> LumiMask:
    """Read a mask: JSON ``{"run": [[first, last], ...], ...}``, as CMS's certified sections.

    Raises
    ------
    InputFileError
        If the file is missing or not of this form.
    """
    place = Path(path)
    try:
        plain = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(place, "there is no such lumi-section mask") from error
    except IsADirectoryError as error:
        raise InputFileError(place, "is a folder, not a lumi-section mask") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(place, f"cannot be read as JSON ({error})") from error
    if not isinstance(plain, dict) or not plain:
        raise InputFileError(place, 'is no lumi-section mask: {"run": [[first, last], ...]}')
    return LumiMask({_run(place, run): _ranges(place, run, part) for run, part in plain.items()})


def _run(place: Path, run: str) -> int:
    if not run.isdecimal():
        raise InputFileError(place, f"{run!r} is no run number")
    return int(run)


def _ranges(place: Path, run: str, ranges: object) -> tuple[tuple[int, int], ...]:
    good = isinstance(ranges, list) and all(
        isinstance(each, list)
        and len(each) == 2
        and all(type(end) is int for end in each)
        and 0 <= each[0] <= each[1]
        for each in ranges
    )
    if not good or not isinstance(ranges, list):
        raise InputFileError(
            place, f"run {run}: must be a list of [first, last] sections, found {ranges!r:.60}"
        )
    return tuple((first, last) for first, last in ranges)
