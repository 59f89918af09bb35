"""Numbers of the parametric detector and Level-1 response, loaded from YAML.

The sections are named tuples because numba kernels take those as arguments, so that kernels and
settings use the same names. No number of the response stands in the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from emulator.errors import SettingsError
from emulator.samples._yaml import (
    FloatArray,
    content_sha256,
    read_yaml,
    refuse_unknown,
    section,
    take,
)
from emulator.samples.response_card import CardNumber, read_card

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ParticleResponse(NamedTuple):
    """How particles reach the calorimeters and what these measure."""

    field_t: float
    barrel_radius_m: float
    barrel_max_abs_eta: float
    endcap_z_m: float
    forward_min_abs_eta: float
    forward_bend_z_m: float
    max_bend_rad: float
    em_stochastic: float
    em_noise_gev: float
    em_constant: float
    em_leak_min_gev: float
    em_leak_max_fraction: float
    had_plateau: float
    had_drop: float
    had_rise_gev: float
    had_stochastic: float
    had_constant: float
    had_floor_gev: float
    mip_fraction: float
    mip_gev: float
    max_em_fraction: float
    forward_had_response: float
    forward_stochastic: float
    forward_constant: float
    forward_floor_gev: float
    em_share_width: float
    had_share_width: float
    min_share: float
    min_tower_gev: float


class MuonCandidates(NamedTuple):
    """Which particles may become a muon, and with which probability."""

    prompt_min_pt_gev: float
    prompt_max_abs_eta: float
    flight_min_pt_gev: float
    flight_max_abs_eta: float
    pion_mass_gev: float
    pion_ctau_m: float
    pion_pt_fraction: float
    kaon_mass_gev: float
    kaon_ctau_m: float
    kaon_branching: float
    kaon_pt_fraction: float
    punch_through: float
    punch_through_gev: float


class TowerResponse(NamedTuple):
    """Trigger primitives."""

    zero_suppression_gev: FloatArray
    lsb_gev: float
    max_lsb: int
    out_of_time_em: float = 0.0
    out_of_time_had: float = 0.0


class JetResponse(NamedTuple):
    """9x9 jets and their calibration."""

    seed_lsb: int
    offset_lsb: FloatArray
    slope: FloatArray
    max_factor: float
    extra_resolution: float


class EgammaResponse(NamedTuple):
    """Electron and photon clusters."""

    rings: int
    seed_lsb: int
    max_had_over_em: float
    free_had_lsb: int
    max_beside_over_em: float
    free_beside_lsb: int
    extra_resolution: float
    accept_floor: float
    accept_midpoint_gev: float
    accept_width_gev: float
    isolation_base_lsb: int
    isolation_per_tower: float
    isolation_per_et: float


class TauResponse(NamedTuple):
    """Clusters of hadronic taus."""

    rings: int
    seed_lsb: int
    scale: float
    isolation_base_lsb: int
    isolation_per_tower: float
    isolation_per_et: float


class MuonResponse(NamedTuple):
    """Efficiency and resolution of the muon trigger."""

    max_abs_eta: float
    barrel_max_abs_eta: float
    barrel_min_pt_gev: float
    endcap_min_p_gev: float
    efficiency: float
    turn_on_pt_gev: float
    turn_on_width_gev: float
    curvature_resolution_barrel: float
    curvature_resolution_overlap: float
    curvature_resolution_endcap: float
    curvature_resolution_endcap_slope: float
    overlap_min_abs_eta: float
    endcap_min_abs_eta: float
    tail_fraction: float
    tail_factor: float
    scale: float
    max_pt_gev: float
    eta_resolution: float
    phi_resolution_rad: float
    quality_12: float
    quality_8: float
    bend_barrel_rad_gev: float
    bend_endcap_rad_gev: float


class SumResponse(NamedTuple):
    """Energy sums."""

    jet_min_lsb: int
    jet_max_eta_lsb: int
    tower_threshold_lsb: FloatArray


#: Sections that decide what a pool holds.
_POOL_PARTS: Final = ("geometry", "particles", "muon_candidates")

_SECTIONS: Final[Mapping[str, type[Any]]] = {
    "particles": ParticleResponse,
    "muon_candidates": MuonCandidates,
    "towers": TowerResponse,
    "jets": JetResponse,
    "egammas": EgammaResponse,
    "taus": TauResponse,
    "muons": MuonResponse,
    "sums": SumResponse,
}


@dataclass(frozen=True, slots=True, eq=False)
class TowerGeometry:
    """Trigger towers: rings in eta from the negative to the positive end, times steps in phi.

    Attributes
    ----------
    n_phi
        Towers per ring.
    edges
        Edges of all rings in rising eta, float64, ``(2 * rings_per_side + 1,)``.
    central_rings
        Rings per side before the forward calorimeter.
    """

    n_phi: int
    edges: FloatArray
    central_rings: int

    @property
    def n_eta(self) -> int:
        """Rings of both sides."""
        return len(self.edges) - 1

    @property
    def centres(self) -> FloatArray:
        """Eta of the middle of each ring, float64, ``(n_eta,)``."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


@dataclass(frozen=True, slots=True, eq=False)
class ResponseSettings:
    """The whole response, one section for each step from a particle to a Level-1 object.

    Attributes
    ----------
    card
        All numbers with their sources and bands.
    sha256, pool_sha256
        Hashes of the values: of all, and of those that decide what a pool holds.
    """

    name: str
    geometry: TowerGeometry
    particles: ParticleResponse
    muon_candidates: MuonCandidates
    towers: TowerResponse
    jets: JetResponse
    egammas: EgammaResponse
    taus: TauResponse
    muons: MuonResponse
    sums: SumResponse
    card: tuple[CardNumber, ...]
    sha256: str
    pool_sha256: str


def load_response(name_or_path: str | Path = "response_cms") -> ResponseSettings:
    """Load the response from a packaged or a user's card, a YAML file.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    SettingsError, MissingNameError
        If a number is missing, of the wrong type, unknown, without a source, or outside its band.

    Examples
    --------
    >>> response = load_response()
    >>> response.geometry.n_eta, response.jets.seed_lsb
    (80, 8)
    """
    raw, where = read_yaml(name_or_path)
    content, card = read_card(raw, where)
    return _from_values(content, card, where)


def drawn_response(response: ResponseSettings, rng: np.random.Generator) -> ResponseSettings:
    """Return a card whose numbers of the Level-1 response are drawn flat inside their bands.

    Numbers without a band stay, and so do those that decide what a pool holds.

    Examples
    --------
    >>> card = load_response()
    >>> other = drawn_response(card, np.random.default_rng(1))
    >>> other.pool_sha256 == card.pool_sha256, 0.93 <= other.muons.efficiency <= 0.98
    (True, True)
    """
    content: dict[str, Any] = {"name": f"{response.name} (drawn)"}
    for number in response.card:
        drawn = number.band is not None and number.section not in _POOL_PARTS
        value = _drawn(number, rng) if drawn else number.value
        content.setdefault(number.section, {})[number.name] = value
    return _from_values(content, response.card, content["name"])


def _drawn(number: CardNumber, rng: np.random.Generator) -> Any:
    assert number.band is not None  # noqa: S101
    low, high = number.band
    if isinstance(number.value, list):
        factor = float(rng.uniform(low, high))
        return [{**group, "value": group["value"] * factor} for group in number.value]
    if isinstance(number.value, int):
        return int(rng.integers(int(low), int(high) + 1))
    return float(rng.uniform(low, high))


def _from_values(
    content: Mapping[str, Any], card: tuple[CardNumber, ...], where: str
) -> ResponseSettings:
    refuse_unknown(content, ("name", "geometry", *_SECTIONS), where)
    geometry = _geometry(content, where)
    rings = geometry.n_eta // 2
    return ResponseSettings(
        name=take(content, "name", str, where),
        geometry=geometry,
        **{name: section(content, name, kind, where, rings) for name, kind in _SECTIONS.items()},
        card=card,
        sha256=content_sha256(_that_act(content)),
        # A pool holds towers and candidates, so it does not depend on the Level-1 response.
        pool_sha256=content_sha256({part: content[part] for part in _POOL_PARTS}),
    )


#: Numbers that change nothing at this value. Samples made before they existed keep their identity.
_WITHOUT_EFFECT: Final[Mapping[str, Mapping[str, float]]] = {
    "towers": {"out_of_time_em": 0.0, "out_of_time_had": 0.0}
}


def _that_act(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        part: {
            name: value
            for name, value in numbers.items()
            if value != _WITHOUT_EFFECT.get(part, {}).get(name)
        }
        if isinstance(numbers, dict)
        else numbers
        for part, numbers in content.items()
    }


def packaged_response(sha256: str) -> ResponseSettings | None:
    """Return the packaged response card if it has this hash, else None.

    Examples
    --------
    >>> packaged_response(load_response().sha256).name
    'cms'
    """
    response = load_response()
    return response if response.sha256 == sha256 else None


def _geometry(content: Mapping[str, Any], where: str) -> TowerGeometry:
    raw = take(content, "geometry", dict, where)
    place = f"{where}: geometry"
    edges = np.asarray(take(raw, "eta_edges", list, place), dtype=np.float64)
    n_phi = take(raw, "n_phi", int, place)
    if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0.0 or (np.diff(edges) <= 0).any():
        msg = f"{place}: eta_edges must rise from 0"
        raise SettingsError(msg)
    # The forward calorimeter is filled in pairs of towers.
    if n_phi < 18 or n_phi % 2:
        msg = f"{place}: n_phi must be even and at least 18 (a jet with its rim), not {n_phi}"
        raise SettingsError(msg)
    return TowerGeometry(
        n_phi=n_phi,
        edges=np.concatenate([-edges[:0:-1], edges]),
        central_rings=take(raw, "central_rings", int, place),
    )
