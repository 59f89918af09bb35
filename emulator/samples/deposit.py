"""Final particles to sparse trigger towers and muon candidates.

A particle is bent in the solenoid, smeared, and its energy is shared with the nearest tower when it
hits near an edge. Pions and kaons leave a muon candidate with the probability to decay in flight or
to punch through; whether it is realised is decided for each crossing anew.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.jit import kernel

if TYPE_CHECKING:
    from emulator.samples._yaml import FloatArray
    from emulator.samples.detector import MuonCandidates, ParticleResponse, ResponseSettings

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
Int8Array = NDArray[np.int8]

PHOTON: Final = 0
ELECTRON: Final = 1
PION: Final = 2
KAON: Final = 3
BARYON: Final = 4
NEUTRAL: Final = 5
MUON: Final = 6
INVISIBLE: Final = 7

#: Columns of a muon candidate: pT in GeV, eta, phi, charge, probability to be realised.
CANDIDATE_FIELDS: Final = ("pt", "eta", "phi", "charge", "probability")

_POSITIVE: Final = (-11, -13, 211, 321, 2212, 3222, -3112, -3312, -3334)


class Deposits(NamedTuple):
    """Sparse towers and candidates of consecutive events, both with offsets per event.

    Attributes
    ----------
    tower_offsets, candidate_offsets
        int64, ``(n_events + 1,)``.
    tower_index
        uint16, ring times towers per ring plus phi.
    em_gev, had_gev
        float32 transverse energies.
    candidates
        float32, ``(n_candidates, 5)``, see `CANDIDATE_FIELDS`.
    """

    tower_offsets: IntArray
    tower_index: NDArray[np.uint16]
    em_gev: Float32Array
    had_gev: Float32Array
    candidate_offsets: IntArray
    candidates: Float32Array


class Particles(NamedTuple):
    """Final particles of consecutive events: offsets, then one value per particle."""

    offsets: IntArray
    pt_gev: FloatArray
    eta: FloatArray
    phi: FloatArray
    kind: Int8Array
    charge: Int8Array


def classify(pdg_id: NDArray[np.integer]) -> tuple[Int8Array, Int8Array]:
    """Return how the detector sees particles, and their charge, from their PDG numbers.

    Examples
    --------
    >>> kind, charge = classify(np.array([22, -13, 211, 16]))
    >>> kind.tolist(), charge.tolist()
    ([0, 6, 2, 7], [0, 1, 1, 0])
    """
    size = np.abs(pdg_id)
    kind = np.full(pdg_id.shape, NEUTRAL, np.int8)
    kind[size == 22] = PHOTON
    kind[size == 11] = ELECTRON
    kind[size == 211] = PION
    kind[size == 321] = KAON
    kind[np.isin(size, (2212, 3112, 3222, 3312, 3334))] = BARYON
    kind[size == 13] = MUON
    # Neutrinos, neutralino and gravitino, and everything of a hidden valley.
    kind[np.isin(size, (12, 14, 16, 18, 39, 1000022)) | (size > 4_900_000)] = INVISIBLE
    charge = np.zeros(pdg_id.shape, np.int8)
    charge[np.isin(pdg_id, _POSITIVE)] = 1
    charge[np.isin(-pdg_id, _POSITIVE)] = -1
    return kind, charge


def deposit(particles: Particles, response: ResponseSettings, rng: np.random.Generator) -> Deposits:
    """Turn the particles of events into sparse towers and muon candidates.

    Parameters
    ----------
    particles
        Final particles.
    response
        Numbers of the detector.
    rng
        Source of randomness for the smearing.

    Returns
    -------
    The deposits of all events, in order.
    """
    geometry = response.geometry
    return _deposit(
        particles,
        response.particles,
        response.muon_candidates,
        geometry.edges,
        geometry.n_phi,
        rng,
    )


def compile_deposit(response: ResponseSettings) -> None:
    """Compile the kernels, or load them from the cache, with one empty event."""
    nothing = Particles(
        offsets=np.zeros(2, np.int64),
        pt_gev=np.zeros(0),
        eta=np.zeros(0),
        phi=np.zeros(0),
        kind=np.zeros(0, np.int8),
        charge=np.zeros(0, np.int8),
    )
    deposit(nothing, response, np.random.default_rng(0))


@kernel
def _flight_probability(
    pt: float, eta: float, kind: int, r: ParticleResponse, m: MuonCandidates
) -> float:
    """Probability of a pion or kaon to decay before the calorimeter, or to punch through it."""
    size = abs(eta)
    if size < r.barrel_max_abs_eta:
        path = r.barrel_radius_m * math.cosh(eta)
    else:
        path = r.endcap_z_m / math.tanh(size)
    energy = pt * math.cosh(eta)
    if kind == PION:
        decay = 1.0 - math.exp(-m.pion_mass_gev / m.pion_ctau_m * path / energy)
    else:
        decay = 1.0 - math.exp(-m.kaon_mass_gev / m.kaon_ctau_m * path / energy)
        decay *= m.kaon_branching
    return decay + m.punch_through * min(1.0, energy / m.punch_through_gev)


@kernel
def _bend(pt: float, abs_eta: float, charge: int, r: ParticleResponse) -> float:
    """Change of phi between vertex and calorimeter; beyond ``max_bend_rad`` if it curls."""
    if charge == 0:
        return 0.0
    radius = pt / (0.3 * r.field_t)
    if abs_eta < r.barrel_max_abs_eta:
        sine = r.barrel_radius_m / (2.0 * radius)
        if sine >= 1.0:
            return 2.0 * r.max_bend_rad
        return -charge * math.asin(sine)
    z = r.endcap_z_m if abs_eta < r.forward_min_abs_eta else r.forward_bend_z_m
    return -charge * z / math.sinh(abs_eta) / (2.0 * radius)


@kernel
def _measure(
    energy: float, kind: int, forward: bool, r: ParticleResponse, rng: np.random.Generator
) -> tuple[float, float]:
    """Smeared electromagnetic and hadronic energy of a particle."""
    if forward:
        scale = 1.0 if kind <= ELECTRON else r.forward_had_response
        width = math.sqrt(
            r.forward_stochastic**2 / max(energy, r.forward_floor_gev) + r.forward_constant**2
        )
        return 0.0, max(energy * scale * (1.0 + width * rng.standard_normal()), 0.0)
    if kind <= ELECTRON:
        width = math.sqrt(
            r.em_stochastic**2 / energy + r.em_constant**2 + (r.em_noise_gev / energy) ** 2
        )
        em = max(energy * (1.0 + width * rng.standard_normal()), 0.0)
        had = 0.0
        if energy > r.em_leak_min_gev:
            had = r.em_leak_max_fraction * energy * rng.random()
        return em, had
    scale = r.had_plateau - r.had_drop * math.exp(-energy / r.had_rise_gev)
    width = math.sqrt(r.had_stochastic**2 / max(energy, r.had_floor_gev) + r.had_constant**2)
    total = energy * scale * (1.0 + width * rng.standard_normal())
    if total <= 0.0:
        return 0.0, 0.0
    if rng.random() < r.mip_fraction:
        em = min(r.mip_gev, total)
    else:
        em = r.max_em_fraction * rng.random() * total
    return em, total - em


@kernel
def _neighbour(position: float, width: float) -> tuple[int, float]:
    """Direction of the neighbour tower that shares the energy, and its share (half at the edge)."""
    if position < width:
        return -1, 0.5 * (1.0 - position / width)
    if position > 1.0 - width:
        return 1, 0.5 * (1.0 - (1.0 - position) / width)
    return 0, 0.0


@kernel
def _share(
    plane: Float32Array,
    ring: int,
    step: int,
    position: tuple[float, float],
    energy: float,
    width: float,
    min_share: float,
) -> None:
    """Add energy to a tower and to its nearest neighbours in eta, phi and across the corner.

    ``position`` is the place inside the tower in eta and phi, 0 to 1. Shares below ``min_share``
    are not worth a tower and are left out.
    """
    n_eta, n_phi = plane.shape
    d_eta, share_eta = _neighbour(position[0], width)
    d_phi, share_phi = _neighbour(position[1], width)
    other_ring = ring + d_eta
    if other_ring < 0 or other_ring >= n_eta:
        other_ring = ring
    other_step = (step + d_phi) % n_phi
    for in_phi in range(2):
        part_phi = share_phi if in_phi else 1.0 - share_phi
        if part_phi <= min_share:
            continue
        for in_eta in range(2):
            part_eta = share_eta if in_eta else 1.0 - share_eta
            if part_eta <= min_share:
                continue
            plane[other_ring if in_eta else ring, other_step if in_phi else step] += (
                energy * part_eta * part_phi
            )


@kernel
def _deposit_particle(
    em: Float32Array,
    had: Float32Array,
    pt: float,
    eta: float,
    phi: float,
    kind: int,
    charge: int,
    r: ParticleResponse,
    edges: FloatArray,
    rng: np.random.Generator,
) -> None:
    n_phi = em.shape[1]
    ring = int(np.searchsorted(edges, eta, side="right")) - 1
    if ring < 0 or ring >= em.shape[0]:
        return
    size = abs(eta)
    bend = _bend(pt, size, charge, r)
    if abs(bend) > r.max_bend_rad:
        return
    energy = pt * math.cosh(eta)
    forward = size >= r.forward_min_abs_eta
    em_energy, had_energy = _measure(energy, kind, forward, r, rng)
    to_transverse = pt / energy
    em_energy *= to_transverse
    had_energy *= to_transverse
    place = ((phi + bend) % (2.0 * math.pi)) / (2.0 * math.pi) * n_phi
    step = min(int(place), n_phi - 1)
    if forward:
        pair = step // 2 * 2
        had[ring, pair] += 0.5 * had_energy
        had[ring, pair + 1] += 0.5 * had_energy
        return
    position = ((eta - edges[ring]) / (edges[ring + 1] - edges[ring]), place - step)
    if em_energy > 0.0:
        _share(em, ring, step, position, em_energy, r.em_share_width, r.min_share)
    if had_energy > 0.0:
        _share(had, ring, step, position, had_energy, r.had_share_width, r.min_share)


@kernel
def _muon_candidate(
    pt: float, eta: float, kind: int, r: ParticleResponse, m: MuonCandidates
) -> tuple[float, float]:
    """Probability that a particle becomes a muon, and the fraction of pT that this muon has."""
    size = abs(eta)
    if kind == MUON:
        seen = pt > m.prompt_min_pt_gev and size < m.prompt_max_abs_eta
        return (1.0 if seen else 0.0), 1.0
    if pt <= m.flight_min_pt_gev or size >= m.flight_max_abs_eta:
        return 0.0, 1.0
    if kind == PION:
        return _flight_probability(pt, eta, kind, r, m), m.pion_pt_fraction
    if kind == KAON:
        return _flight_probability(pt, eta, kind, r, m), m.kaon_pt_fraction
    return 0.0, 1.0


@kernel
def _collect_towers(
    em: Float32Array, had: Float32Array, min_gev: float, out: Deposits, n: int
) -> int:
    """Append the towers of an event to the output, clear the planes, return the new number."""
    n_eta, n_phi = em.shape
    for ring in range(n_eta):
        for step in range(n_phi):
            if em[ring, step] + had[ring, step] > min_gev:
                out.tower_index[n] = ring * n_phi + step
                out.em_gev[n] = em[ring, step]
                out.had_gev[n] = had[ring, step]
                n += 1
    em[:] = 0.0
    had[:] = 0.0
    return n


@kernel
def _deposit(
    particles: Particles,
    r: ParticleResponse,
    m: MuonCandidates,
    edges: FloatArray,
    n_phi: int,
    rng: np.random.Generator,
) -> Deposits:
    n_eta = edges.size - 1
    n_events = particles.offsets.size - 1
    n_particles = particles.pt_gev.size
    em = np.zeros((n_eta, n_phi), np.float32)
    had = np.zeros((n_eta, n_phi), np.float32)
    # One particle reaches at most four towers in each of the two planes.
    room = 8 * n_particles
    out = Deposits(
        np.zeros(n_events + 1, np.int64),
        np.empty(room, np.uint16),
        np.empty(room, np.float32),
        np.empty(room, np.float32),
        np.zeros(n_events + 1, np.int64),
        np.empty((n_particles, 5), np.float32),
    )
    n_towers = 0
    n_candidates = 0
    for event in range(n_events):
        for i in range(particles.offsets[event], particles.offsets[event + 1]):
            kind, charge = particles.kind[i], particles.charge[i]
            pt, eta, phi = particles.pt_gev[i], particles.eta[i], particles.phi[i]
            probability, fraction = _muon_candidate(pt, eta, kind, r, m)
            if probability > 0.0:
                out.candidates[n_candidates, 0] = pt * fraction
                out.candidates[n_candidates, 1] = eta
                out.candidates[n_candidates, 2] = phi
                out.candidates[n_candidates, 3] = charge
                out.candidates[n_candidates, 4] = probability
                n_candidates += 1
            # A muon leaves next to nothing in the calorimeters.
            if kind != MUON and kind != INVISIBLE:  # noqa: PLR1714
                _deposit_particle(em, had, pt, eta, phi, kind, charge, r, edges, rng)
        n_towers = _collect_towers(em, had, r.min_tower_gev, out, n_towers)
        out.tower_offsets[event + 1] = n_towers
        out.candidate_offsets[event + 1] = n_candidates
    return Deposits(
        out.tower_offsets,
        out.tower_index[:n_towers].copy(),
        out.em_gev[:n_towers].copy(),
        out.had_gev[:n_towers].copy(),
        out.candidate_offsets,
        out.candidates[:n_candidates].copy(),
    )
