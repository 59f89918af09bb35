"""How many inelastic interactions crossings have: about one mean, exactly so many, or a spread of means."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from emulator.errors import SettingsError
from emulator.samples._yaml import read_yaml, refuse_unknown, take

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_PILEUP: Final = 1000.0
_KINDS: Final = ("poisson", "fixed", "histogram")


@dataclass(frozen=True, slots=True)
class PileupProfile:
    """Distribution of the number of inelastic interactions in a crossing.

    Attributes
    ----------
    name
        What it was asked for as.
    kind
        ``poisson``: Poisson numbers about one mean. ``fixed``: exactly so many, as in special runs and in
        tests. ``histogram``: the mean itself varies from crossing to crossing (over a fill, and from bunch to
        bunch), and numbers are Poisson about it.
    values
        Mean numbers; one unless ``kind`` is ``histogram``.
    shares
        Share of crossings with each of them, with sum 1.
    """

    name: str
    kind: str
    values: tuple[float, ...]
    shares: tuple[float, ...] = (1.0,)

    @property
    def mean(self) -> float:
        """Mean number over all crossings."""
        return sum(value * share for value, share in zip(self.values, self.shares, strict=True))

    def identity(self) -> Any:
        """Return what identifies the profile in hashes: of Poisson numbers, the mean alone."""
        if self.kind == "poisson":
            return self.values[0]
        return [self.kind, list(self.values), list(self.shares)]

    def record(self) -> dict[str, Any]:
        """Return the profile as provenance notes it."""
        return {"kind": self.kind, "values": list(self.values), "shares": list(self.shares)}


def poisson(mean: float) -> PileupProfile:
    """Return the profile of Poisson numbers about one mean.

    Examples
    --------
    >>> poisson(50.0).mean
    50.0
    """
    return _checked(PileupProfile(f"{mean:g}", "poisson", (float(mean),)), "the mean pile-up")


def recorded(mean: float, record: Mapping[str, Any]) -> PileupProfile:
    """Return the profile that a manifest notes: Poisson about the mean if it notes nothing else.

    Examples
    --------
    >>> profile = load_pileup("fixed:40")
    >>> recorded(profile.mean, profile.record()).kind
    'fixed'
    """
    if not record:
        return poisson(mean)
    return PileupProfile(
        "(recorded)", str(record["kind"]), tuple(record["values"]), tuple(record["shares"])
    )


def load_pileup(text: str | Path) -> PileupProfile:
    """Return the profile that a text asks for.

    Parameters
    ----------
    text
        A number (the mean of Poisson numbers), ``fixed:N``, the name of a packaged profile, or the path of
        a YAML file with ``kind`` and, for a histogram, ``edges`` and ``shares`` of bins, whose middles are the
        means.

    Raises
    ------
    SettingsError
        If the numbers make no distribution.
    InputFileError
        If there is no such file.
    MissingNameError
        If the file has a setting that means nothing.

    Examples
    --------
    >>> load_pileup("fixed:40").kind, load_pileup("60").values
    ('fixed', (60.0,))
    >>> round(load_pileup("pileup_spread").mean, 6)
    50.0
    """
    if isinstance(text, str):
        kind, colon, number = text.rpartition(":")
        if not colon and _is_number(text):
            return poisson(float(text))
        if colon and kind in _KINDS[:2]:
            if not _is_number(number):
                msg = f"the pile-up {text!r}: give a number behind {kind}:"
                raise SettingsError(msg)
            profile = PileupProfile(text, kind, (float(number),))
            return _checked(profile, f"the pile-up {text!r}")
    content, where = read_yaml(text)
    refuse_unknown(content, ("kind", "mean", "edges", "shares", "source"), where)
    kind = take(content, "kind", str, where)
    if kind not in _KINDS:
        msg = f"{where}: kind must be one of {', '.join(_KINDS)}, not {kind!r}"
        raise SettingsError(msg)
    if kind != "histogram":
        value = take(content, "mean", float, where)
        return _checked(PileupProfile(where, kind, (value,)), where)
    return _histogram(content, where)


def _histogram(content: Mapping[str, Any], where: str) -> PileupProfile:
    edges, shares = (_numbers(content, name, where) for name in ("edges", "shares"))
    if len(edges) != len(shares) + 1 or len(shares) < 1:
        msg = f"{where}: {len(edges)} edges do not belong to {len(shares)} shares (one more edge)"
        raise SettingsError(msg)
    if any(high <= low for low, high in itertools.pairwise(edges)):
        msg = f"{where}: edges must rise"
        raise SettingsError(msg)
    total = sum(shares)
    if min(shares) < 0.0 or not total > 0.0:
        msg = f"{where}: shares must be 0 or more, and not all 0"
        raise SettingsError(msg)
    bins = [
        (0.5 * (low + high), share / total)
        for low, high, share in zip(edges, edges[1:], shares, strict=False)
        if share > 0.0
    ]
    values, normed = zip(*bins, strict=True)
    return _checked(PileupProfile(where, "histogram", values, normed), where)


def _numbers(content: Mapping[str, Any], name: str, where: str) -> list[float]:
    numbers = take(content, name, list, where)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers):
        msg = f"{where}: {name} must be a list of numbers"
        raise SettingsError(msg)
    return [float(each) for each in numbers]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _checked(profile: PileupProfile, where: str) -> PileupProfile:
    for value in profile.values:
        if not 0.0 < value < _MAX_PILEUP:
            msg = f"{where} must be between 0 and {_MAX_PILEUP:g}, not {value:g}"
            raise SettingsError(msg)
        if profile.kind == "fixed" and value != int(value):
            msg = f"{where}: a fixed number of interactions must be whole, not {value:g}"
            raise SettingsError(msg)
    return profile
