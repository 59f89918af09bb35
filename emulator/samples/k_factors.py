"""K factors: what leading-order cross-sections are multiplied with, from a card with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import SettingsError
from emulator.samples._yaml import read_yaml, refuse_unknown, take
from emulator.samples.response_card import CardNumber, read_card

if TYPE_CHECKING:
    from pathlib import Path


def k_factor_card(name_or_path: str | Path = "k_factors") -> tuple[CardNumber, ...]:
    """Return the K factors with their sources and bands."""
    return read_card(*read_yaml(name_or_path))[1]


def load_k_factors(name_or_path: str | Path = "k_factors") -> dict[str, float]:
    """Load a card of K factors: a number for each process, with its source and band.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    SettingsError, MissingNameError
        If a number is not positive, has no source, or lies outside its band.

    Examples
    --------
    >>> load_k_factors()["tt"]
    1.6
    """
    content, where = read_yaml(name_or_path)
    values, _ = read_card(content, where)
    refuse_unknown(values, ("name", "k_factors"), where)
    factors = take(values, "k_factors", dict, where)
    found = {name: take(factors, name, float, f"{where}: k_factors") for name in factors}
    if wrong := [name for name, value in found.items() if not value > 0.0]:
        msg = f"{where}: the K factor of {wrong[0]} must be positive, not {found[wrong[0]]:g}"
        raise SettingsError(msg)
    return found
