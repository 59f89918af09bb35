"""Thresholds as the Global Trigger's menu names them: seeds, conditions, cuts, algorithm bits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.objects.ugt_words import ALGORITHMS
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.model import NamedThreshold

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Condition(Record):
    """One seed of the network.

    Parameters
    ----------
    seed
        Its name, for example ``L1_AXO_Loose``.
    bit
        Its algorithm bit.
    expression
        The condition, for example ``AXO[AXO-MODEL_v3,AXO-SCORE_Loose]``.
    cut, threshold
        Name of the score cut in it, and the cut: the stored integer that the score must reach.
    target_khz
        Rate that the threshold was set for, if it was.
    """

    seed: str
    bit: int
    expression: str
    cut: str
    threshold: int
    target_khz: float | None


def conditions(
    thresholds: Sequence[NamedThreshold], *, algorithm: str, version: str, first_bit: int
) -> tuple[Condition, ...]:
    """Name the conditions of a network.

    Parameters
    ----------
    thresholds
        Of the model, or of one menu in it. Seeds and bits that they name are kept.
    algorithm
        The network as the menu calls it, for example ``AXO``.
    version
        Of the model, for example ``v1``.
    first_bit
        Algorithm bit of the first threshold that has none.

    Raises
    ------
    SettingsError
        If a name cannot stand in a menu, or a bit does not exist or is taken twice.

    Examples
    --------
    >>> from emulator.model import NamedThreshold
    >>> (found,) = conditions(
    ...     [NamedThreshold("Loose", 17)], algorithm="AXO", version="v3", first_bit=440
    ... )
    >>> found.seed, found.bit, found.expression
    ('L1_AXO_Loose', 440, 'AXO[AXO-MODEL_v3,AXO-SCORE_Loose]')
    """
    if not _NAME.fullmatch(algorithm):
        msg = f"the algorithm's name stands in seeds: letters and digits, got {algorithm!r}"
        raise SettingsError(msg)
    free = first_bit
    found = []
    for threshold in thresholds:
        label = _label(threshold, algorithm)
        bit = threshold.bit
        if bit is None:
            bit, free = free, free + 1
        cut = f"{algorithm}-SCORE_{label}"
        found.append(
            Condition(
                seed=threshold.seed or f"L1_{algorithm}_{label}",
                bit=bit,
                expression=f"{algorithm}[{algorithm}-MODEL_{version},{cut}]",
                cut=cut,
                threshold=threshold.threshold,
                target_khz=threshold.target_khz,
            )
        )
    _check(found)
    return tuple(found)


def _label(threshold: NamedThreshold, algorithm: str) -> str:
    name = threshold.seed.removeprefix(f"L1_{algorithm}_") or threshold.name
    return re.sub(r"[^A-Za-z0-9]", "p" if re.fullmatch(r"[\d.]+\w*", name) else "_", name)


def _check(found: Sequence[Condition]) -> None:
    for what, names in (
        ("algorithm bit", [str(one.bit) for one in found]),
        ("seed", [one.seed for one in found]),
        ("cut", [one.cut for one in found]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            msg = (
                f"two thresholds of the package have the {what} {twice}; give --menu or rename one"
            )
            raise SettingsError(msg)
    for one in found:
        if not 0 <= one.bit < ALGORITHMS:
            msg = f"{one.seed}: algorithm bit {one.bit} is not 0 to {ALGORITHMS - 1}"
            raise SettingsError(msg)
