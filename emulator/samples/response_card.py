"""The response card: every tuned number with its source and the band in which it may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from emulator.errors import MissingNameError, SettingsError
from emulator.results import Record
from emulator.samples._yaml import refuse_unknown, take

_KEYS: Final = ("value", "source", "band", "note")


@dataclass(frozen=True, slots=True)
class CardNumber(Record):
    """One number of a response card.

    Attributes
    ----------
    section, name
        Where it stands.
    value
        A number, or a list (edges, or ring groups).
    source
        Where it comes from, in words.
    band
        Lowest and highest value that the source allows; of a number per ring, the factors on all
        its values. None if the number is a constant or a definition.
    note
        What it means, where the name does not say it.
    """

    section: str
    name: str
    value: Any
    source: str
    band: tuple[float, float] | None
    note: str


def read_card(
    content: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], tuple[CardNumber, ...]]:
    """Split a card into its values and what it says about them.

    Parameters
    ----------
    content
        ``name``, ``sources``, and sections of numbers ``{value, source, band, note}``.
    where
        What to call the card in messages.

    Returns
    -------
    The values by section and name, with the name of the card; and all numbers with their sources.

    Raises
    ------
    SettingsError
        If a number has no value or source, or lies outside its band.
    MissingNameError
        If a source is not in the list of sources, or a key is unknown.

    Examples
    --------
    >>> card = {"name": "n", "sources": {"pdg": "Review"}, "a": {"m": {"value": 2, "source": "pdg"}}}
    >>> values, numbers = read_card(card, "here")
    >>> values["a"]["m"], numbers[0].source
    (2, 'Review')
    """
    sources = take(content, "sources", dict, where)
    values: dict[str, Any] = {"name": take(content, "name", str, where)}
    numbers: list[CardNumber] = []
    for section in content:
        if section in {"name", "sources"}:
            continue
        raw = take(content, section, dict, where)
        own = [
            _number(section, str(name), entry, sources, f"{where}: {section}")
            for name, entry in raw.items()
        ]
        values[section] = {number.name: number.value for number in own}
        numbers += own
    return values, tuple(numbers)


def _number(
    section: str, name: str, entry: Any, sources: Mapping[str, Any], where: str
) -> CardNumber:
    place = f"{where}.{name}"
    if not isinstance(entry, Mapping):
        msg = f"{place} must be {{value: ..., source: ...}}, not {entry!r}"
        raise SettingsError(msg)
    refuse_unknown(entry, _KEYS, place)
    if "value" not in entry:
        msg = f"{place}: the value is missing"
        raise SettingsError(msg)
    source = take(entry, "source", str, place)
    if source not in sources:
        raise MissingNameError("source", source, [str(each) for each in sources], place)
    value = entry["value"]
    return CardNumber(
        section=section,
        name=name,
        value=value,
        source=str(sources[source]),
        band=_band(entry, value, place),
        note=take(entry, "note", str, place, ""),
    )


def _band(entry: Mapping[str, Any], value: Any, place: str) -> tuple[float, float] | None:
    if "band" not in entry:
        return None
    band = entry["band"]
    numbers = isinstance(band, list) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in band
    )
    if not numbers or len(band) != 2 or not band[0] < band[1]:
        msg = f"{place}: band must be two rising numbers, not {band!r}"
        raise SettingsError(msg)
    low, high = float(band[0]), float(band[1])
    # A list of ring groups moves as a whole, so its band is a factor.
    middle = 1.0 if isinstance(value, list) else value
    if isinstance(middle, int | float) and not low <= middle <= high:
        msg = f"{place}: {value} lies outside its band {low:g} to {high:g}"
        raise SettingsError(msg)
    return low, high
