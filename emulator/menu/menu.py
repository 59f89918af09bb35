"""A menu: the seeds of the Global Trigger by their algorithm bits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import InputFileError, MissingNameError
from emulator.menu.grammar import parse_expression

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.menu.syntax import Expression

#: Algorithm bits of the Global Trigger.
N_BITS = 512


@dataclass(frozen=True, slots=True)
class Seed:
    """One algorithm.

    Examples
    --------
    >>> Seed(5, "L1_SingleMu5", "MU5").parsed().kind
    'MU'
    """

    bit: int
    name: str
    expression: str

    def parsed(self) -> Expression:
        """Return the expression as a tree; `ExpressionError` if it cannot be read."""
        return parse_expression(self.expression)


@dataclass(frozen=True, slots=True)
class Menu:
    """Seeds in the order of their bits."""

    name: str
    seeds: tuple[Seed, ...]

    def seed(self, name: str) -> Seed:
        """Return the seed of a name; `MissingNameError` if there is none."""
        by_name: Mapping[str, Seed] = {seed.name: seed for seed in self.seeds}
        if name not in by_name:
            raise MissingNameError("seed", name, by_name, f"menu {self.name}")
        return by_name[name]


def load_menu(path: str | Path) -> Menu:
    """Read a menu: JSON ``{"bit": [name, expression], ...}``.

    The menu's name is that of the file, without a leading ``algos_``.

    Raises
    ------
    InputFileError
        If the file is missing or not of this form.
    """
    place = Path(path)
    try:
        plain = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputFileError(place, "no such menu file") from error
    except IsADirectoryError as error:
        raise InputFileError(place, "is a folder, not a menu") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(place, f"cannot be read as JSON ({error})") from error
    if not isinstance(plain, dict) or not plain:
        raise InputFileError(place, 'is no menu: it must hold {"bit": [name, expression], ...}')
    seeds = sorted((_seed(place, bit, entry) for bit, entry in plain.items()), key=lambda s: s.bit)
    names = [seed.name for seed in seeds]
    for name in names:
        if names.count(name) > 1:
            raise InputFileError(place, f"two bits have the seed {name!r}")
    return Menu(place.stem.removeprefix("algos_"), tuple(seeds))


def _seed(place: Path, bit: str, entry: object) -> Seed:
    if not (bit.isdecimal() and str(int(bit)) == bit and int(bit) < N_BITS):
        raise InputFileError(place, f"{bit!r} is no algorithm bit, which are 0 to {N_BITS - 1}")
    if (
        not isinstance(entry, list)
        or len(entry) != 2
        or not all(isinstance(part, str) and part for part in entry)
    ):
        raise InputFileError(
            place, f"bit {bit}: must be [name, expression], both text, found {entry!r:.60}"
        )
    return Seed(int(bit), *entry)
