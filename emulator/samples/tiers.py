"""How many events and crossings to make: tiers of sample sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.errors import MissingNameError, SettingsError
from emulator.samples._yaml import read_yaml, refuse_unknown, take
from emulator.samples.settings import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.samples.settings import GeneratorSettings


@dataclass(frozen=True, slots=True)
class SignalSize:
    """Generated Pythia events of a signal and the crossings made of them."""

    events: int
    crossings: int


@dataclass(frozen=True, slots=True)
class Tier:
    """Sizes of a sample: Pythia events per split and process, crossings per split and stratum.

    A large tier consists of `units`, each with pools, crossings and files of its own, so that it can
    be made in parts, goes on after an interruption, and grows by further units. All numbers are those
    of one unit. Of each piece of a pool for evaluation, the first `truth_events` keep what was generated.
    `processes` names the processes it is made of. `compact` files hold hardware integers
    alone, without the float branches that follow from them, and are compressed harder.
    """

    name: str
    description: str
    units: int
    truth_events: int
    piece_events: int
    piece_crossings: int
    events: Mapping[str, Mapping[str, int]]
    crossings: Mapping[str, Mapping[str, int]]
    signals: Mapping[str, SignalSize]
    processes: str = "processes"
    compact: bool = False

    def n_units(self, scale: float) -> int:
        """Return the number of units at a scale, rounded.

        Raises
        ------
        SettingsError
            If there would be none.

        Examples
        --------
        >>> load_tier("release").n_units(0.5)
        12
        """
        units = round(self.units * scale) if 0.0 < scale < 1e6 else 0
        if units < 1 or (scale < 1.0 and self.units == 1):
            msg = (
                f"the scale must be at least {1 / self.units:g} for tier {self.name}, which has "
                f"{self.units} unit{'s' if self.units > 1 else ''}, not {scale:g}"
            )
            raise SettingsError(msg)
        return units


def load_tier(name: str, path: str | Path = "tiers") -> Tier:
    """Load one tier of sample sizes from a packaged or a user's YAML file.

    Raises
    ------
    MissingNameError
        If there is no such tier.
    SettingsError
        If the tier is incomplete or a number is not positive.

    Examples
    --------
    >>> sum(load_tier("quick").crossings["eval"].values()) >= 100_000
    True
    """
    content, where = read_yaml(path)
    if name not in content:
        raise MissingNameError("tier", name, [str(key) for key in content], where)
    place = f"{where}: tier {name}"
    raw = take(content, name, dict, where)
    refuse_unknown(raw, [key for key in Tier.__annotations__ if key != "name"], place)
    signals = take(raw, "signals", dict, place)
    return Tier(
        name=name,
        description=take(raw, "description", str, place),
        units=_positive(raw, "units", place) if "units" in raw else 1,
        truth_events=take(raw, "truth_events", int, place, 0),
        piece_events=_positive(raw, "piece_events", place),
        piece_crossings=_positive(raw, "piece_crossings", place),
        events=_sizes(raw, "events", place),
        crossings=_sizes(raw, "crossings", place),
        signals={
            str(signal): SignalSize(
                events=_positive(size, "events", f"{place}: signal {signal}"),
                crossings=_positive(size, "crossings", f"{place}: signal {signal}"),
            )
            for signal, size in signals.items()
        },
        processes=take(raw, "processes", str, place, "processes"),
        compact=take(raw, "compact", bool, place, default=False),
    )


def check_tier(tier: Tier, generator: GeneratorSettings) -> None:
    """Check that a tier names all processes and strata, and signals that exist.

    Raises
    ------
    MissingNameError
        If a process or stratum of the tier is unknown.
    SettingsError
        If a process or stratum has no number, or a signal is a background.
    """
    strata = generator.strata
    for split in SPLITS[:3]:
        place = f"tier {tier.name}, {split}"
        for kind, numbers, names in (
            ("process", tier.events[split], strata.processes()),
            ("stratum", tier.crossings[split], strata.ranks),
        ):
            for name in numbers:
                if name not in names:
                    raise MissingNameError(kind, name, names, place)
            if missing := [name for name in names if name not in numbers]:
                msg = f"{place}: no number for the {kind} {', '.join(missing)}"
                raise SettingsError(msg)
    for name, size in tier.signals.items():
        if generator.process(name).kind != "signal":
            msg = f"tier {tier.name}: {name} is a background and cannot be a signal"
            raise SettingsError(msg)
        # Else some events would count more often than others in an efficiency.
        if size.crossings % size.events:
            msg = (
                f"tier {tier.name}: the {size.crossings} crossings of {name} must be a multiple "
                f"of its {size.events} events"
            )
            raise SettingsError(msg)


def _positive(raw: Mapping[str, Any], key: str, where: str) -> int:
    value = take(raw, key, int, where)
    if value <= 0:
        msg = f"{where}: {key} must be positive, not {value}"
        raise SettingsError(msg)
    return value


def _sizes(raw: Mapping[str, Any], key: str, where: str) -> dict[str, dict[str, int]]:
    splits = take(raw, key, dict, where)
    refuse_unknown(splits, SPLITS[:3], f"{where}: {key}")
    return {
        split: {
            str(name): _positive(take(splits, split, dict, where), str(name), f"{where}: {split}")
            for name in take(splits, split, dict, where)
        }
        for split in SPLITS[:3]
    }
