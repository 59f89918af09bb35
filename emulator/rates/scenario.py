"""The rate scenario: what turns a fraction of zero-bias crossings into a rate in kHz."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from emulator.constants import BUNCH_PLACES, REVOLUTION_FREQUENCY_HZ
from emulator.errors import InputFileError, MissingNameError, SettingsError
from emulator.results import Record

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RateScenario(Record):
    """Energy, filling and pile-up that a rate is quoted for.

    Parameters
    ----------
    name
        How results refer to it.
    sqrt_s_tev
        Centre-of-mass energy, TeV.
    n_bunches
        Colliding bunches in one orbit, ``1 <= n_bunches <= 3564``.
    pileup
        Mean number of inelastic collisions in a crossing, counted with `inelastic_mb`.
    inelastic_mb
        The cross-section that `pileup` counts, mb.
    inelastic_source
        Where the cross-section comes from, in words.

    Raises
    ------
    SettingsError
        If a value is of the wrong type or impossible.

    Examples
    --------
    >>> scenario = load_scenario("run3")
    >>> round(scenario.crossing_rate_khz, 1)
    26314.7
    >>> round(scenario.rate_khz(38, 1_000_000), 3)
    1.0
    """

    name: str
    sqrt_s_tev: float
    n_bunches: int
    pileup: float
    inelastic_mb: float
    inelastic_source: str

    def __post_init__(self) -> None:
        if isinstance(self.n_bunches, bool) or not isinstance(self.n_bunches, int):
            self._refuse("n_bunches", "a whole number")
        if not 1 <= self.n_bunches <= BUNCH_PLACES:
            self._refuse("n_bunches", f"1 to {BUNCH_PLACES}, the places of one orbit")
        for field in ("sqrt_s_tev", "pileup", "inelastic_mb"):
            value = getattr(self, field)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and value > 0):
                self._refuse(field, "a number above zero")
        for field in ("name", "inelastic_source"):
            value = getattr(self, field)
            if not (isinstance(value, str) and value):
                self._refuse(field, "a text that is not empty")

    def _refuse(self, field: str, wanted: str) -> None:
        msg = f"scenario {self.name!r}: {field} must be {wanted}, got {getattr(self, field)!r}"
        raise SettingsError(msg)

    @classmethod
    def from_settings(cls, name: str, settings: Mapping[str, Any]) -> RateScenario:
        """Make a scenario from what a user wrote: a mapping of all fields but the name.

        Raises
        ------
        SettingsError
            If a field is missing, unknown, of the wrong type or impossible.
        """
        if not isinstance(settings, dict):
            msg = f"scenario {name!r}: expected a mapping of its fields, got {settings!r}"
            raise SettingsError(msg)
        known = {field.name for field in fields(cls)} - {"name"}
        if unknown := sorted(str(key) for key in settings.keys() - known):
            msg = f"scenario {name!r}: unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            raise SettingsError(msg)
        if missing := sorted(known - settings.keys()):
            msg = f"scenario {name!r}: {', '.join(missing)} is missing"
            raise SettingsError(msg)
        return cls(name=name, **settings)

    @property
    def crossing_rate_khz(self) -> float:
        """Rate of crossings with colliding bunches, kHz."""
        return REVOLUTION_FREQUENCY_HZ * self.n_bunches / 1e3

    def rate_khz(self, passing: int, total: int) -> float:
        """Rate of crossings that pass, kHz: ``f_rev * n_bunches * passing / total``.

        The quotient is rounded once, so a rate that does not exceed a target as a fraction does not
        exceed it as a float either.

        Parameters
        ----------
        passing, total
            Sums of integer weights; ``total`` of all zero-bias crossings, above zero.
        """
        return float(Fraction(self.crossing_rate_khz) * Fraction(passing, total))


def load_scenario(name: str = "run3", *, path: str | Path | None = None) -> RateScenario:
    """Return a scenario by its name.

    Parameters
    ----------
    name
        ``run3`` (the default), ``run3_pu50``, ``run2``, ``phase2``, or a name in `path`.
    path
        A YAML file of scenarios in the form of the packaged one, to be read instead of it.

    Raises
    ------
    MissingNameError
        If there is no such scenario.
    InputFileError
        If the file cannot be read.
    SettingsError
        If the scenario is incomplete or impossible.

    Examples
    --------
    >>> load_scenario("run2").n_bunches
    2544
    """
    source = files("emulator.rates") / "data" / "scenarios.yaml" if path is None else Path(path)
    where = "packaged scenarios" if path is None else str(path)
    try:
        scenarios = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputFileError(where, f"cannot be read as YAML ({error})") from error
    if not isinstance(scenarios, dict):
        raise InputFileError(where, "holds no mapping of scenario names to their fields")
    if name not in scenarios:
        raise MissingNameError("scenario", name, [str(key) for key in scenarios], where)
    return RateScenario.from_settings(name, scenarios[name])
