"""Multiplicities, leading spectra, masses and maps of crossings, as `hist` histograms that add."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import hist
import numpy as np
import pandas as pd

from emulator.objects import field_columns, load_scales
from l1distill.anatomy.hot_spots import TowerMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import awkward as ak
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Which crossings: every one, those that a network accepts, and those that it alone accepts.
ALL: Final = "all"
ACCEPTED: Final = "accepted"
PURE: Final = "pure"

#: Collections whose leading object is drawn on a map, and their fields of place.
_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "jet": ("eta", "phi"),
    "eg": ("eta", "phi"),
    "tau": ("eta", "phi"),
    "mu": ("eta_vtx", "phi_vtx"),
}

#: Towers of the maps all around, in eta of the calorimeter's trigger towers.
N_PHI: Final = 72
TOWER_ETA: Final = 0.087

_UNIT_WEIGHT: Final = 2.0**32


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of a crossing.

    Attributes
    ----------
    name, label, unit
        How tables call it, how plots do, and its unit.
    edges
        Edges of its bins; values beyond the last one are counted in the last bin.
    """

    name: str
    label: str
    unit: str
    edges: tuple[float, ...]


def _steps(stop: float, step: float) -> tuple[float, ...]:
    return tuple(float(each) for each in np.arange(0.0, stop + step / 2, step))


def _counts(most: int) -> tuple[float, ...]:
    return tuple(each - 0.5 for each in range(most + 2))


#: All quantities, in the order of a page.
QUANTITIES: Final = (
    Quantity("n_jet", "Number of jets", "", _counts(12)),
    Quantity("n_jet30", "Number of jets of 30 GeV and more", "", _counts(8)),
    Quantity("n_eg", "Number of e/gamma", "", _counts(12)),
    Quantity("n_tau", "Number of taus", "", _counts(12)),
    Quantity("n_mu", "Number of muons", "", _counts(8)),
    Quantity("pt_jet", "Leading jet pT", "GeV", _steps(300, 10)),
    Quantity("pt_eg", "Leading e/gamma pT", "GeV", _steps(100, 4)),
    Quantity("pt_tau", "Leading tau pT", "GeV", _steps(150, 5)),
    Quantity("pt_mu", "Leading muon pT", "GeV", _steps(60, 2)),
    Quantity("htt", "HTT", "GeV", _steps(800, 20)),
    Quantity("etm", "MET", "GeV", _steps(200, 8)),
    Quantity("m_jj", "Mass of the two leading jets", "GeV", _steps(1200, 40)),
    Quantity("m_mumu", "Mass of the two leading muons", "GeV", _steps(120, 4)),
)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Histograms of crossings by selection; two of them add.

    Attributes
    ----------
    histograms
        For each quantity, axes (selection, quantity), sums of weights and of their squares.
    maps
        For each collection, the place of its leading object, axes (selection, eta, phi).
    entries
        The maps again, each crossing counted once whatever its weight, int64, same axes.

    Examples
    --------
    >>> from emulator.objects import Columns, build_events
    >>> ids = {name: np.array([1]) for name in ("run", "lumi", "event", "orbit")}
    >>> jets = Columns(np.array([0, 2]), {"pt": [100, 80], "eta": [0, 0], "phi": [0, 72]})
    >>> events = build_events({**ids, "crossing": np.array([0])}, {"jet": jets})
    >>> anatomy = Anatomy.empty()
    >>> anatomy.fill(events, np.array([2**32]), {ALL: np.ones(1), ACCEPTED: np.ones(1)})
    >>> frame = anatomy.table(rate_per_weight_khz=1.0)
    >>> frame[(frame["quantity"] == "m_jj") & (frame["rate_khz"] > 0)]["low_edge"].tolist()
    [80.0, 80.0]
    """

    histograms: Mapping[str, Any]
    maps: Mapping[str, Any]
    entries: Mapping[str, Any]

    @classmethod
    def empty(cls, selections: Sequence[str] = (ALL, ACCEPTED, PURE)) -> Anatomy:
        """Return histograms of nothing."""
        axis = hist.axis.StrCategory(list(selections), name="selection")
        places = {name: _map_axes(name) for name in _PLACES}
        return cls(
            {
                each.name: hist.Hist(axis, _axis(each), storage=hist.storage.Weight())
                for each in QUANTITIES
            },
            {
                name: hist.Hist(axis, *axes, storage=hist.storage.Weight())
                for name, axes in places.items()
            },
            {
                name: hist.Hist(axis, *axes, storage=hist.storage.Int64())
                for name, axes in places.items()
            },
        )

    def __add__(self, other: Anatomy) -> Anatomy:
        """Return the histograms of both sets of crossings together."""
        return Anatomy(
            *(
                {name: each + theirs[name] for name, each in ours.items()}
                for ours, theirs in (
                    (self.histograms, other.histograms),
                    (self.maps, other.maps),
                    (self.entries, other.entries),
                )
            )
        )

    def fill(
        self, events: ak.Array, weights: NDArray[np.int64] | None, selections: Mapping[str, Values]
    ) -> None:
        """Add crossings.

        Parameters
        ----------
        events
            The crossings, their objects by falling pT.
        weights
            Units of ``2**-32``, axis (crossing); None for one each.
        selections
            For each selection the probability that a crossing is in it, float64, axis (crossing).
        """
        ones = np.ones(len(events))
        units = ones if weights is None else weights / _UNIT_WEIGHT
        values = crossing_values(events)
        places = {name: leading_place(events, name) for name in _PLACES}
        for selection, chance in selections.items():
            counted = units * chance
            for quantity in QUANTITIES:
                value = values[quantity.name]
                chosen = np.isfinite(value) & (counted > 0)
                last = quantity.edges[-1] - 1e-9 * (quantity.edges[-1] - quantity.edges[0])
                self.histograms[quantity.name].fill(
                    selection, np.minimum(value[chosen], last), weight=counted[chosen]
                )
            for name, (eta, phi) in places.items():
                chosen = np.isfinite(eta) & (counted > 0)
                self.maps[name].fill(selection, eta[chosen], phi[chosen], weight=counted[chosen])
                self.entries[name].fill(selection, eta[chosen], phi[chosen])

    @property
    def selections(self) -> tuple[str, ...]:
        """Names of the selections."""
        return tuple(next(iter(self.histograms.values())).axes["selection"])

    def tower_maps(self, selections: Sequence[str]) -> dict[tuple[str, str], TowerMap]:
        """Return the maps of some selections for `find_hot_spots`."""
        return {
            (name, selection): TowerMap(
                np.asarray(found[{"selection": selection}].view(), dtype=np.int64),
                np.asarray(found.axes["eta"].edges),
                np.asarray(found.axes["phi"].edges),
            )
            for name, found in self.entries.items()
            for selection in selections
        }

    def table(self, *, rate_per_weight_khz: float) -> pd.DataFrame:
        """Return all bins of the quantities.

        Parameters
        ----------
        rate_per_weight_khz
            Rate that a crossing of weight one stands for, kHz.

        Returns
        -------
        Columns ``quantity, unit, selection, low_edge, high_edge, rate_khz, error_khz``; errors are
        naive ones, from the weights alone.
        """
        frames = []
        for quantity in QUANTITIES:
            found = self.histograms[quantity.name]
            for selection in self.selections:
                sums = found[{"selection": selection}].view()
                frames.append(
                    pd.DataFrame(
                        {
                            "quantity": quantity.name,
                            "unit": quantity.unit,
                            "selection": selection,
                            "low_edge": quantity.edges[:-1],
                            "high_edge": quantity.edges[1:],
                            "rate_khz": sums.value * rate_per_weight_khz,
                            "error_khz": np.sqrt(sums.variance) * rate_per_weight_khz,
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True)

    def map_table(self, *, rate_per_weight_khz: float) -> pd.DataFrame:
        """Return the towers of all maps in which there is anything.

        Returns
        -------
        Columns ``collection, selection, eta_low, eta_high, phi_low, phi_high, entries, rate_khz``.
        """
        frames = []
        for name, found in self.maps.items():
            eta, phi = (np.asarray(found.axes[each].edges) for each in ("eta", "phi"))
            for selection in self.selections:
                entries = self.entries[name][{"selection": selection}].view()
                rows, columns = np.nonzero(entries)
                sums = found[{"selection": selection}].view().value
                frames.append(
                    pd.DataFrame(
                        {
                            "collection": name,
                            "selection": selection,
                            "eta_low": eta[rows],
                            "eta_high": eta[rows + 1],
                            "phi_low": phi[columns],
                            "phi_high": phi[columns + 1],
                            "entries": entries[rows, columns].astype(np.int64),
                            "rate_khz": sums[rows, columns] * rate_per_weight_khz,
                        }
                    )
                )
        return pd.concat(frames, ignore_index=True)


def read_histograms(path: str | Path) -> dict[str, Any]:
    """Return the histograms of a table that `Anatomy.table` gave, as written by a study.

    Parameters
    ----------
    path
        ``tables/anatomy.parquet`` of a run folder.

    Returns
    -------
    For each quantity a `hist.Hist`, axes (selection, quantity), whose values are rates in kHz.
    """
    frame = pd.read_parquet(path)
    selections = list(dict.fromkeys(frame["selection"]))
    axis = hist.axis.StrCategory(selections, name="selection")
    histograms = {}
    for name, rows in frame.groupby("quantity", sort=False):
        first = rows[rows["selection"] == selections[0]]
        edges = [*first["low_edge"], float(first["high_edge"].iloc[-1])]
        found = hist.Hist(
            axis, hist.axis.Variable(edges, name=str(name)), storage=hist.storage.Weight()
        )
        for place, selection in enumerate(selections):
            chosen = rows[rows["selection"] == selection]
            sums: Any = found.view()
            sums[place].value = chosen["rate_khz"].to_numpy()
            sums[place].variance = chosen["error_khz"].to_numpy() ** 2
        histograms[str(name)] = found
    return histograms


def crossing_values(events: ak.Array) -> dict[str, Values]:
    """Return all quantities of each crossing; NaN where a crossing has no such object."""
    values: dict[str, Values] = {}
    for name in ("jet", "eg", "tau", "mu"):
        offsets, pt = field_columns(events, name, "pt")
        in_gev = _to_float(name, "pt", pt)
        values[f"n_{name}"] = np.diff(offsets).astype(np.float64)
        values[f"pt_{name}"] = _of_slot(offsets, in_gev, 0)
        if name == "jet":
            hard = np.concatenate(([0], (in_gev >= 30).cumsum()))
            values["n_jet30"] = (hard[offsets[1:]] - hard[offsets[:-1]]).astype(np.float64)
    for name in ("htt", "etm"):
        offsets, pt = field_columns(events, name, "pt")
        values[name] = _of_slot(offsets, _to_float(name, "pt", pt), 0)
    for name, mass in (("jet", "m_jj"), ("mu", "m_mumu")):
        values[mass] = _pair_mass(events, name)
    return values


def leading_place(events: ak.Array, collection: str) -> tuple[Values, Values]:
    """Return eta and phi (0 to 2 pi) of the leading object; NaN where there is none."""
    eta_field, phi_field = _PLACES[collection]
    offsets, eta = field_columns(events, collection, eta_field)
    _, phi = field_columns(events, collection, phi_field)
    # The middle of the hardware's step, so that no value lies on an edge of a tower.
    step = load_scales().field(collection, eta_field).lsb
    turn = load_scales().field(collection, phi_field).turn
    return (
        _of_slot(offsets, (eta + 0.5) * step, 0),
        _of_slot(offsets, (phi + 0.5) * (2 * math.pi / turn), 0),
    )


def _pair_mass(events: ak.Array, collection: str) -> Values:
    """Mass of the two leading objects, massless, in GeV."""
    eta_field, phi_field = _PLACES[collection]
    fields = {}
    for name in ("pt", eta_field, phi_field):
        offsets, hardware = field_columns(events, collection, name)
        scale = load_scales().field(collection, name)
        turned = hardware * (2 * math.pi / scale.turn) if scale.turn else None
        values = _to_float(collection, name, hardware) if turned is None else turned
        fields[name] = tuple(_of_slot(offsets, values, slot) for slot in (0, 1))
    (pt1, pt2), (eta1, eta2), (phi1, phi2) = fields.values()
    squared = 2 * pt1 * pt2 * (np.cosh(eta1 - eta2) - np.cos(phi1 - phi2))
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float64)


def _to_float(collection: str, field: str, hardware: NDArray[np.int16]) -> Values:
    values: Values = load_scales().field(collection, field).to_float(hardware)
    return values


def _of_slot(offsets: NDArray[np.int64], contents: NDArray[Any], slot: int) -> Values:
    """Return the entry of a slot in each row, NaN where the row is shorter."""
    out = np.full(len(offsets) - 1, np.nan)
    present = np.diff(offsets) > slot
    out[present] = contents[offsets[:-1][present] + slot]
    return out


def _axis(quantity: Quantity) -> Any:
    return hist.axis.Variable(list(quantity.edges), name=quantity.name, label=quantity.label)


@cache
def _map_axes(collection: str) -> tuple[Any, Any]:
    """Towers of a collection: as wide in eta as the calorimeter's, as far as its codes go."""
    scale = load_scales().field(collection, _PLACES[collection][0])
    half = math.ceil(max(-scale.minimum, scale.maximum + 1) * scale.lsb / TOWER_ETA)
    eta = hist.axis.Regular(2 * half, -half * TOWER_ETA, half * TOWER_ETA, name="eta", label="eta")
    phi = hist.axis.Regular(N_PHI, 0.0, 2 * math.pi, name="phi", label="phi", circular=True)
    return eta, phi
